"""Publish one message and wait for the confirm."""

from collections.abc import Iterator
from contextlib import contextmanager

import aio_pika
import aiormq
from aio_pika.abc import AbstractChannel
from aiormq import spec

from worker.broker.lost import LOST, told_as_lost
from worker.errors import BrokerAway, BrokerRefused, Unroutable
from worker.message import Outgoing

# A broker in a resource alarm stops reading from publishers without closing the connection.
CONFIRM_SECONDS = 30


async def publish_on(channel: AbstractChannel, message: Outgoing) -> None:
    """Publish persistent and mandatory, and wait for the confirm. Raises Unroutable, BrokerRefused or BrokerAway."""
    with told_of(message):
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


@contextmanager
def told_of(message: Outgoing) -> Iterator[None]:
    """What the library raises, as Unroutable, BrokerRefused or BrokerAway."""
    try:
        with told_as_lost():
            yield
    except aio_pika.exceptions.PublishError:
        raise Unroutable(f"no queue takes {message.routing_key}") from None
    except aio_pika.exceptions.DeliveryError:
        raise BrokerRefused(f"the broker refused {message.routing_key}") from None
    except LOST as error:
        raise BrokerAway(f"no confirm ({type(error).__name__})") from None
