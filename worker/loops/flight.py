"""Flight: events that were published on one connection and whose confirms have not come yet."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from worker.errors import BrokerAway
from worker.ledger import Stored
from worker.message import Outgoing
from worker.topology import EVENTS_EXCHANGE
from worker.world import RenewablePublisher

# A timer that rings so late tells that this process stood still, and not the broker.
STOOD_STILL_SECONDS = 0.5

CONTENT_TYPE = "application/cloudevents+json"


@dataclass(frozen=True, slots=True)
class Leased:
    """An event that this process alone publishes, if it begins before this time."""

    event: Stored
    begin_until: datetime


@dataclass(frozen=True, slots=True)
class _Publish:
    """One publish. `number` counts those of its flight, `overdue_at_seconds` is the event loop's time."""

    leased: Leased
    number: int
    overdue_at_seconds: float


class Flight:
    """At most so many publishes at once, each with its own end.

    `land` is told what became of each: None when it is confirmed, else why not; of one that was given up only that it
    is confirmed after all. `is_overdue` is told of the oldest when its confirm has not come within its time, and
    gives it up, or renews the connection, or is told again later. Neither may raise.
    """

    def __init__(
        self,
        publisher: RenewablePublisher,
        most: int,
        confirm_seconds: float,
        land: Callable[["Flight", Leased, BaseException | None], None],
        is_overdue: Callable[["Flight", Leased], None],
    ) -> None:
        self.publisher = publisher
        self._most = most
        self._confirm_seconds = confirm_seconds
        self._land = land
        self._is_overdue = is_overdue
        self._open: dict[asyncio.Task[None], _Publish] = {}  # the oldest first
        self._given_up: dict[asyncio.Task[None], _Publish] = {}
        self._begun = 0
        self._answered = 0  # the newest publish that the broker has answered
        self._left_behind = 0
        self._timer: asyncio.TimerHandle | None = None
        self._look_at_seconds = 0.0

    @property
    def room(self) -> int:
        """How many more may begin before one of them ends."""
        return self._most - len(self._open)

    @property
    def left_behind(self) -> int:
        """How many of its connection's publishes were given up, and may have no confirm to this day."""
        return self._left_behind

    @property
    def is_empty(self) -> bool:
        """Each is confirmed, refused or given up."""
        return not self._open

    def has(self, routing_key: str) -> bool:
        """Whether one of a kind waits for its confirm."""
        return any(one.leased.event.routing_key == routing_key for one in self._open.values())

    def begin(self, leased: Leased) -> None:
        """Publish it."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(self.publisher.publish(message_of(leased.event)))
        overdue_at_seconds = loop.time() + self._confirm_seconds
        self._begun += 1
        self._open[task] = _Publish(leased, self._begun, overdue_at_seconds)
        task.add_done_callback(self._on_end)
        if self._timer is None:
            self._look_again(overdue_at_seconds)

    def answers_others(self) -> bool:
        """Whether the broker has answered one that was published after the oldest: then it is silent about that."""
        oldest = self._oldest()
        return oldest is not None and oldest.number < self._answered

    def give_up(self, routing_key: str) -> list[Leased]:
        """Those of a kind count no more; a confirm that comes late is told all the same."""
        tasks = [task for task, one in self._open.items() if one.leased.event.routing_key == routing_key]
        for task in tasks:
            self._given_up[task] = self._open.pop(task)
        self._left_behind += len(tasks)
        return [self._given_up[task].leased for task in tasks]

    def renew(self) -> None:
        """Go on by another connection."""
        self._left_behind = 0
        self.publisher.renew()

    def cancel(self) -> None:
        """Nobody wants to know any more."""
        for task in (*self._open, *self._given_up):
            task.cancel()
        if self._timer is not None:
            self._timer.cancel()

    def _on_end(self, task: asyncio.Task[None]) -> None:
        is_late = task in self._given_up
        publish = (self._given_up if is_late else self._open).pop(task)
        if task.cancelled():
            return
        error = task.exception()
        if not isinstance(error, BrokerAway):
            self._answered = max(self._answered, publish.number)
        if error is None or not is_late:
            self._land(self, publish.leased, error)

    def _on_time(self) -> None:
        """One timer for all: they are overdue in the order in which they began."""
        now = asyncio.get_running_loop().time()
        if now - self._look_at_seconds > STOOD_STILL_SECONDS:
            self._look_again(now + STOOD_STILL_SECONDS)  # confirms may be there, and are not read yet
            return
        # While the broker is known to be away or blocked its silence says nothing of an event.
        while self.publisher.is_ready and (oldest := self._oldest()) is not None and oldest.overdue_at_seconds <= now:
            self._is_overdue(self, oldest.leased)
            if self._oldest() is oldest:
                break  # not given up: its connection is renewed
        self._timer = None
        if (oldest := self._oldest()) is not None:
            is_later = oldest.overdue_at_seconds > now
            self._look_again(oldest.overdue_at_seconds if is_later else now + self._confirm_seconds)

    def _look_again(self, at_seconds: float) -> None:
        self._look_at_seconds = at_seconds
        self._timer = asyncio.get_running_loop().call_at(at_seconds, self._on_time)

    def _oldest(self) -> _Publish | None:
        return next(iter(self._open.values()), None)


def message_of(event: Stored) -> Outgoing:
    """The message of an event, as the contract has it."""
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
