"""Pace: how fast one process may ask a provider, and when not at all, because the provider asked for a pause.

A bucket of one token: requests are spaced evenly, which is within the limit however the provider counts. Turns are
given out in the order in which they are asked for.
"""

from datetime import datetime, timedelta

# Asked to slow down without being told for how long: twice as long each time in a row.
PAUSE_FIRST_SECONDS = 1.0
PAUSE_MAX_SECONDS = 60.0
# A provider may name a longer pause; beyond this it is rather a mistake than a wish, and commands would wait for it.
NAMED_PAUSE_MAX_SECONDS = 300.0

NOTHING = timedelta(0)


class Pace:
    """The turns of one process at one provider. `requests_per_second`: None for as fast as they come."""

    def __init__(self, requests_per_second: float | None = None) -> None:
        self._interval = None if requests_per_second is None else timedelta(seconds=1 / requests_per_second)
        self._free_at: datetime | None = None  # when the next turn is to be had
        self._paused_until: datetime | None = None
        self._pauses = 0  # in a row
        self._asked_at: datetime | None = None

    @property
    def is_free(self) -> bool:
        """Nobody has to wait, and nothing is counted."""
        return self._interval is None and self._paused_until is None

    @property
    def was_paused(self) -> bool:
        """The last that is known of the provider is that it asked for a pause."""
        return self._pauses > 0

    def take(self, now: datetime) -> timedelta:
        """Take the next turn; how long to wait for it."""
        self._follow(now)
        at = max(now, self._paused_until or now)
        if self._interval is not None:
            at = max(at, self._free_at or at)
            self._free_at = at + self._interval
        return at - now

    def paused_for(self, now: datetime) -> timedelta:
        """How long nothing may be asked, whatever turns were given out before."""
        self._follow(now)
        return NOTHING if self._paused_until is None else self._paused_until - now

    def turns_within(self, period: timedelta, now: datetime, most: int) -> int:
        """How many turns can be had in this time, up to `most`."""
        paused_for = self.paused_for(now)
        if self._interval is None:
            return most if paused_for < period else 0
        first_after = max((self._free_at or now) - now, paused_for, NOTHING)
        return min(most, (period - first_after) // self._interval + 1) if first_after < period else 0

    def pause(self, now: datetime, named_seconds: float | None = None) -> None:
        """The provider asks for a pause, of so many seconds where it says so."""
        if self.paused_for(now) > NOTHING and named_seconds is None:
            return  # the answer to a call of before the pause: it asks for the same one
        grown_seconds = min(PAUSE_FIRST_SECONDS * 2.0 ** min(self._pauses, 16), PAUSE_MAX_SECONDS)
        named_seconds = grown_seconds if named_seconds is None else max(named_seconds, PAUSE_FIRST_SECONDS)
        seconds = min(named_seconds, NAMED_PAUSE_MAX_SECONDS)
        self._pauses += 1
        self._paused_until = max(self._paused_until or now, now + timedelta(seconds=seconds))

    def welcome(self, now: datetime) -> None:
        """The provider answered without asking for a pause: the next one begins short again."""
        if self._pauses and self.paused_for(now) == NOTHING:
            self._pauses = 0

    def _follow(self, now: datetime) -> None:
        """Pauses end; and a clock that is set back must not make everybody wait for the difference."""
        back = NOTHING if self._asked_at is None else max(self._asked_at - now, NOTHING)
        self._asked_at = now
        if self._free_at is not None:
            self._free_at -= back
        if self._paused_until is not None:
            self._paused_until -= back
            if self._paused_until <= now:
                self._paused_until = None
