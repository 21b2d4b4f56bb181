"""Virtual time: an event loop that never waits, and the clocks that show its time, each a little wrong."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Stuck(Exception):
    """Nobody will ever do anything again."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Jumps to the next timer when nothing is ready; what is ready at the same time runs in an order of chance."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._seconds = 0.0
        self._random = random
        self._clock_resolution = 1e-6
        self._selector = self

    def time(self) -> float:
        """Seconds since the beginning."""
        return self._seconds

    def select(self, timeout: float | None) -> list[Any]:
        """In the place of a selector: let the time pass instead of waiting for it."""
        if timeout is None:
            raise Stuck
        self._seconds += timeout
        if len(self._ready) > 1:
            ready = list(self._ready)
            self._random.shuffle(ready)
            self._ready.clear()
            self._ready.extend(ready)
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """There are no files to wait for."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in `select`."""


class SkewedClock:
    """A machine's clock: the loop's time, off by some seconds."""

    def __init__(self, seconds: Callable[[], float], off_seconds: float = 0.0) -> None:
        self._seconds = seconds
        self._off_seconds = off_seconds

    def now(self) -> datetime:
        """The time that this machine believes in."""
        return START + timedelta(seconds=self._seconds() + self._off_seconds)

    async def sleep(self, seconds: float) -> None:
        """Wait; a second is a second on every machine."""
        await asyncio.sleep(seconds)
