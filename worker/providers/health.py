"""Health: what this process has seen of one provider, and signals for whoever waits for it to go or to come back."""

import asyncio

from worker.clock import Clock
from worker.providers.breaker import Breaker, State


class Health:
    """One breaker of one process. In memory alone: another process learns by itself, within a few calls."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._breaker = Breaker()
        self.up = asyncio.Event()
        self.down = asyncio.Event()  # also while it is probed
        self.up.set()

    @property
    def state(self) -> State:
        """up, down or probing."""
        return self._breaker.state

    @property
    def times_down(self) -> int:
        """To be told with what becomes of a call that begins now."""
        return self._breaker.times_down

    @property
    def pause_seconds(self) -> float:
        """How long to wait before the next probe, before jitter."""
        return self._breaker.pause_seconds

    def failed(self, times_down: int, *, moves_money: bool) -> None:
        """No usable answer to a call that was begun then."""
        now = self._clock.now()
        self._become(self._breaker.failed(moves_money=moves_money, times_down=times_down, now=now))

    def answered(self, times_down: int, *, moves_money: bool) -> None:
        """A usable answer, a refusal too, to a call that was begun then."""
        breaker = self._breaker
        if breaker.state != "up" or breaker.failures or breaker.failed_moves:  # else nothing changes, for every call
            now = self._clock.now()
            self._become(breaker.answered(moves_money=moves_money, times_down=times_down, now=now))

    def begin_probe(self) -> None:
        """The pause is over."""
        if self.state == "down":
            self._become(self._breaker.probing())

    def end_probe(self) -> None:
        """What the probe met was told already, unless it did not even get to ask."""
        if self.state == "probing":
            self.failed(self.times_down, moves_money=False)

    def _become(self, breaker: Breaker) -> None:
        self._breaker = breaker
        if breaker.state == "up":
            self.down.clear()
            self.up.set()
        else:
            self.up.clear()
            self.down.set()
