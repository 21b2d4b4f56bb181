"""Relay: publish the events of the outbox. What this process wrote comes by hand, the rest by looking."""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from worker.clock import Clock
from worker.errors import BrokerAway, BrokerRefused, Unroutable
from worker.ledger import Ledger, Stored
from worker.message import Outgoing
from worker.topology import EVENTS_EXCHANGE
from worker.world import Publisher

log = structlog.get_logger()

# Publishes and confirms in one go; also how many rows one look into the outbox takes.
BATCH_EVENTS_MAX = 256
# What is handed over while the broker is away is dropped beyond this: the outbox has it.
HANDED_EVENTS_MAX = 10_000
# The look into the outbox is the safety net; what was just written does not wait for it. It comes this often even
# when there is always something handed over: what another process left must not wait for a quiet hour.
SWEEP_SECONDS = 1.0
# An event is ours to publish for as long as its lease. Publishing begins in the first half of it: the other half is
# for confirm and mark. What is later is left: other relays may have it by then, and it would go out twice.
LEASE_PART_TO_BEGIN = 0.5

CONTENT_TYPE = "application/cloudevents+json"


@dataclass(frozen=True, slots=True)
class _Leased:
    """An event that this process alone publishes, if it begins before this time."""

    event: Stored
    begin_until: datetime


class Relay:
    """Publishes each event at least once, under one id, and marks it when the broker has confirmed.

    `lease_seconds` is how long the database leaves an event to whoever wrote or took it.
    """

    def __init__(self, ledger: Ledger, publisher: Publisher, clock: Clock, lease_seconds: float) -> None:
        self._ledger = ledger
        self._publisher = publisher
        self._clock = clock
        self._time_to_begin = timedelta(seconds=lease_seconds * LEASE_PART_TO_BEGIN)
        self._time_to_confirm = timedelta(seconds=lease_seconds) - self._time_to_begin
        self._handed: deque[_Leased] = deque(maxlen=HANDED_EVENTS_MAX)
        self._something = asyncio.Event()
        self._idle = asyncio.Event()
        self._look = True
        self._look_at = clock.now()
        self._unroutable: set[str] = set()

    def offer(self, event: Stored) -> None:
        """Publish this soon."""
        self._handed.append(self._leased(event, self._clock.now()))
        self._idle.clear()
        self._something.set()

    def wake(self) -> None:
        """Look into the outbox soon."""
        self._look = True
        self._idle.clear()
        self._something.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            await self.publish_handed()
            if self._look or self._clock.now() >= self._look_at:
                self._look = False  # before the look: a wake in the middle of it asks for another
                if await self.run_once() == BATCH_EVENTS_MAX:
                    self._look = True
                self._look_at = self._clock.now() + timedelta(seconds=SWEEP_SECONDS)
            if not self._handed and not self._look:
                await self._wait()

    async def flushed(self) -> None:
        """Wait until what was handed over has been published and marked."""
        await self._idle.wait()

    async def run_once(self) -> int:
        """One look into the outbox; how many events it took."""
        taken = await self._ledger.take_outbox(BATCH_EVENTS_MAX)
        now = self._clock.now()
        await self._publish([self._leased(event, now) for event in taken])
        return len(taken)

    async def publish_handed(self) -> None:
        """The next of what was handed over, one batch: then it may be time to look into the outbox."""
        count = min(len(self._handed), BATCH_EVENTS_MAX)
        await self._publish([self._handed.popleft() for _ in range(count)])

    def _leased(self, event: Stored, since: datetime) -> _Leased:
        return _Leased(event, since + self._time_to_begin)

    async def _wait(self) -> None:
        self._idle.set()
        try:
            # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the wake.
            async with asyncio.timeout(SWEEP_SECONDS):
                await self._something.wait()
        except TimeoutError:
            self._look = True
        self._something.clear()

    async def _publish(self, leased: list[_Leased]) -> None:
        """Publish, then mark: killed in between, they are published again under the same ids."""
        while ours := self._still_ours(leased):
            leased = []
            confirmed = []
            not_taken = []
            for one, result in zip(ours, await self._offer_all(ours), strict=True):
                if result is None:
                    confirmed.append(one.event.event_id)
                    self._unroutable.discard(one.event.routing_key)
                elif isinstance(result, BrokerAway):
                    leased.append(one)
                elif not isinstance(result, asyncio.CancelledError):  # one that was given up is left to the outbox
                    not_taken.append(one.event.event_id)
                    self._complain(one.event, result)
            if confirmed:
                await self._ledger.mark_outbox(confirmed)
            if not_taken:
                await self._ledger.postpone_outbox(not_taken)
            if leased:
                await self._publisher.ready()

    def _still_ours(self, leased: list[_Leased]) -> list[_Leased]:
        """Those that nobody else can have taken; the others are in the outbox, for whoever looks next."""
        if not leased:
            return []
        now = self._clock.now()
        return [one for one in leased if now < one.begin_until]

    async def _offer_all(self, leased: list[_Leased]) -> list[BaseException | None]:
        """Publish all at once; what became of each. One that hangs must not cost the others their leases."""
        publishing = [asyncio.create_task(self._publisher.publish(_message(one.event))) for one in leased]
        try:
            await asyncio.wait(publishing, timeout=self._time_to_confirm.total_seconds())
        finally:
            for task in publishing:
                task.cancel()
        return await asyncio.gather(*publishing, return_exceptions=True)

    def _complain(self, event: Stored, reason: BaseException) -> None:
        """Nobody takes it: it stays in the outbox, and is offered again later. Said once per routing key."""
        if not isinstance(reason, Unroutable | BrokerRefused):
            raise reason
        if event.routing_key not in self._unroutable:
            self._unroutable.add(event.routing_key)
            log.warning("event not taken, kept", routing_key=event.routing_key, error=str(reason))


def _message(event: Stored) -> Outgoing:
    return Outgoing(
        exchange=EVENTS_EXCHANGE,
        routing_key=event.routing_key,
        body=event.body.encode(),
        content_type=CONTENT_TYPE,
        message_id=str(event.event_id),
        correlation_id=event.correlation_id,
        app_id=event.app_id,
        headers={"traceparent": event.traceparent} if event.traceparent else {},
    )
