"""The story: what happens to a command, from the queue to its end.

Everything else joins this road: `resume` claims orders and calls `go_on`; whoever learns something about an
order calls `settle`; the relay publishes what `settle` wrote.
"""

from worker.message import Delivery
from worker.order import Order
from worker.providers.protocol import Absent
from worker.steps.admit import admit
from worker.steps.decode import Malformed, decode
from worker.steps.refuse import refuse
from worker.steps.settle import apply, settle
from worker.steps.submit import look_up, may_send_again, obstacle, start_attempt, submit
from worker.world import World


async def execute(delivery: Delivery, world: World) -> None:
    """A command: from its message to its result."""
    command = decode(delivery.message)  # bytes -> valid command, or why not
    if isinstance(command, Malformed):
        await refuse(command, delivery.message, world)  # event and dead letter, both durable; then ack
        await delivery.ack()
        return

    order = await admit(command, delivery.message, world)  # one transaction; PostgreSQL owns it now
    await delivery.ack()
    if order is not None:  # newly admitted, and the lease is ours
        await finish(order, world)


async def finish(order: Order, world: World) -> None:
    """Send the attempt that is written down, and settle what came of it."""
    outcome = await submit(order, world)  # send what was signed, no transaction open
    await settle(order, outcome, "answer", world)  # post | release | wait, and the event, one transaction


async def go_on(order: Order, world: World) -> None:
    """Take up an order that another left, or whose time has come: look before sending again."""
    looked_at = world.clock.now()  # not later: what is not there now may be there by the time that this is decided
    found = await look_up(order, world)
    if not (isinstance(found, Absent) and may_send_again(order, world)):
        await settle(order, found, "record", world, looked_at)
    elif (deferred := obstacle(order, world)) is not None:
        # To this revision alone, never decided anew: a worker with other settings may have sent it meanwhile.
        await apply(order, deferred, "record", world)
    else:
        started = await start_attempt(order, world)
        if started is not None:
            await finish(started, world)
