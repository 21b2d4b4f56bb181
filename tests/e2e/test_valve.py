"""A queue whose valve is shut, on a real broker: nothing more is taken; what was taken is kept, or goes back once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from tests.e2e.client import Client, connected
from worker.broker import Broker, Stopping, Valve
from worker.clock import SystemClock
from worker.message import Delivery

QUEUE = "ledger.commands.ccpayment"
PREFETCH = 100


@dataclass
class Consumer:
    """Takes deliveries and acks none by itself."""

    broker: Broker
    kept_seconds: float
    taken: asyncio.Queue[Delivery] = field(default_factory=asyncio.Queue)
    stopping: Stopping = field(default_factory=lambda: Stopping(asyncio.Event(), asyncio.Event()))

    def __post_init__(self) -> None:
        self.valve = Valve(shut=asyncio.Event(), open=asyncio.Event(), kept_seconds=self.kept_seconds)
        self.other = Valve(shut=asyncio.Event(), open=asyncio.Event(), kept_seconds=self.kept_seconds)
        self.turn(is_open=True)
        turn(self.other, is_open=True)

    def turn(self, *, is_open: bool) -> None:
        turn(self.valve, is_open=is_open)

    async def take(self, count: int) -> list[bytes]:
        async with asyncio.timeout(10):
            self.held = [await self.taken.get() for _ in range(count)]
        return [delivery.message.body for delivery in self.held]

    async def run(self) -> None:
        await self.broker.consume("ccpayment", PREFETCH, self.taken.put, self.stopping, self.valve, self.other)


def turn(valve: Valve, *, is_open: bool) -> None:
    now, no_longer = (valve.open, valve.shut) if is_open else (valve.shut, valve.open)
    no_longer.clear()
    now.set()


@asynccontextmanager
async def consuming(amqp_url: str, kept_seconds: float = 60) -> AsyncIterator[tuple[Consumer, Client]]:
    """A consumer of an empty queue; in the end it is stopped, and must have ended by itself soon."""
    consumer = Consumer(Broker(amqp_url, SystemClock()), kept_seconds)
    await consumer.broker.declare_topology(("ccpayment", "coinqpay"))
    running = asyncio.create_task(consumer.run())
    async with connected(amqp_url) as client:
        yield consumer, client
    consumer.stopping.asked.set()
    consumer.stopping.drained.set()
    async with asyncio.timeout(5):
        await running


async def publish(client: Client, *bodies: bytes) -> None:
    for body in bodies:
        await client.publish(body, "ccpayment.transfer")


async def until_waiting(client: Client, messages: int) -> None:
    """Wait until so many messages are in the queue that nobody has taken."""
    async with asyncio.timeout(10):
        while True:
            counted = (await client.channel.declare_queue(QUEUE, passive=True)).declaration_result
            if counted.message_count == messages:
                return
            await asyncio.sleep(0.02)


async def test_a_shut_valve_takes_nothing_and_keeps_what_it_has(amqp_url: str) -> None:
    async with consuming(amqp_url) as (consumer, client):
        await publish(client, b"1", b"2")
        assert await consumer.take(2) == [b"1", b"2"]
        held = consumer.held
        consumer.turn(is_open=False)
        held += await until_one_is_not_taken(client, consumer)
        consumer.turn(is_open=True)
        assert await consumer.take(1) == [b"more"]
        for delivery in [*held, *consumer.held]:  # their channel is still the same
            await delivery.ack()
        await until_waiting(client, 0)
    async with connected(amqp_url) as client:
        await until_waiting(client, 0)


async def until_one_is_not_taken(client: Client, consumer: Consumer) -> list[Delivery]:
    """Publish until one is left where it is; those that were taken while the valve was shutting."""
    taken: list[Delivery] = []
    while True:
        await publish(client, b"more")
        try:
            async with asyncio.timeout(0.3):
                taken.append(await consumer.taken.get())
        except TimeoutError:
            await until_waiting(client, 1)
            return taken


async def test_what_is_kept_too_long_goes_back_and_comes_again_when_the_valve_opens(amqp_url: str) -> None:
    async with consuming(amqp_url, kept_seconds=0.2) as (consumer, client):
        await publish(client, b"1", b"2")
        await consumer.take(2)
        consumer.turn(is_open=False)
        await until_waiting(client, 2)
        consumer.turn(is_open=True)
        assert sorted(await consumer.take(2)) == [b"1", b"2"]
        for delivery in consumer.held:
            await delivery.ack()


async def test_one_of_several_valves_is_enough_to_shut_and_all_must_open(amqp_url: str) -> None:
    async with consuming(amqp_url, kept_seconds=0.2) as (consumer, client):
        await publish(client, b"1")
        await consumer.take(1)
        turn(consumer.other, is_open=False)
        await until_waiting(client, 1)  # it went back
        consumer.turn(is_open=False)
        turn(consumer.other, is_open=True)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await consumer.taken.get()
        consumer.turn(is_open=True)
        assert await consumer.take(1) == [b"1"]
        await consumer.held[0].ack()


@pytest.mark.parametrize("kept_seconds", [60, 0.05])
async def test_a_consumer_whose_valve_is_shut_stops_at_once_and_loses_nothing(
    amqp_url: str, kept_seconds: float
) -> None:
    async with consuming(amqp_url, kept_seconds) as (consumer, client):
        await publish(client, b"1")
        await consumer.take(1)
        consumer.turn(is_open=False)
        await until_waiting(client, 0 if kept_seconds > 1 else 1)
    async with connected(amqp_url) as client:
        await until_waiting(client, 1)
