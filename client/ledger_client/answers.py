"""Who waits for the end of which order, and the queue on which the ends arrive."""

import asyncio
import logging
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from aio_pika.abc import AbstractIncomingMessage, AbstractQueue

from ledger_client.connection import ConnectionLost, Session, answered, keep_up
from ledger_client.event import Event, read_event
from ledger_client.event_data import NEVER_AN_ORDER
from ledger_client.queue import EVENTS_EXCHANGE

log = logging.getLogger(__name__)


class Waiter:
    """Waits for what ends one execution. Events may come again, and in any order."""

    def __init__(self, order_id: str, correlation_id: str) -> None:
        self._correlation_id = correlation_id
        self.order_id = order_id
        self.last: Event | None = None
        self.end: asyncio.Future[Event] = asyncio.get_running_loop().create_future()

    def take(self, event: Event) -> None:
        """Note an event of the order."""
        if event.error_code in NEVER_AN_ORDER and event.correlation_id != self._correlation_id:
            return  # about somebody else's message under the same orderId
        if self.last is None or event.data.sequence >= self.last.data.sequence:
            self.last = event
        if (event.is_terminal or event.error_code in NEVER_AN_ORDER) and not self.end.done():
            self.end.set_result(event)


@dataclass(slots=True)
class Tap:
    """The queue of one session and what it is bound to."""

    queue: AbstractQueue
    session: Session
    bindings: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def bind(self, command_type: str) -> None:
        """Return when events of this type arrive. Raises ConnectionLost.

        Whoever gives up waiting does not end the question: the library would close the channel, and others are on it.
        """
        binding = self.bindings.get(command_type)
        if binding is None:
            binding = self.bindings[command_type] = asyncio.create_task(self._ask(command_type))
            binding.add_done_callback(lambda task: task.cancelled() or task.exception())  # told, should nobody wait
        await asyncio.shield(binding)

    async def _ask(self, command_type: str) -> None:
        async with answered():
            await self.queue.bind(EVENTS_EXCHANGE, f"{command_type}.*")


class Answers:
    """A queue of this process alone, which goes with its connection. What it misses, repeating the command tells."""

    def __init__(self, url: str, service: str) -> None:
        self._url = url
        self._service = service
        self._tap: Tap | None = None
        self._ready = asyncio.Event()
        self._waiters: defaultdict[str, set[Waiter]] = defaultdict(set)

    async def run(self) -> None:
        """Keep the queue until cancelled."""

        async def live(session: Session, works: Callable[[], None]) -> None:
            # Of a new name each time: the broker may not know yet that the last connection is gone, and keeps its
            # exclusive queue from this one for as long.
            name = f"{self._service}.answers.{uuid.uuid4()}"
            async with answered():
                queue = await session.channel.declare_queue(name, exclusive=True)
                await queue.consume(self._receive, no_ack=True)
            self._tap = Tap(queue, session)
            self._ready.set()
            works()
            try:
                await session.over.wait()
            finally:
                self._ready.clear()
                self._tap = None

        await keep_up(self._url, "answers", live)

    def expect(self, waiter: Waiter) -> None:
        """From now on it hears of its order."""
        self._waiters[waiter.order_id].add(waiter)

    def forget(self, waiter: Waiter) -> None:
        """No more."""
        self._waiters[waiter.order_id].discard(waiter)
        if not self._waiters[waiter.order_id]:
            del self._waiters[waiter.order_id]

    async def listen(self, command_type: str) -> asyncio.Event:
        """Wait until events of this type arrive; the signal that they do not any more."""
        while True:
            await self._ready.wait()
            tap = self._tap
            assert tap is not None
            try:
                await tap.bind(command_type)
            except ConnectionLost:
                self._give_up(tap)
            else:
                return tap.session.over

    def _give_up(self, tap: Tap) -> None:
        """Nobody uses it any more, so that the next one begins."""
        if self._tap is tap:
            self._tap = None
            self._ready.clear()
        tap.session.over.set()

    async def _receive(self, incoming: AbstractIncomingMessage) -> None:
        try:
            event = read_event(incoming.body, incoming.correlation_id)
        except ValueError as error:
            log.error("an event cannot be read: %s", error)
            return
        for waiter in list(self._waiters.get(event.order_id or "", ())):
            waiter.take(event)
