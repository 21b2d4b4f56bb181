"""What will happen by itself: things in the order of their time."""

import heapq
from collections.abc import Iterator
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class Agenda(Generic[Thing]):
    """Things with a unix time each; those of one time come in the order they were put."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Thing]] = []
        self._put = 0

    def put(self, at: float, thing: Thing) -> None:
        """Note a thing."""
        self._put += 1
        heapq.heappush(self._heap, (at, self._put, thing))

    def take(self, until: float) -> Iterator[tuple[float, Thing]]:
        """Each thing up to this time, with its own; what is put meanwhile comes along."""
        while self._heap and self._heap[0][0] <= until:
            at, _, thing = heapq.heappop(self._heap)
            yield at, thing
