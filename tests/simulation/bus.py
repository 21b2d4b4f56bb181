"""The broker: what is not acked comes again, what is published stays."""

import asyncio
from collections import deque

from tests.simulation.life import Life
from worker.message import Incoming, Outgoing


class Bus:
    """One queue of commands, and all that was ever published."""

    def __init__(self) -> None:
        self.waiting: deque[Incoming] = deque()
        self.unacked: list[BusDelivery] = []
        self.published: list[Outgoing] = []
        self._news = asyncio.Event()

    def publish_command(self, message: Incoming) -> None:
        """Somebody wants something."""
        self.waiting.append(message)
        self._news.set()

    async def take(self, life: Life) -> "BusDelivery":
        """The next message, for this worker."""
        while not self.waiting or life.is_frozen:
            self._news.clear()
            await self._news.wait()
        delivery = BusDelivery(self.waiting.popleft(), self, life)
        self.unacked.append(delivery)
        return delivery

    def give_back(self, life: Life) -> None:
        """The connection of this worker has ended: what it has not acked goes to others."""
        for delivery in [each for each in self.unacked if each.life is life]:
            self.unacked.remove(delivery)
            self.publish_command(delivery.message)

    def wake(self) -> None:
        """Somebody can take messages again."""
        self._news.set()


class BusDelivery:
    """A message in the hands of one worker."""

    def __init__(self, message: Incoming, bus: Bus, life: Life) -> None:
        self.message = message
        self.life = life
        self._bus = bus

    async def ack(self) -> None:
        """Of no effect once the broker has given it to another."""
        await self.life.around("ack", self._forget)

    async def requeue(self) -> None:
        """Give it back."""
        raise AssertionError("the flow failed before its ack")

    def _forget(self) -> None:
        if self in self._bus.unacked:
            self._bus.unacked.remove(self)


class BusPublisher:
    """A worker's publishing connection."""

    def __init__(self, bus: Bus, life: Life) -> None:
        self._bus = bus
        self._life = life

    async def ready(self) -> None:
        """It always is."""

    @property
    def is_ready(self) -> bool:
        """It always is."""
        return True

    def renew(self) -> None:
        """What is in flight comes to its end all the same: only the worker is slow."""

    async def publish(self, message: Outgoing) -> None:
        """Durable when this returns, perhaps even when it does not."""
        await self._life.around("publish", lambda: self._bus.published.append(message))
