"""Ids as CoinQ Pay's samples have them: 19 digits that begin with their time."""

# The documented samples decode to the second of their creation when shifted from this moment.
EPOCH_MILLISECONDS = 1288834974657

# The low 22 bits of the samples are this number: a machine's, with a sequence of zero.
MACHINE = 32 << 12

SEQUENCES = 1 << 12


class Snowflakes:
    """Ever larger ids, even under a clock that stands still or goes back."""

    def __init__(self) -> None:
        self._last = (0, 0)

    def next(self, at: float) -> str:
        """A new id for something made at this unix time."""
        milliseconds = max(0, int(at * 1000) - EPOCH_MILLISECONDS)
        last, sequence = self._last
        if milliseconds > last:
            self._last = (milliseconds, 0)
        elif sequence + 1 < SEQUENCES:
            self._last = (last, sequence + 1)
        else:
            self._last = (last + 1, 0)
        milliseconds, sequence = self._last
        return str(milliseconds << 22 | MACHINE | sequence)
