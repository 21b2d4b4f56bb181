"""Relay: publish the events of the outbox. What this process wrote comes by hand, the rest by looking."""

import asyncio
from collections import deque
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog

from worker.clock import Clock
from worker.errors import BrokerAway, BrokerRefused, Unroutable
from worker.ledger import Ledger, Stored
from worker.loops.flight import Flight, Leased
from worker.world import RenewablePublisher

log = structlog.get_logger()

# How many publishes wait for their confirms at once: a confirm that names several is looked for among all of them.
IN_FLIGHT_EVENTS_MAX = 256
# RabbitMQ stops reading from a connection that has some thirty messages which the same queue does not confirm. So
# many are in flight aside, one of each kind; when so many more were given up on a connection, it is made anew.
ASIDE_EVENTS_MAX = 16
# How many rows one look into the outbox takes, one transaction marks, and how many are begun between two looks.
BATCH_EVENTS_MAX = 256
# What is handed over while the broker is away is dropped beyond this: the outbox has it.
HANDED_EVENTS_MAX = 10_000
# The look into the outbox is the safety net; what was just written does not wait for it. It comes this often even
# when there is always something handed over: what another process left must not wait for a quiet hour.
SWEEP_SECONDS = 1.0
# An event is ours to publish for as long as its lease. Publishing begins in the first half of it: the other half is
# for confirm and mark. What is later is left: other relays may have it by then, and it would go out twice.
LEASE_PART_TO_BEGIN = 0.5
# Marks are gathered for so long. Nobody waits for them, and one by one they cost more than publishing; what is not
# marked when the process is killed goes out again under the same ids.
MARK_AFTER_SECONDS = 0.05
# Of a short lease no more than this part.
LEASE_PART_TO_GATHER = 0.05
# A confirm takes milliseconds, and a second or two while a queue changes its leader. Who waits longer is in the way
# of nobody then: what comes later still counts.
CONFIRM_SECONDS_MAX = 5.0


