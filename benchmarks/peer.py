"""The worker that one would write in an afternoon with FastStream, httpx and asyncpg, as the others are compared to.

It promises: a command is validated, signed, sent, and written down with its two lines and balances in one
transaction; its event is published with a confirm; the message is acked after that.
It does not promise: anything across a crash. No order is written before it is sent, so a crash or a lost answer pays
twice when the message comes again; nothing is held, so two commands can spend the same funds; the event is lost
between commit and publish; a repeated command is executed again; no refusal, no resume, no audit.

It has what makes it fast: uvloop, a pool of both connections and database sessions, 200 commands at once, one
statement per command, kept-alive connections. `TRANSPORT=aiohttp` puts httpx on aiohttp, several times faster.
"""

import asyncio
import hashlib
import hmac
import json
import os
import time
import uuid
from datetime import UTC, datetime
from decimal import Decimal

import asyncpg
import httpx
import uvloop
from faststream import FastStream
from faststream.rabbit import Channel, ExchangeType, RabbitBroker, RabbitExchange, RabbitQueue
from httpx_aiohttp import AiohttpTransport
from pydantic import BaseModel

AT_ONCE = 200
APP_ID, APP_SECRET = os.environ["APP_ID"], os.environ["APP_SECRET"]
URL = os.environ["GATEWAY_URL"] + "/ccpayment/v2/userTransfer"

broker = RabbitBroker(os.environ["AMQP_URL"], default_channel=Channel(prefetch_count=AT_ONCE), logger=None)
app = FastStream(broker, logger=None)
commands = RabbitQueue("bench.peer", durable=True, arguments={"x-queue-type": "quorum"})
events = RabbitExchange("bench.events", type=ExchangeType.TOPIC, durable=True)


class Transfer(BaseModel):
    """The command, with as much of its rules as matters to the provider."""

    type: str
    orderId: str  # noqa: N815 - the name on the wire
    fromUserId: str  # noqa: N815 - the name on the wire
    toUserId: str  # noqa: N815 - the name on the wire
    coinId: int  # noqa: N815 - the name on the wire
    amount: Decimal


class Parts:
    """What is opened once."""

    client: httpx.AsyncClient
    pool: asyncpg.Pool


@app.on_startup
async def open_parts() -> None:
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    transport = AiohttpTransport(limits=limits) if os.environ["TRANSPORT"] == "aiohttp" else None
    Parts.client = httpx.AsyncClient(limits=limits, transport=transport, timeout=10)
    Parts.pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=8, max_size=8)


@broker.subscriber(commands)
async def execute(command: Transfer) -> None:
    """Send, write down, tell."""
    body = json.dumps(
        {
            "coinId": command.coinId,
            "fromUserId": command.fromUserId,
            "toUserId": command.toUserId,
            "orderId": command.orderId,
            "amount": str(command.amount),
        }
    ).encode()
    at = str(int(time.time()))
    signature = hmac.new(APP_SECRET.encode(), APP_ID.encode() + at.encode() + body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "Appid": APP_ID, "Timestamp": at, "Sign": signature}
    response = await Parts.client.post(URL, content=body, headers=headers)
    answer = response.json()
    if response.status_code != 200 or answer["code"] != 10000:
        raise RuntimeError(answer)
    record_id = answer["data"]["recordId"]
    await Parts.pool.execute(
        "SELECT peer.transfer($1, $2, $3, $4)", command.orderId, command.fromUserId, command.toUserId, command.amount
    )
    await broker.publish(_event(command, record_id), exchange=events, routing_key="transfer.succeeded", persist=True)


def _event(command: Transfer, record_id: str) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/peer",
        "type": "ledger.transfer.succeeded",
        "subject": command.orderId,
        "time": datetime.now(UTC).isoformat(),
        "data": {"orderId": command.orderId, "result": "succeeded", "providerRef": record_id},
    }


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(app.run())
