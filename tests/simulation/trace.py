"""What happened, in order: a line for each thing, the hash of all lines, and which points were seen."""

import hashlib
from collections import Counter
from collections.abc import Callable


class Trace:
    """The story of one seed. `tell` hears each line at once, for a person who reads along."""

    def __init__(self, seconds: Callable[[], float], tell: Callable[[str], None] | None = None) -> None:
        self.points: Counter[str] = Counter()
        self._seconds = seconds
        self._tell = tell
        self._lines: list[tuple[object, ...]] = []

    def say(self, *words: object) -> None:
        """Something happened."""
        line = (round(self._seconds(), 6), *words)
        self._lines.append(line)
        if self._tell is not None:
            self._tell(f"{line[0]:>11.3f}  " + " ".join(map(str, words)))

    def seen(self, point: str) -> None:
        """Something happened that must happen in some seed."""
        self.points[point] += 1

    def digest(self) -> str:
        """Equal for equal stories."""
        return hashlib.sha256(repr(self._lines).encode()).hexdigest()
