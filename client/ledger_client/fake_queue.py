"""A queue of the double: it gathers what its patterns match, and shares it among its consumers."""

import asyncio
import json
import re
from collections import deque
from collections.abc import Callable

from ledger_client.delivery import Delivery
from ledger_client.event import Event


class FakeQueue:
    """As the broker's: what is given back comes again first, and leaving gives back what was not acked."""

    def __init__(self) -> None:
        self.waiting: deque[FakeDelivery] = deque()
        self._patterns: list[re.Pattern[str]] = []
        self._prefetch = 1
        self._news = asyncio.Event()

    def bind(self, patterns: tuple[str, ...], prefetch: int) -> None:
        """Gather these too, from now on."""
        self._patterns += [_compiled(pattern) for pattern in patterns]
        self._prefetch = prefetch

    def add(self, event: Event) -> None:
        """Told to it; kept when a pattern matches."""
        if any(pattern.fullmatch(event.kind) for pattern in self._patterns):
            self.waiting.append(FakeDelivery(_body(event), event.correlation_id, self))
            self._news.set()

    def return_first(self, delivery: "FakeDelivery") -> None:
        """It was not handled."""
        self.waiting.appendleft(
            FakeDelivery(delivery.body, delivery.correlation_id, self, delivery.times_returned + 1)
        )
        self._news.set()

    async def run(self, put: Callable[[Delivery], None], ready: Callable[[], None]) -> None:
        """See Source.run; there is nothing to lose a connection to."""
        handed: list[FakeDelivery] = []
        ready()
        try:
            while True:
                handed = [delivery for delivery in handed if not delivery.is_over]
                while self.waiting and len(handed) < self._prefetch:
                    handed.append(self.waiting.popleft())
                    put(handed[-1])
                self._news.clear()
                await self._news.wait()
        finally:
            for delivery in reversed(handed):
                await delivery.requeue()

    def wake(self) -> None:
        """There may be room for another."""
        self._news.set()


class FakeDelivery:
    """One delivery, answered once."""

    def __init__(self, body: bytes, correlation_id: str | None, queue: FakeQueue, times_returned: int = 0) -> None:
        self.body = body
        self.correlation_id = correlation_id
        self.times_returned = times_returned
        self.is_over = False
        self._queue = queue

    async def ack(self) -> None:
        """Gone."""
        self._answer()

    async def bury(self) -> None:
        """Gone."""
        self._answer()

    async def requeue(self) -> None:
        """Again."""
        if self._answer():
            self._queue.return_first(self)

    def _answer(self) -> bool:
        was_open, self.is_over = not self.is_over, True
        self._queue.wake()
        return was_open


def _body(event: Event) -> bytes:
    """As it would arrive."""
    envelope = {
        "specversion": "1.0",
        "id": event.id,
        "source": "/fake-ledger",
        "type": f"ledger.{event.kind}",
        "subject": event.subject,
        "time": event.time.isoformat(),
        "data": event.data.model_dump(mode="json", by_alias=True),
    }
    return json.dumps(envelope).encode()


def _compiled(pattern: str) -> re.Pattern[str]:
    """A topic pattern: `*` is one word, `#` any number of them."""
    words = {"*": r"[^.]+", "#": r".*"}
    parts = [words.get(word, re.escape(word)) for word in pattern.split(".")]
    return re.compile(r"\.".join(parts).replace(r"\..*", r"(\..*)?").replace(r".*\.", r"(.*\.)?"))