class Relay:
    """Publishes each event at least once, under one id, and marks it when the broker has confirmed.

    `lease_seconds` is how long the database leaves an event to whoever wrote or took it. A kind of events whose
    confirms do not come, because one of its queues is silent, is parked as one that nobody takes; what is tried of it
    meanwhile goes by a connection of its own, `aside`: RabbitMQ lets everything that comes after such a message wait.
    """

    def __init__(
        self,
        ledger: Ledger,
        publisher: RenewablePublisher,
        clock: Clock,
        lease_seconds: float,
        aside: RenewablePublisher | None = None,
    ) -> None:
        self._ledger = ledger
        self._publisher = publisher
        self._clock = clock
        self._time_to_begin = timedelta(seconds=lease_seconds * LEASE_PART_TO_BEGIN)
        confirm_seconds = min(CONFIRM_SECONDS_MAX, lease_seconds * (1 - LEASE_PART_TO_BEGIN))
        self._main = Flight(publisher, IN_FLIGHT_EVENTS_MAX, confirm_seconds, self._land, self._on_overdue)
        self._aside = Flight(aside or publisher, ASIDE_EVENTS_MAX, confirm_seconds, self._land, self._on_overdue)
        self._handed: deque[Leased] = deque(maxlen=HANDED_EVENTS_MAX)
        self._again: list[Leased] = []  # the connection ended before their confirms came
        self._is_away = False
        self._confirmed: list[UUID] = []
        self._not_taken: list[UUID] = []
        self._writing: asyncio.Task[None] | None = None
        self._mark_after_seconds = min(MARK_AFTER_SECONDS, lease_seconds * LEASE_PART_TO_GATHER)
        self._enough = asyncio.Event()  # for one transaction
        self._gathers = False
        self._failure: BaseException | None = None
        self._landed = asyncio.Event()
        self._something = asyncio.Event()
        self._idle = asyncio.Event()
        self._is_resting = False
        self._look = True
        self._look_at = clock.now()
        self._silent: set[str] = set()  # the kinds whose events go aside
        self._told: set[str] = set()  # the kinds that a line was said about

    def offer(self, event: Stored) -> None:
        """Publish this soon."""
        self._handed.append(Leased(event, self._clock.now() + self._time_to_begin))
        self._idle.clear()
        self._something.set()

    def wake(self) -> None:
        """Look into the outbox soon."""
        self._look = True
        self._idle.clear()
        self._something.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        self._gathers = True
        try:
            while True:
                await self._begin(BATCH_EVENTS_MAX)
                if self._look or self._clock.now() >= self._look_at:
                    self._look = False  # before the look: a wake in the middle of it asks for another
                    if await self._take() == BATCH_EVENTS_MAX:
                        self._look = True
                    self._look_at = self._clock.now() + timedelta(seconds=SWEEP_SECONDS)
                if not self._handed and not self._again and not self._look:
                    await self._wait()
        finally:
            self._gathers = False
            self._cancel()

    async def flushed(self) -> None:
        """Wait until what was handed over has been published and marked, or given up."""
        await self._idle.wait()

    async def run_once(self) -> int:
        """One look into the outbox, and all that it took published and marked, or given up; how many that were."""
        taken = await self._take()
        await self._finish(taken)
        return taken

    async def publish_handed(self) -> None:
        """The next of what was handed over, one batch, published and marked, or given up."""
        await self._finish(BATCH_EVENTS_MAX)

    async def _take(self) -> int:
        taken = await self._ledger.take_outbox(BATCH_EVENTS_MAX)
        begin_until = self._clock.now() + self._time_to_begin
        # Before what is handed over: these have waited longer.
        self._handed.extendleft(Leased(event, begin_until) for event in reversed(taken))
        if taken:
            self._idle.clear()
        return len(taken)

    async def _begin(self, most: int) -> None:
        """Publish the next ones, as places become free, without waiting for their confirms."""
        while most > 0 and (self._handed or self._again):
            if self._is_away:
                await self._publisher.ready()
                self._is_away = False
            elif self._main.room == 0:
                await self._until_one_lands()
            else:
                count = min(most, self._main.room)
                self._begin_now(count)
                most -= count
        self._raise_failure()

    def _begin_now(self, count: int) -> None:
        self._handed.extendleft(reversed(self._again))
        self._again.clear()
        now = self._clock.now()
        for _ in range(min(count, len(self._handed))):
            leased = self._handed.popleft()
            if now >= leased.begin_until:
                continue  # others may have it by now; it is in the outbox, for whoever looks next
            if leased.event.routing_key not in self._silent:
                self._main.begin(leased)
            elif self._aside.room > 0 and not self._aside.has(leased.event.routing_key):
                self._aside.begin(leased)  # one of each kind: one that is silent must not take the others' places
            else:
                self._park(leased)

    async def _finish(self, most: int) -> None:
        """Begin the next ones and wait until they, and whatever else is in flight, are done with."""
        try:
            await self._begin(most)
            while self._again or self._is_in_flight():
                if self._again:
                    await self._begin(len(self._again))
                else:
                    await self._until_one_lands()
        except BaseException:
            self._cancel()
            raise

    def _is_in_flight(self) -> bool:
        return not self._main.is_empty or not self._aside.is_empty or self._writing is not None

    async def _until_one_lands(self) -> None:
        self._landed.clear()
        await self._landed.wait()
        self._raise_failure()

    async def _wait(self) -> None:
        self._something.clear()  # what was offered until now has begun
        self._raise_failure()
        self._is_resting = True
        self._tell_if_idle()
        try:
            # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the wake.
            async with asyncio.timeout(SWEEP_SECONDS):
                await self._something.wait()
        except TimeoutError:
            self._look = True
        finally:
            self._is_resting = False
        self._raise_failure()

    def _tell_if_idle(self) -> None:
        if self._is_resting and not (self._handed or self._again or self._look or self._is_in_flight()):
            self._idle.set()

    # ---------------------------------------------------------------- what becomes of them

    def _land(self, flight: Flight, leased: Leased, error: BaseException | None) -> None:
        """Called back with the end of each publish, and with a confirm that comes late."""
        if error is None:
            self._confirmed.append(leased.event.event_id)
            self._silent.discard(leased.event.routing_key)
            self._told.discard(leased.event.routing_key)
            self._write_soon()
        elif isinstance(error, Unroutable | BrokerRefused):
            self._silent.discard(leased.event.routing_key)  # it has its answer
            self._park(leased)
            self._complain(leased.event, "event not taken, kept", str(error))
        elif not isinstance(error, BrokerAway):
            self._fail(error)
        elif flight is self._aside:
            self._park(leased)  # nobody waits for a silent kind's connection
        else:
            self._again.append(leased)
            self._is_away = True
            self._something.set()
        self._landed.set()

    def _on_overdue(self, flight: Flight, leased: Leased) -> None:
        """Called back when the oldest of a flight has waited too long for its confirm.

        One whose followers are confirmed has a queue that is silent. Where nothing is confirmed any more, either
        the broker is, or it lets everything wait behind the oldest: a new connection shows which.
        """
        routing_key = leased.event.routing_key
        answers_others = flight.answers_others()
        if answers_others or flight is self._aside:
            self._silent.add(routing_key)
            for one in flight.give_up(routing_key):
                self._park(one)
            self._complain(leased.event, "event not confirmed, kept", "no confirm: one of its queues has no leader")
            self._landed.set()
        elif flight.left_behind == 0:  # else it may be those for which the broker lets this one wait
            self._silent.add(routing_key)
        is_full = flight is self._aside and flight.left_behind >= ASIDE_EVENTS_MAX
        if is_full or not (answers_others or flight.is_empty):
            flight.renew()

    def _park(self, leased: Leased) -> None:
        """It stays in the outbox, and one of its kind is offered again later."""
        self._not_taken.append(leased.event.event_id)
        self._write_soon()

    def _complain(self, event: Stored, what: str, error: str) -> None:
        """Said once for each kind, until one of it is taken."""
        if event.routing_key not in self._told:
            self._told.add(event.routing_key)
            log.warning(what, routing_key=event.routing_key, error=error)

    def _write_soon(self) -> None:
        if self._is_enough():
            self._enough.set()
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
            self._writing.add_done_callback(self._on_written)

    async def _write(self) -> None:
        """Mark, after publishing: killed in between, they are published again under the same ids.

        While one group is written the next gathers, and for a moment before each, unless somebody waits.
        """
        while self._confirmed or self._not_taken:
            if self._gathers and not self._is_enough():
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._mark_after_seconds):
                        await self._enough.wait()
            self._enough.clear()
            confirmed = _take_first(self._confirmed)
            not_taken = _take_first(self._not_taken)
            if confirmed:
                await self._ledger.mark_outbox(confirmed)
            if not_taken:
                await self._ledger.postpone_outbox(not_taken)

    def _is_enough(self) -> bool:
        return max(len(self._confirmed), len(self._not_taken)) >= BATCH_EVENTS_MAX

    def _on_written(self, task: asyncio.Task[None]) -> None:
        self._writing = None
        if task.cancelled():
            return  # it ends: nobody waits any more, and there may be no database
        if (error := task.exception()) is not None:
            self._fail(error)
        elif self._confirmed or self._not_taken:  # since its last look
            self._write_soon()
        self._landed.set()
        self._tell_if_idle()

    def _fail(self, error: BaseException) -> None:
        """A bug, or a schema that is missing: whoever waits here raises it."""
        self._failure = error
        self._something.set()
        self._landed.set()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _cancel(self) -> None:
        self._main.cancel()
        self._aside.cancel()
        if self._writing is not None:
            self._writing.cancel()


def _take_first(event_ids: list[UUID]) -> list[UUID]:
    """The first of them, as many as one transaction should have."""
    first = event_ids[:BATCH_EVENTS_MAX]
    del event_ids[:BATCH_EVENTS_MAX]
    return first
