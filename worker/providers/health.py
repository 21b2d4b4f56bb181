"""Health: what this process has seen of one provider, and signals for whoever waits for it to go or to come back."""

import asyncio
from dataclasses import dataclass

from worker.clock import Clock
from worker.providers.breaker import Breaker, State


@dataclass(frozen=True, slots=True)
class Call:
    """A call that has begun. `number` counts this process's, `times_down` how often the provider had been down."""

    number: int
    times_down: int
    moves_money: bool


class Health:
    """One breaker of one process. In memory alone: another process learns by itself, within a few calls."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._breaker = Breaker()
        self._begun = 0
        self._open: dict[int, Call] = {}
        self._last_failed = self._last_failed_move = 0  # of those that failed, the last that was begun
        self._answered = {False: 0, True: 0}  # the last begun that was answered, of reads and of what moves money
        self.up = asyncio.Event()
        self.down = asyncio.Event()  # also while it is probed
        self.up.set()

    @property
    def state(self) -> State:
        """up, down or probing."""
        return self._breaker.state

    @property
    def pause_seconds(self) -> float:
        """How long to wait before the next probe, before jitter."""
        return self._breaker.pause_seconds

    def begin(self, *, moves_money: bool) -> Call:
        """A call begins; its end is to be told, whatever it was."""
        self._begun += 1
        call = self._open[self._begun] = Call(self._begun, self._breaker.times_down, moves_money)
        return call

    def failed(self, call: Call) -> None:
        """It had no usable answer."""
        self.end(call)
        self._last_failed = max(self._last_failed, call.number)
        if call.moves_money:
            self._last_failed_move = max(self._last_failed_move, call.number)
        others = [one for one in self._open.values() if one.times_down == call.times_down]
        self._become(
            self._breaker.failed(
                moves_money=call.moves_money,
                times_down=call.times_down,
                now=self._clock.now(),
                older=sum(one.number < self._last_failed for one in others),
                older_moves=sum(one.moves_money and one.number < self._last_failed_move for one in others),
                is_news=call.number > self._answered[call.moves_money],
            )
        )

    def answered(self, call: Call) -> None:
        """It had a usable answer, a refusal too."""
        self.end(call)
        self._answered[call.moves_money] = max(self._answered[call.moves_money], call.number)
        breaker = self._breaker
        if not breaker.is_well:  # else nothing changes, for every call
            now = self._clock.now()
            self._become(breaker.answered(moves_money=call.moves_money, times_down=call.times_down, now=now))

    def end(self, call: Call) -> None:
        """It is over, however it ended."""
        self._open.pop(call.number, None)

    def begin_probe(self) -> None:
        """The pause is over."""
        if self.state == "down":
            self._become(self._breaker.probing())

    def end_probe(self) -> None:
        """What the probe met was told already, unless it did not even get to ask."""
        if self.state == "probing":
            self.failed(self.begin(moves_money=False))

    def _become(self, breaker: Breaker) -> None:
        self._breaker = breaker
        if breaker.state == "up":
            self.down.clear()
            self.up.set()
        else:
            self.up.clear()
            self.down.set()
