"""Which events were handled already: the port, and the store in memory that is its default."""

from collections import OrderedDict
from typing import Protocol


class SeenEvents(Protocol):
    """Remembers the ids of handled events.

    The one in memory forgets when the process ends, and two processes of a service do not share it. A store in the
    service's database does better: let the handler write the event's id in the transaction of its own effect, under a
    primary key, have `has` read that table and `add` do nothing. Then each event takes effect once.
    """

    async def has(self, event_id: str) -> bool:
        """Whether the event was handled. What it raises ends the iteration; the event is delivered again."""
        ...

    async def add(self, event_id: str) -> None:
        """The event was handled. What it raises, `ack` raises; the event is delivered again."""
        ...


class RecentlySeen:
    """The latest ids, in memory: a repeat comes within seconds or, after an outage, within what was in flight."""

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._ids: OrderedDict[str, None] = OrderedDict()

    async def has(self, event_id: str) -> bool:
        """Whether it is among them."""
        return event_id in self._ids

    async def add(self, event_id: str) -> None:
        """The oldest is forgotten when there are too many."""
        self._ids[event_id] = None
        self._ids.move_to_end(event_id)
        while len(self._ids) > self._limit:
            self._ids.popitem(last=False)
