"""What happens later by itself: a swap that is settled, a deposit that is confirmed."""

import heapq
from collections.abc import Callable

Step = Callable[[float], None]


class Agenda:
    """Steps by the unix time at which they are due; each gets that time, not the one it was noticed at."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Step]] = []
        self._added = 0

    def add(self, at: float, step: Step) -> None:
        """Put a step down for this time; of two for the same time, the first added is taken first."""
        self._added += 1
        heapq.heappush(self._due, (at, self._added, step))

    def advance(self, at: float) -> None:
        """Take every step that is due by now."""
        while self._due and self._due[0][0] <= at:
            due, _, step = heapq.heappop(self._due)
            step(due)
