"""Publish one message and wait for the confirm."""

import aio_pika
import aiormq
from aio_pika.abc import AbstractChannel
from aiormq import spec

from worker.broker.lost import LOST, as_lost
from worker.errors import BrokerAway, BrokerRefused, Unroutable
from worker.message import Outgoing

# A broker in a resource alarm stops reading from publishers without closing the connection.
CONFIRM_SECONDS = 30


async def publish_on(channel: AbstractChannel, message: Outgoing) -> None:
    """Publish persistent and mandatory, and wait for the confirm. Raises Unroutable, BrokerRefused or BrokerAway."""
    try:
        underlay = await channel.get_underlay_channel()
        assert isinstance(underlay, aiormq.Channel)
        await underlay.basic_publish(
            message.body,
            exchange=message.exchange,
            routing_key=message.routing_key,
            properties=properties_of(message),
            mandatory=True,
            timeout=CONFIRM_SECONDS,
        )
    except BaseException as error:
        if (told := as_told(error, message)) is not error:
            raise told from None
        raise


def properties_of(message: Outgoing) -> spec.Basic.Properties:
    """Persistent, and as the message says."""
    return spec.Basic.Properties(
        content_type=message.content_type,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=message.message_id,
        correlation_id=message.correlation_id,
        app_id=message.app_id,
        headers=message.headers,  # type: ignore[arg-type]  # a table as it came, or our own strings
        timestamp=message.sent_at,
    )


def as_told(error: BaseException, message: Outgoing) -> BaseException:
    """What the library raises, as Unroutable, BrokerRefused or BrokerAway."""
    match as_lost(error):
        case aio_pika.exceptions.PublishError():
            return Unroutable(f"no queue takes {message.routing_key}")
        case aio_pika.exceptions.DeliveryError():
            return BrokerRefused(f"the broker refused {message.routing_key}")
        case lost if isinstance(lost, LOST):
            return BrokerAway(f"no confirm ({type(lost).__name__})")
        case other:
            return other
