"""The commands that are published, the accounts that they need, and the events that say they are done."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import asyncpg
from aio_pika.abc import AbstractChannel

from worker.broker import open_channel, publish_on
from worker.message import Outgoing

COIN = 1280
USERS = 200


async def fund(url: str) -> None:
    """Every user can pay for everything."""
    owner = await asyncpg.connect(url)
    for number in range(USERS):
        await owner.execute(
            "SELECT ledger.adjust($1, '', $2, 'ccpayment', $3, 1000000000, 'bench', now())",
            f"e2e-fund-{number}",
            f"user:{_user(number)}",
            str(COIN),
        )
    await owner.close()


def order_ids(count: int) -> list[str]:
    """Ids that no other run has used."""
    run = secrets.token_hex(4)
    return [f"{run}-{number}" for number in range(count)]


async def publish(amqp_url: str, exchange: str, routing_key: str, order_ids: list[str]) -> None:
    """All of them, confirmed, before it returns."""
    async with open_channel(amqp_url) as (channel, _):
        await publish_on_channel(channel, exchange, routing_key, order_ids)


async def publish_on_channel(channel: AbstractChannel, exchange: str, routing_key: str, order_ids: list[str]) -> None:
    """The same on a channel that is there, some hundreds at once."""
    for first in range(0, len(order_ids), 500):
        batch = [
            message(exchange, routing_key, number, order_ids[number])
            for number in range(first, min(first + 500, len(order_ids)))
        ]
        await asyncio.gather(*(publish_on(channel, one) for one in batch))


def message(exchange: str, routing_key: str, number: int, order_id: str) -> Outgoing:
    """A transfer from one user to another.

    No two that follow each other share an account: a worker with a transaction per command would wait for its own
    row locks.
    """
    command = {
        "type": "transfer",
        "orderId": order_id,
        "fromUserId": _user(number % USERS),
        "toUserId": _user((number + USERS // 2) % USERS),
        "coinId": COIN,
        "amount": "0.01",
    }
    return Outgoing(
        exchange=exchange,
        routing_key=routing_key,
        body=json.dumps(command).encode(),
        content_type="application/json",
    )


@asynccontextmanager
async def tap(amqp_url: str, exchange: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """The events of the exchange from now on."""
    tapped: asyncio.Queue[bytes] = asyncio.Queue()

    async def put(incoming: aio_pika.abc.AbstractIncomingMessage) -> None:
        tapped.put_nowait(incoming.body)

    async def events() -> AsyncIterator[dict[str, Any]]:
        while True:
            yield json.loads(await tapped.get())

    async with open_channel(amqp_url) as (channel, _):
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(exchange, "transfer.*")
        await queue.consume(put, no_ack=True)
        yield events()


async def until_told(events: AsyncIterator[dict[str, Any]], waiting: set[str], left: int = 0) -> None:
    """Wait until no more than so many are left; whoever has succeeded is taken out."""
    while len(waiting) > left:
        event = await anext(events)
        assert event["data"]["result"] == "succeeded", event
        waiting.discard(event["data"]["orderId"])


def _user(number: int) -> str:
    return f"payer{number:04d}"
