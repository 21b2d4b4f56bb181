"""The client: publishes commands to RabbitMQ, awaits results, consumes events."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Self
from weakref import WeakSet

import aio_pika

from ledger_client.answers import Answers, Waiter
from ledger_client.commands import Command
from ledger_client.connection import check_url
from ledger_client.errors import NotConnected, StillRunning
from ledger_client.event import Event
from ledger_client.ledger import EXECUTE_SECONDS, PREFETCH, PUBLISH_SECONDS
from ledger_client.properties import Properties, check_name, properties
from ledger_client.publisher import Publisher
from ledger_client.queue import Queue
from ledger_client.seen import RecentlySeen, SeenEvents
from ledger_client.stream import EventStream

CONNECT_SECONDS = 30.0


class LedgerClient:
    """Made by `connect`; see `Ledger` for what its methods promise. One per process is enough.

    It has a connection for publishing, one for each event stream, and one for `execute` from its first use on.
    """

    def __init__(self, amqp_url: str, service: str) -> None:
        check_name("service", service)
        check_url(amqp_url)
        self._url = amqp_url
        self._service = service
        self._publisher = Publisher(amqp_url)
        self._answers = Answers(amqp_url, service)
        self._tasks: list[asyncio.Task[None]] = []
        self._is_listening = False
        self._streams: WeakSet[EventStream] = WeakSet()  # one that runs is held by its task
        self._seen: defaultdict[str, SeenEvents] = defaultdict(RecentlySeen)  # by queue

    @classmethod
    @asynccontextmanager
    async def connect(cls, amqp_url: str, *, service: str, timeout: float = CONNECT_SECONDS) -> AsyncIterator[Self]:
        """A client that is connected, and connects again by itself; leaving closes its streams.

        `service` names its queues and is the `app_id` of its messages. Raises ValueError for a URL or name that
        cannot be one, NotConnected after `timeout` seconds; a service that should start without RabbitMQ tries again.
        """
        client = cls(amqp_url, service)
        try:
            client._start(client._publisher.run())
            try:
                async with asyncio.timeout(timeout):
                    await client._publisher.ready()
            except TimeoutError:
                raise NotConnected(f"RabbitMQ cannot be reached within {timeout} s") from None
            yield client
        finally:
            await client._close()

    async def publish(
        self,
        command: Command,
        *,
        message_id: str | None = None,
        correlation_id: str | None = None,
        traceparent: str | None = None,
        timeout: float = PUBLISH_SECONDS,
    ) -> None:
        """See Ledger.publish."""
        carried = properties(message_id, correlation_id, traceparent)
        await self._publish(command.checked(), carried, timeout)

    async def execute(
        self,
        command: Command,
        *,
        timeout: float = EXECUTE_SECONDS,
        message_id: str | None = None,
        correlation_id: str | None = None,
        traceparent: str | None = None,
    ) -> Event:
        """See Ledger.execute."""
        command = command.checked()
        # One of its own tells the rejection of this message from that of another under the same orderId.
        correlation_id = correlation_id or str(uuid.uuid4())
        carried = properties(message_id, correlation_id, traceparent)
        if not self._is_listening:
            self._is_listening = True
            self._start(self._answers.run())
        waiter = Waiter(command.order_id, correlation_id)
        self._answers.expect(waiter)
        arrived = asyncio.Event()
        try:
            async with asyncio.timeout(timeout):
                return await self._ask(command, carried, timeout, waiter, arrived)
        except TimeoutError:
            if arrived.is_set():
                raise StillRunning(command.order_id, waiter.last) from None
            raise NotConnected(
                f"RabbitMQ did not confirm within {timeout} s; execute the same command again"
            ) from None
        finally:
            self._answers.forget(waiter)

    async def _ask(
        self, command: Command, carried: Properties, timeout: float, waiter: Waiter, arrived: asyncio.Event
    ) -> Event:
        """Ask again whenever the queue of answers was lost: an event may have gone with it."""
        while True:
            deaf = await self._answers.listen(command.type)
            # A moment longer than `timeout`, so that the timeout of `execute` ends it and says what is the case.
            await self._publish(command, carried, timeout + 1)
            arrived.set()
            if await _comes_before(waiter.end, deaf):
                return waiter.end.result()

    def events(
        self, *patterns: str, queue: str = "events", prefetch: int = PREFETCH, seen: SeenEvents | None = None
    ) -> EventStream:
        """See Ledger.events."""
        check_name("queue", queue)
        source = Queue(self._url, f"{self._service}.{queue}", patterns or ("#",), prefetch)
        stream = EventStream(source, seen if seen is not None else self._seen[queue])
        self._streams.add(stream)
        return stream

    async def _publish(self, command: Command, carried: Properties, timeout: float) -> None:
        message = aio_pika.Message(
            command.body(),
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=carried.message_id,
            correlation_id=carried.correlation_id,
            app_id=self._service,
            headers={"traceparent": carried.traceparent} if carried.traceparent else {},
        )
        await self._publisher.publish(message, command.routing_key, timeout)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _close(self) -> None:
        for stream in list(self._streams):
            await stream.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for task in self._tasks:
            if not task.cancelled():
                task.result()  # only a bug ends one of them


async def _comes_before(end: asyncio.Future[Event], over: asyncio.Event) -> bool:
    """Wait for either; whether it was the end."""
    waits: list[asyncio.Future[Any]] = [end, asyncio.ensure_future(over.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waits[-1].cancel()
    return end.done()
