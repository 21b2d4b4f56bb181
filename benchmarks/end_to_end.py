"""The whole road: commands in RabbitMQ, one `ledger-worker run`, a gateway, and the events that say they are done."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks import load, processes
from worker.broker import apply_topology, open_channel
from worker.topology import COMMANDS_EXCHANGE, EVENTS_EXCHANGE, commands_queue

COMMANDS = 6000
# The first ones warm up connections, prepared statements and caches; the last ones run with fewer at once.
WARM_UP = 1000
COUNTED = 4500
# A worker that does not come to its end this soon has stopped working.
DRAIN_SECONDS = 120
ROUNDS = 3


async def measure(url: str, amqp_url: str) -> list[dict[str, Any]]:
    """One row: commands per second and the worker's CPU per command, the median of some rounds."""
    await _prepare(url, amqp_url)
    async with processes.gateway() as gateway_url:
        rounds = [await _round(url, amqp_url, gateway_url) for _ in range(ROUNDS)]
    return [
        {
            "commands": ROUNDS * COUNTED,
            "commands/s": round(median(rate for rate, _ in rounds)),
            "worker CPU per command, µs": round(median(cpu for _, cpu in rounds)),
        }
    ]


async def _prepare(url: str, amqp_url: str) -> None:
    async with open_channel(amqp_url) as (channel, _):
        await apply_topology(channel, ("ccpayment",))
        await (await channel.get_queue(commands_queue("ccpayment").name, ensure=False)).purge()
    await load.fund(url)


async def _round(url: str, amqp_url: str, gateway_url: str) -> tuple[float, float]:
    order_ids = _order_ids()
    async with load.tap(amqp_url, EVENTS_EXCHANGE) as events:
        await load.publish(amqp_url, COMMANDS_EXCHANGE, "ccpayment.transfer", order_ids)
        return await _drain(events, processes.worker(url, gateway_url))


def _order_ids() -> list[str]:
    run = secrets.token_hex(4)
    return [f"{run}-{number}" for number in range(COMMANDS)]


async def _drain(
    events: AsyncIterator[dict[str, Any]], process: AbstractAsyncContextManager[Any]
) -> tuple[float, float]:
    """Commands per second and CPU µs per command, from the end of the warm-up on."""
    seen: set[str] = set()
    start, cpu = 0.0, 0.0
    rate, cpu_each = 0.0, 0.0
    async with asyncio.timeout(DRAIN_SECONDS), process as running:
        async for event in events:
            assert event["data"]["result"] == "succeeded", event
            seen.add(event["data"]["orderId"])
            if len(seen) == WARM_UP and not start:
                start, cpu = perf_counter(), processes.cpu_seconds(running.pid)
            if len(seen) == WARM_UP + COUNTED and not rate:
                rate = COUNTED / (perf_counter() - start)
                cpu_each = (processes.cpu_seconds(running.pid) - cpu) / COUNTED * 1e6
            if len(seen) == COMMANDS:
                break
    return rate, cpu_each
