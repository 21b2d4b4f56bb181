"""The broker as the worker has it: one connection that publishes, and one for each provider's commands."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import aiormq
import structlog
from aio_pika.abc import AbstractChannel

from worker.broker.alarm import watch_alarm
from worker.broker.answers import Answers
from worker.broker.declare import apply_exchanges, apply_queues, apply_topology
from worker.broker.delivery import Handler, receive_by
from worker.broker.hosts import each_host
from worker.broker.outage import Over, Unanswered
from worker.broker.publishing import Publishing
from worker.broker.session import NO_CONFIRM, SET_UP_SECONDS, first, keep_up
from worker.clock import Clock
from worker.errors import BrokerAway, TopologyDiffers
from worker.message import Outgoing
from worker.topology import commands_queue

log = structlog.get_logger()

# What was taken and not begun is kept for so long while its valve is shut: by then every other process has shut its
# own, so that the same messages do not go round, each time counted, until the delivery limit.
KEPT_SECONDS = 60

# For the queues of one provider, when the worker starts; below SET_UP_SECONDS, after which all would be asked anew.
DECLARE_SECONDS = 10


@dataclass(slots=True)
class Stopping:
    """The two moments of a stop: take nothing more, and everything taken is done."""

    asked: asyncio.Event
    drained: asyncio.Event


@dataclass(slots=True)
class Valve:
    """Whether a queue is taken from; each event is set while the other is not."""

    shut: asyncio.Event
    open: asyncio.Event
    kept_seconds: float = KEPT_SECONDS


class Broker:
    """One connection for publishing, and one for each consumer: a blocked publisher must not stop the acks.

    `at_first_use`: no connection for publishing is made before something is to be published.
    """

    def __init__(self, url: str, clock: Clock, purpose: str = "publishing", *, at_first_use: bool = False) -> None:
        each_host(url)  # raises BadSettings at once
        self._purpose = purpose
        self._wanted = asyncio.Event()
        if not at_first_use:
            self._wanted.set()
        self._url = url
        self._clock = clock
        self._publishing: Publishing | None = None
        self._over: Over | None = None
        self._ready = asyncio.Event()
        self._is_blocked = False
        self._consumed: dict[str, bool] = {}
        self._declared: tuple[str, ...] = ()  # the providers whose queues this process sees to

    async def run(self) -> None:
        """Keep a connection for publishing until cancelled."""

        async def publish_until(channel: AbstractChannel, over: Over, works: Callable[[], None]) -> None:
            if self._declared:  # somebody may have deleted them; the queues are their consumers' to declare
                await apply_exchanges(channel)
            underlay = await channel.get_underlay_channel()
            assert isinstance(underlay, aiormq.Channel)
            watching = asyncio.create_task(watch_alarm(underlay.connection, self._clock, self._on_alarm))
            publishing = Publishing(underlay)
            self._publishing, self._over = publishing, over
            self._ready.set()
            works()
            try:
                await over.wait()
            finally:
                watching.cancel()
                self._ready.clear()
                self._publishing = self._over = None
                self._is_blocked = False
                publishing.end()

        await self._wanted.wait()
        await keep_up(self._url, self._clock, self._purpose, publish_until, asyncio.Event())

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection to publish on, be it blocked."""
        return self._publishing is not None

    @property
    def is_blocked(self) -> bool:
        """Whether the broker, short of memory or disk, takes nothing from us."""
        return self._is_blocked

    def is_consuming(self, provider: str) -> bool:
        """Whether the broker hands us this provider's commands."""
        return self._consumed.get(provider, False)

    async def ready(self) -> None:
        """Wait until there is a connection to publish on, and the broker takes messages."""
        await self._ready.wait()

    @property
    def is_ready(self) -> bool:
        """Whether there is a connection to publish on, and the broker takes messages."""
        return self._ready.is_set()

    def renew(self) -> None:
        """Give up the connection for publishing, on which no confirm comes, and make another."""
        if self._over is not None:
            self._ready.clear()
            self._publishing = None
            self._over.because(Unanswered(NO_CONFIRM))

    def _on_alarm(self, is_blocked: bool) -> None:
        """What would be published now, would only pile up before the broker: better that it waits in the outbox."""
        self._is_blocked = is_blocked
        if is_blocked:
            self._ready.clear()
            log.warning("broker blocks publishing, it is short of memory or disk; events wait in the outbox")
        elif self._publishing is not None:
            self._ready.set()
            log.info("broker takes messages again")

    async def publish(self, message: Outgoing) -> None:
        """Return when the broker has confirmed. Raises Unroutable, BrokerRefused or BrokerAway."""
        if self._publishing is None:
            self._wanted.set()
            raise BrokerAway("not connected to RabbitMQ")
        if self._is_blocked:
            raise BrokerAway("RabbitMQ blocks publishing")
        await self._publishing.publish(message)

    async def consume(
        self, provider: str, prefetch: int, handle: Handler, stopping: Stopping, *valves: Valve
    ) -> None:
        """Hand deliveries to `handle` until the stop; through reconnects. Closing gives back what is unacked.

        A shut valve, one of several, ends the taking at once. What was taken and not acked is kept for a while, for
        giving it back counts as a delivery; then it goes back, once, and nothing is connected until all are open.
        """
        left = asyncio.Event()  # the session was ended by a valve, not by the broker

        async def consume_until(channel: AbstractChannel, over: Over, works: Callable[[], None]) -> None:
            # Again for each session: the broker may have come back empty. Its own queues alone: what is wrong with
            # another provider's must not stop this one.
            if provider in self._declared:
                await apply_topology(channel, (provider,))
            await channel.set_qos(prefetch_count=prefetch)
            underlay = await channel.get_underlay_channel()
            receive = receive_by(handle, provider, Answers(underlay))
            while not (over.is_set() or stopping.asked.is_set() or _shut(valves)):
                consumer = await underlay.basic_consume(
                    commands_queue(provider).name, receive, timeout=SET_UP_SECONDS
                )
                self._consumed[provider] = True
                works()
                try:
                    await first(over, stopping.asked, *(valve.shut for valve in valves))
                finally:
                    self._consumed[provider] = False
                if over.is_set():
                    return
                await underlay.basic_cancel(str(consumer.consumer_tag), timeout=SET_UP_SECONDS)
                with suppress(TimeoutError):
                    async with asyncio.timeout(min((valve.kept_seconds for valve in _shut(valves)), default=None)):
                        await _until_open(valves, over, stopping.asked)
            if stopping.asked.is_set() and not over.is_set():
                await first(over, stopping.drained)  # the channel stays for the last acks
            elif _shut(valves):
                left.set()

        while not stopping.asked.is_set():
            left.clear()
            await keep_up(self._url, self._clock, f"commands of {provider}", consume_until, stopping.asked, left)
            await _until_open(valves, stopping.asked)

    async def declare_topology(self, providers: tuple[str, ...]) -> None:
        """Declare exchanges and queues, once the broker is there. Raises TopologyDiffers.

        Queues that give no answer are left to their provider's consumer, which asks again: the others' are not to
        wait for them.
        """
        different = [await self._declare("exchanges", apply_exchanges)]
        if different == [None]:
            asking = [self._declare_queues(provider) for provider in providers]
            different = await asyncio.gather(*asking)
        for error in different:
            if error is not None:
                raise error
        self._declared = providers

    async def _declare_queues(self, provider: str) -> TopologyDiffers | None:
        async def apply(channel: AbstractChannel) -> None:
            try:
                async with asyncio.timeout(DECLARE_SECONDS):
                    await apply_queues(channel, (provider,))
            except TimeoutError:
                log.warning("queues give no answer, left to their consumer", provider=provider)

        return await self._declare(f"queues of {provider}", apply)

    async def _declare(
        self, purpose: str, apply: Callable[[AbstractChannel], Awaitable[None]]
    ) -> TopologyDiffers | None:
        """What differs: when it starts, somebody is there to be told."""
        declared = asyncio.Event()
        different: list[TopologyDiffers] = []

        async def declare(channel: AbstractChannel, _over: Over, works: Callable[[], None]) -> None:
            try:
                await apply(channel)
            except TopologyDiffers as error:
                different.append(error)
            works()
            declared.set()

        await keep_up(self._url, self._clock, purpose, declare, declared)
        return different[0] if different else None


def _shut(valves: Sequence[Valve]) -> list[Valve]:
    return [valve for valve in valves if valve.shut.is_set()]


async def _until_open(valves: Sequence[Valve], *ends: asyncio.Event) -> None:
    """Wait until none is shut, or for one of the ends."""
    while (shut := _shut(valves)) and not any(end.is_set() for end in ends):
        await first(*ends, shut[0].open)
