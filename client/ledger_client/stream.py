"""A stream of events: deliveries of a source, each event once at a time, until it is closed."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Self

from ledger_client.delivery import Delivery, Source
from ledger_client.inbox import Inbox, ReceivedEvent
from ledger_client.seen import SeenEvents


class EventStream:
    """`async with client.events(...) as events: async for event in events: async with event: ...`

    Entering returns when the queue is bound: what is published from then on is not missed. A plain
    `async for event in client.events(...)` enters by itself. Leaving gives back what was not acked. The broker hands
    over at most `prefetch` events that are not acked; several tasks may take from one stream.
    """

    def __init__(self, source: Source, seen: SeenEvents) -> None:
        self._source = source
        self._inbox = Inbox(seen)
        self._waiting: deque[Delivery] = deque()
        self._news = asyncio.Event()
        self._is_bound = asyncio.Event()
        self._feeding: asyncio.Task[None] | None = None
        self._is_closed = False

    async def __aenter__(self) -> Self:
        """Raises what ends the source for good, such as a queue that is declared otherwise."""
        self._begin()
        assert self._feeding is not None
        bound = asyncio.ensure_future(self._is_bound.wait())
        try:
            await asyncio.wait({bound, self._feeding}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self.close()  # what it would be fed, nobody would take, nor give back
            raise
        finally:
            bound.cancel()
        if self._feeding.done() and not self._is_closed:
            await self._feeding
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    async def __aiter__(self) -> AsyncGenerator[ReceivedEvent]:
        """The events, until the stream is closed, as it is when its client is."""
        is_entered = self._feeding is not None
        try:
            while (event := await self._next()) is not None:
                yield event
        finally:
            if not is_entered:
                await self.close()

    async def __anext__(self) -> ReceivedEvent:
        """The next event, for `anext(events)`."""
        if (event := await self._next()) is None:
            raise StopAsyncIteration
        return event

    async def close(self) -> None:
        """Take nothing more; what was not acked goes back to the queue."""
        self._is_closed = True
        self._waiting.clear()
        self._news.set()
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.wait({self._feeding})
            if not self._feeding.cancelled():
                self._feeding.exception()  # whoever took from the stream was told

    async def _next(self) -> ReceivedEvent | None:
        self._begin()
        while True:
            while self._waiting:
                delivery = self._waiting.popleft()
                # One whose connection is gone comes again.
                if not delivery.is_over and (event := await self._inbox.take(delivery)) is not None:
                    return event
            if self._is_closed or self._feeding is None:
                return None
            if self._feeding.done():
                await self._feeding  # raises why it ended
                return None
            self._news.clear()
            await self._news.wait()

    def _begin(self) -> None:
        if self._feeding is None and not self._is_closed:
            self._feeding = asyncio.create_task(self._source.run(self._put, self._is_bound.set))
            self._feeding.add_done_callback(lambda _: self._news.set())

    def _put(self, delivery: Delivery) -> None:
        # Those of a connection that is gone come again: with whoever takes slowly they would pile up.
        while self._waiting and self._waiting[0].is_over:
            self._waiting.popleft()
        self._waiting.append(delivery)
        self._news.set()
