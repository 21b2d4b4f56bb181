"""The broker port, the only user of aio-pika: declare, consume, publish with confirm.

Plain connections, not the library's robust ones: those restore channels behind one's back, keep delivery tags of
channels that are gone, and do not replay publishes. Here a session is either whole or over; when it is over,
everything unacked is redelivered, every unconfirmed publish raises BrokerAway, and a new session begins.
"""

from worker.broker.broker import Broker as Broker
from worker.broker.broker import Stopping as Stopping
from worker.broker.broker import Valve as Valve
from worker.broker.check import check_topology as check_topology
from worker.broker.connection import answered as answered
from worker.broker.connection import open_channel as open_channel
from worker.broker.connection import visit as visit
from worker.broker.declare import apply_topology as apply_topology
from worker.broker.look import Held as Held
from worker.broker.look import hold_waiting as hold_waiting
from worker.broker.look import tap_events as tap_events
from worker.broker.look import waiting_messages as waiting_messages
from worker.broker.publish import publish_on as publish_on
