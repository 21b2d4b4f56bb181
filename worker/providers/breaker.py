"""Breaker: whether a provider is there, as a state machine without a clock of its own.

| state | on | to |
|---|---|---|
| up | FAILURES_MAX calls in a row without a usable answer, or as many in a row of those that move money | down |
| down | its pause is over | probing: one harmless read decides |
| probing | no usable answer | down, for twice as long |
| down, probing | a usable answer to a call that was begun since | up |

A usable answer is any that the provider itself gave, a refusal too. It says nothing of orders: what an answer or its
lack means for an order is decided elsewhere, and is the same in every state.

In a row is meant by when calls began, for many begin at one moment, and those that fail end first or last. A failure
is no news when one of its kind that began later was answered; and a row counts only when it is longer than what began
before the last of it and is still open.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

State = Literal["up", "down", "probing"]

# One or two lost answers are the network's; this many in a row, with no answer of any kind between them, are hardly
# chance. Each may leave an order in doubt, so no more than needed.
FAILURES_MAX = 5
# Most outages are a restart of something in between; a longer one is asked about ever more seldom, at the longest
# once a minute: so late are commands taken up at worst.
PAUSE_FIRST_SECONDS = 1.0
PAUSE_MAX_SECONDS = 60.0
# Down again within this is the same outage: its pauses go on growing.
STEADY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Breaker:
    """One moment of it. Every change is a new one."""

    state: State = "up"
    # How often it went down. A call begun before the last time is evidence of an older moment, and is not counted.
    times_down: int = 0
    failures: int = 0  # in a row, of all calls
    failed_moves: int = 0  # in a row, of those that move money, whatever the reads between them say
    on_trial: bool = False  # a read was answered; whether money can be moved, the next failure or answer shows
    pauses: int = 0  # of this outage
    up_since: datetime | None = None

    @property
    def is_well(self) -> bool:
        """Nothing speaks against it: another answer changes nothing."""
        return self.state == "up" and not (self.failures or self.failed_moves or self.on_trial)

    @property
    def pause_seconds(self) -> float:
        """How long it stays down before it is asked again, before jitter."""
        return min(PAUSE_FIRST_SECONDS * 2.0 ** min(max(self.pauses - 1, 0), 16), PAUSE_MAX_SECONDS)

    def failed(
        self,
        *,
        moves_money: bool,
        times_down: int,
        now: datetime,
        older: int = 0,
        older_moves: int = 0,
        is_news: bool = True,
    ) -> "Breaker":
        """A call that was begun when it had been down so often had no usable answer.

        So many others, and so many that move money, have not ended and were begun since then, before the last of the
        row. It is no news when one of its kind that was begun later has been answered.
        """
        if times_down != self.times_down or self.state == "down" or not is_news:
            return self
        after = replace(self, failures=self.failures + 1, failed_moves=self.failed_moves + (1 if moves_money else 0))
        if self.state == "probing":
            return _gone(after, self.pauses + 1)
        moves_max = 1 if self.on_trial else FAILURES_MAX
        is_row = after.failures >= FAILURES_MAX and after.failures > older
        is_row_of_moves = after.failed_moves >= moves_max and after.failed_moves > older_moves
        if not (is_row or is_row_of_moves):
            return after
        is_same_outage = self.up_since is not None and now - self.up_since < STEADY
        return _gone(after, self.pauses + 1 if is_same_outage else 1)

    def answered(self, *, moves_money: bool, times_down: int, now: datetime) -> "Breaker":
        """A call that was begun when it had been down so often had a usable answer."""
        if times_down != self.times_down:
            return self
        if self.state == "up":
            if moves_money:
                return replace(self, failures=0, failed_moves=0, on_trial=False)
            return replace(self, failures=0)
        return replace(self, state="up", failures=0, failed_moves=0, on_trial=not moves_money, up_since=now)

    def probing(self) -> "Breaker":
        """Its pause is over: the next call decides."""
        assert self.state == "down"
        return replace(self, state="probing")


def _gone(breaker: Breaker, pauses: int) -> Breaker:
    return replace(breaker, state="down", times_down=breaker.times_down + 1, pauses=pauses, up_since=None)
