"""Line: what a request has to pass on its way to a provider, and what is learned from its answer.

A turn is waited for before a request is signed, so that waiting does not age the signature. A request that comes
while the provider is down is not sent, and is told so: not a byte of it has left.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from worker.clock import Clock
from worker.providers.breaker import State
from worker.providers.health import Call, Health
from worker.providers.pace import NOTHING, Pace

# Statuses with which a provider may say how long to wait.
TOO_MANY_REQUESTS = 429
UNAVAILABLE = 503
# Those who waited out one pause come back over this part of its length, not at one moment.
SPREAD = 0.25

_is_probe: ContextVar[bool] = ContextVar("is_probe", default=False)


@contextmanager
def probing() -> Iterator[None]:
    """What is asked in here is asked to see whether the provider is back: it alone is not withheld."""
    token = _is_probe.set(True)
    try:
        yield
    finally:
        _is_probe.reset(token)


@dataclass(frozen=True, slots=True)
class Line:
    """To one provider, from one process. Without parts it holds up nothing and learns nothing."""

    clock: Clock | None = None
    pace: Pace | None = None
    health: Health | None = None
    # For what must not wait and must not be withheld, such as the provider's own question whether to pay: it is
    # counted, and its answers are learned from like all others.
    is_urgent: bool = False

    @property
    def is_withheld(self) -> bool:
        """Whether what comes now is not sent, because the provider is down."""
        return self.is_down and not self.is_urgent and not _is_probe.get()

    @property
    def state(self) -> State:
        """up, down or probing; up where nobody watches."""
        return "up" if self.health is None else self.health.state

    @property
    def is_down(self) -> bool:
        """Whether the provider was not there when it was last asked."""
        return self.state != "up"

    async def turn(self) -> None:
        """Wait until it is one's turn to sign and send. At once where nothing limits, and while nothing is sent."""
        if self.pace is None or self.clock is None or self.pace.is_free:
            return
        wait, pause = self.pace.take(self.clock.now()), self.pace.paused_for(self.clock.now())
        while wait > NOTHING and not self.is_urgent and not self.is_withheld:
            spread = pause.total_seconds() * random.uniform(0, SPREAD)  # noqa: S311
            await self.clock.sleep(wait.total_seconds() + spread)
            wait = pause = self.pace.paused_for(self.clock.now())  # one that has begun meanwhile is for all

    async def until_up(self) -> None:
        """Wait until the provider is there again."""
        if self.health is not None:
            await self.health.up.wait()

    def turns_within(self, period: timedelta, most: int) -> int:
        """How many turns can be had in this time, up to `most`."""
        if self.pace is None or self.clock is None or self.pace.is_free:
            return most
        return self.pace.turns_within(period, self.clock.now(), most)

    def begin(self, *, moves_money: bool) -> Call | None:
        """A call begins; `end` is to be told of it, and before that how it went, if anything can be said of that."""
        return None if self.health is None else self.health.begin(moves_money=moves_money)

    def failed(self, call: Call | None) -> None:
        """There was no usable answer."""
        if self.health is not None and call is not None:
            self.health.failed(call)

    def answered(self, call: Call | None) -> None:
        """The provider itself has answered."""
        if self.health is not None and call is not None:
            self.health.answered(call)

    def end(self, call: Call | None) -> None:
        """It is over, however it ended."""
        if self.health is not None and call is not None:
            self.health.end(call)

    def slow_down(self, named: str | None = None) -> None:
        """The provider asks for a pause; `named` is its Retry-After."""
        if self.pace is not None and self.clock is not None:
            now = self.clock.now()
            self.pace.pause(now, retry_after_seconds(named, now))

    def welcome(self) -> None:
        """The provider asks for no pause."""
        if self.pace is not None and self.clock is not None and self.pace.was_paused:
            self.pace.welcome(self.clock.now())

    def hear(self, status: int, headers: httpx.Headers) -> None:
        """What status and headers say of how fast to ask."""
        named = headers.get("retry-after")
        if status == TOO_MANY_REQUESTS or (status == UNAVAILABLE and named is not None):
            self.slow_down(named)


def retry_after_seconds(named: str | None, now: datetime) -> float | None:
    """A Retry-After header, seconds or a date; None where it says nothing that can be used."""
    if named is None:
        return None
    text = named.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return max((at - now).total_seconds(), 0.0) if at.tzinfo is not None else None
