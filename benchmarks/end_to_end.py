"""The whole road: commands waiting in RabbitMQ, one `ledger-worker run`, the sandbox, and the events it publishes."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from worker.broker import apply_topology, open_channel, publish_on, tap_events
from worker.message import Outgoing
from worker.sandbox_desk import SANDBOX_APP_ID, SANDBOX_APP_SECRET
from worker.topology import COMMANDS_EXCHANGE, commands_queue

COIN = 1280
USERS = 200
COMMANDS = 6000
# The first ones warm up connections, prepared statements and caches.
WARM_UP = 1000
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


async def measure(url: str, amqp_url: str) -> list[dict[str, Any]]:
    """One row: commands per second from the first counted event to the last, and the worker's CPU per command."""
    async with open_channel(amqp_url) as (channel, _):
        await apply_topology(channel, ("ccpayment",))
        await (await channel.get_queue(commands_queue("ccpayment").name, ensure=False)).purge()
    await _fund(url)
    async with _process("sandbox", "--port", "0", *_gifts()) as sandbox:
        assert sandbox.stdout is not None
        base_url = (await sandbox.stdout.readline()).decode().split()[1]
        async with tap_events(amqp_url, "transfer.*") as events:
            await _publish(amqp_url)
            environment = {"LEDGER_DATABASE_URL": url, "LEDGER_CCPAYMENT_BASE_URL": base_url}
            async with _process("run", **environment) as worker:
                return [await _drain(events, worker.pid)]


async def _drain(events: AsyncIterator[dict[str, Any]], pid: int) -> dict[str, Any]:
    """Count events as they come; the clock starts when the warm-up is over."""
    seen: set[str] = set()
    start, cpu = 0.0, 0.0
    async for event in events:
        assert event["data"]["result"] == "succeeded", event
        seen.add(event["id"])
        if len(seen) == WARM_UP and not start:
            start, cpu = time.perf_counter(), _cpu_seconds(pid)
        if len(seen) == COMMANDS:
            break
    counted = COMMANDS - WARM_UP
    return {
        "commands": counted,
        "commands/s": round(counted / (time.perf_counter() - start)),
        "worker CPU per command, µs": round((_cpu_seconds(pid) - cpu) / counted * 1e6),
    }


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


async def _publish(amqp_url: str) -> None:
    async with open_channel(amqp_url) as (channel, _):
        for first in range(0, COMMANDS, 500):
            await asyncio.gather(*(publish_on(channel, _message(number)) for number in range(first, first + 500)))


def _message(number: int) -> Outgoing:
    payer = number % USERS
    command = {
        "type": "transfer",
        "orderId": f"e2e-{number}",
        "fromUserId": _user(payer),
        "toUserId": _user((payer + 1) % USERS),
        "coinId": COIN,
        "amount": "0.01",
    }
    return Outgoing(
        exchange=COMMANDS_EXCHANGE,
        routing_key="ccpayment.transfer",
        body=json.dumps(command).encode(),
        content_type="application/json",
    )


async def _fund(url: str) -> None:
    owner = await asyncpg.connect(url)
    for number in range(USERS):
        await owner.execute(
            "SELECT ledger.adjust($1, '', $2, 'ccpayment', $3, 1000, 'bench', now())",
            f"e2e-fund-{number}",
            f"user:{_user(number)}",
            str(COIN),
        )
    await owner.close()


def _gifts() -> list[str]:
    return [part for number in range(USERS) for part in ("--fund", f"{_user(number)}/{COIN}/1000")]


def _user(number: int) -> str:
    return f"payer{number:04d}"


@asynccontextmanager
async def _process(*arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "worker",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={
            **os.environ,
            "LEDGER_CCPAYMENT_APP_ID": SANDBOX_APP_ID,
            "LEDGER_CCPAYMENT_APP_SECRET": SANDBOX_APP_SECRET,
            **environment,
        },
    )
    try:
        yield process
    finally:
        process.terminate()
        await process.wait()
