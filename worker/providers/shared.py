"""Shared: one reading for all who ask for the same at about the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Content = TypeVar("Content")


class Shared(Generic[Content]):
    """Whoever asks is given a reading that began after that: what was there then is in it, never what was before.

    While one is under way, all who come wait together for the next. So a hundred who ask at once cost two readings,
    and no more than two are in memory.
    """

    def __init__(self, read: Callable[[], Awaitable[Content]]) -> None:
        self._read = read
        self._under_way: asyncio.Task[Content] | None = None
        self._next: asyncio.Task[Content] | None = None

    async def __call__(self) -> Content:
        """The reading. Raises what it raises, to all who share it."""
        if self._next is None:
            self._next = asyncio.create_task(self._run(self._under_way))
            self._next.add_done_callback(_hear)
        # Shielded: one who gives up must not take it from the others.
        return await asyncio.shield(self._next)

    async def _run(self, before: "asyncio.Task[Content] | None") -> Content:
        if before is not None:
            await asyncio.wait({before})
        mine = self._under_way = self._next
        self._next = None  # it begins: whoever comes from here on waits for another
        try:
            return await self._read()
        finally:
            if self._under_way is mine:
                self._under_way = None


def _hear(reading: "asyncio.Task[Content]") -> None:
    """Its failure was told, also when all who asked have given up."""
    if not reading.cancelled():
        reading.exception()
