"""How long a command takes, from the moment it was to be published to its terminal event, at a steady rate.

The rate is a part of the rate at most: what the same worker executes through the same gateway when the same load is
published as fast as the broker confirms it, on the same cores. Then commands are published when they are due, whether
the ones before them are done or not, and waited for from then: a worker that stalls is charged for all that came
meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

from aio_pika.abc import AbstractChannel

from benchmarks import end_to_end, load, processes
from worker.broker import open_channel, publish_on
from worker.topology import COMMANDS_EXCHANGE, EVENTS_EXCHANGE

GATEWAY_MILLISECONDS = (0, 50, 300)
SHARES = (0.1, 0.5, 0.9)
SECONDS = 8.0
# To find the rate at most.
COMMANDS = 6000
# Of what is published; it fills connections and caches.
WARM_UP = 0.25
ROUTING_KEY = "ccpayment.transfer"


@dataclass(frozen=True, slots=True)
class Latency:
    """What was measured at one rate, in milliseconds."""

    gateway_milliseconds: int
    share: float
    rate: float
    p50: float
    p95: float
    p99: float

    def row(self) -> dict[str, Any]:
        """As a table shows it."""
        return {
            "gateway answers after": f"{self.gateway_milliseconds} ms",
            "load": f"{self.share:.0%} = {self.rate:.0f}/s",
            "p50, ms": f"{self.p50:.1f}",
            "p95, ms": f"{self.p95:.1f}",
            "p99, ms": f"{self.p99:.1f}",
        }


async def measure(url: str, amqp_url: str) -> list[Latency]:
    """For each delay of the gateway and each part of the rate at most."""
    found = []
    for milliseconds in GATEWAY_MILLISECONDS:
        async with AsyncExitStack() as stack:
            gateway_url = await stack.enter_async_context(processes.gateway(milliseconds))
            events = await stack.enter_async_context(load.tap(amqp_url, EVENTS_EXCHANGE))
            channel, _ = await stack.enter_async_context(open_channel(amqp_url))
            await stack.enter_async_context(processes.worker(url, gateway_url))
            await _most(channel, events, COMMANDS // 4)  # fills connections and caches
            most = await _most(channel, events, COMMANDS)
            for share in SHARES:
                waits = await _offer(channel, events, most * share)
                cuts = quantiles(waits, n=100)
                percentiles = (cuts[number - 1] * 1000 for number in (50, 95, 99))
                found.append(Latency(milliseconds, share, most * share, *percentiles))
    return found


async def _most(channel: AbstractChannel, events: AsyncIterator[dict[str, Any]], count: int) -> float:
    """Commands per second, from the first that is published to the last that has ended."""
    order_ids = load.order_ids(count)
    began = asyncio.get_running_loop().time()
    publishing = asyncio.create_task(load.publish_on_channel(channel, COMMANDS_EXCHANGE, ROUTING_KEY, order_ids))
    async with asyncio.timeout(end_to_end.DRAIN_SECONDS):
        await load.until_told(events, set(order_ids))
        await publishing
    return count / (asyncio.get_running_loop().time() - began)


async def _offer(channel: AbstractChannel, events: AsyncIterator[dict[str, Any]], rate: float) -> list[float]:
    """The seconds that each command took, without the first ones."""
    order_ids = load.order_ids(max(round(rate * SECONDS), 200))
    due: dict[str, float] = {}
    publishing = asyncio.create_task(_publish(channel, order_ids, rate, due))
    waits: dict[str, float] = {}
    async with asyncio.timeout(end_to_end.DRAIN_SECONDS):
        async for event in events:
            order_id = event["data"]["orderId"]
            assert event["data"]["result"] == "succeeded", event
            waits[order_id] = asyncio.get_running_loop().time() - due[order_id]
            if len(waits) == len(order_ids):
                break
        await publishing
    return [waits[order_id] for order_id in order_ids[round(len(order_ids) * WARM_UP) :]]


async def _publish(channel: AbstractChannel, order_ids: list[str], rate: float, due: dict[str, float]) -> None:
    """Each when it is due."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.TaskGroup() as publishing:
        for number, order_id in enumerate(order_ids):
            due[order_id] = began + number / rate
            if (wait := due[order_id] - loop.time()) > 0:
                await asyncio.sleep(wait)
            message = load.message(COMMANDS_EXCHANGE, ROUTING_KEY, number, order_id)
            publishing.create_task(publish_on(channel, message))
