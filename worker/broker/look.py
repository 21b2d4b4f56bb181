"""A look: what a person sees of events that pass, and of messages that wait in a queue."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from worker.broker.answers import Answers
from worker.broker.connection import answered, visit
from worker.broker.delivery import BrokerDelivery
from worker.message import Delivery
from worker.topology import EVENTS_EXCHANGE

# What a person's look into a queue takes of this machine's memory.
HELD_BYTES_MAX = 64 * 1024 * 1024


@asynccontextmanager
async def tap_events(url: str, binding: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """The events that are published from now on, on a queue of one's own that goes with the connection."""
    tapped: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def put(message: AbstractIncomingMessage) -> None:
        tapped.put_nowait(message.body)

    async def events() -> AsyncIterator[dict[str, Any]]:
        while (body := await tapped.get()) is not None:
            yield json.loads(body)

    async with visit(url) as channel:
        channel.close_callbacks.add(lambda *_: tapped.put_nowait(None))
        async with answered():
            queue = await channel.declare_queue(exclusive=True)
            await queue.bind(EVENTS_EXCHANGE, binding)
            await queue.consume(put, no_ack=True)
        yield events()


async def waiting_messages(channel: AbstractChannel, queue: str) -> int:
    """How much waits in a queue: its messages, and whoever else takes from it."""
    counted = (await channel.declare_queue(queue, passive=True)).declaration_result
    return (counted.message_count or 0) + (counted.consumer_count or 0)


@dataclass(frozen=True, slots=True)
class Held:
    """A message taken from a queue and not acked: it goes back when the channel closes, whatever ends it."""

    delivery: Delivery
    headers: Mapping[str, Any]  # all of them; the delivery has those that can be published again
    sent_at: datetime | None


async def hold_waiting(channel: AbstractChannel, queue: str, provider: str, limit: int) -> tuple[list[Held], bool]:
    """What waits in a queue, oldest first, up to `limit` and HELD_BYTES_MAX; and whether that is all."""
    underlay = await channel.get_underlay_channel()
    answers = Answers(underlay)
    held: list[Held] = []
    room = HELD_BYTES_MAX
    while len(held) < limit and room > 0:
        async with answered():
            delivered = await underlay.basic_get(queue)
        if delivered.delivery_tag is None:
            return held, True
        properties = delivered.header.properties
        sent_at = properties.timestamp
        if sent_at is not None and sent_at.tzinfo is None:
            sent_at = sent_at.replace(tzinfo=UTC)
        held.append(Held(BrokerDelivery(delivered, provider, answers), properties.headers or {}, sent_at))
        room -= len(delivered.body)
    return held, False
