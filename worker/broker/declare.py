"""Declare: our exchanges, queues and bindings on a channel, and the words for one that is there and differs."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractQueue
from aio_pika.exceptions import AMQPError, ChannelPreconditionFailed
from aiormq.exceptions import ChannelLockedResource

from worker.errors import TopologyDiffers
from worker.topology import EXCHANGES, Queue, queues

MEND = "delete it when it is empty, or use another virtual host"

# The broker's own words, the same from 3.10 to 4.x; `the value 'x' of type 'longstr'` where it has no such argument.
_DIFFERS = re.compile(
    r"inequivalent arg '(?P<argument>[^']+)' for .*: received (?:the value )?(?P<ours>'[^']*'|none).*"
    r" but current is (?:the value )?(?P<theirs>'[^']*'|none)"
)
_DIFFERENT = (ChannelPreconditionFailed, ChannelLockedResource)


async def apply_topology(channel: AbstractChannel, providers: tuple[str, ...]) -> None:
    """Declare exchanges, queues and bindings; harmless when they are there. Raises TopologyDiffers."""
    await apply_exchanges(channel)
    await apply_queues(channel, providers)


async def apply_queues(channel: AbstractChannel, providers: tuple[str, ...]) -> None:
    """Declare and bind the queues of exchanges that are there. Raises TopologyDiffers."""
    for queue in queues(providers):
        with _told_as_different(f"queue {queue.name}"):
            declared = await _declare(channel, queue)
            await declared.bind(queue.exchange, queue.binding)


async def apply_exchanges(channel: AbstractChannel) -> None:
    """Declare the exchanges alone. Raises TopologyDiffers."""
    for name in EXCHANGES:
        with _told_as_different(f"exchange {name}"):
            await channel.declare_exchange(name, ExchangeType.TOPIC, durable=True)


async def check_exchange(channel: AbstractChannel, name: str) -> None:
    """Whether it is there, and ours. Raises TopologyDiffers, or what the library raises when it is missing."""
    await channel.declare_exchange(name, passive=True)
    with _told_as_different(f"exchange {name}"):
        await channel.declare_exchange(name, ExchangeType.TOPIC, durable=True)


async def check_queue(channel: AbstractChannel, queue: Queue) -> None:
    """Whether it is there, and ours. Raises as `check_exchange` does."""
    with _told_as_different(f"queue {queue.name}"):
        await channel.declare_queue(queue.name, passive=True)
        await _declare(channel, queue)


def difference(what: str, error: AMQPError) -> str:
    """`queue NAME differs: x-delivery-limit is '5', ours is '20'`, or the broker's words if they read otherwise."""
    found = _DIFFERS.search(str(error))
    if found is None:
        return f"{what} differs: {error}"
    return f"{what} differs: {found['argument']} is {found['theirs']}, ours is {found['ours']}"


@contextmanager
def _told_as_different(what: str) -> Iterator[None]:
    try:
        yield
    except _DIFFERENT as error:
        raise TopologyDiffers(f"{difference(what, error)}; {MEND}") from None


async def _declare(channel: AbstractChannel, queue: Queue) -> AbstractQueue:
    arguments: Any = queue.arguments
    return await channel.declare_queue(queue.name, durable=True, arguments=arguments)
