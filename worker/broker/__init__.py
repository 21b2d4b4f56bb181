"""The broker port, the only user of aio-pika: declare, consume, publish with confirm.

Plain connections, not the library's robust ones: those restore channels behind one's back, keep delivery tags of
channels that are gone, and do not replay publishes. Here a session is either whole or over; when it is over,
everything unacked is redelivered, every unconfirmed publish raises BrokerAway, and a new session begins.
"""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import aio_pika
import pamqp.base
import pamqp.encode
import pamqp.exceptions
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from yarl import URL

from worker.backoff import Backoff
from worker.broker.alarm import watch_alarm
from worker.broker.declare import apply_exchanges, check_exchange, check_queue
from worker.broker.declare import apply_topology as apply_topology
from worker.broker.outage import ConsumerCancelled, Outage, Over
from worker.broker_hosts import each_host
from worker.clock import Clock
from worker.errors import (
    BrokerAway,
    BrokerRefused,
    TopologyDiffers,
    Unroutable,
    WorkerError,
)
from worker.message import Delivery, Incoming, Outgoing, carried, carried_traceparent
from worker.topology import EVENTS_EXCHANGE, EXCHANGES, commands_queue, queues

log = structlog.get_logger()

# For each host of the URL: one that is silent must not keep us from the next.
CONNECT_SECONDS = 10
CLOSE_SECONDS = 5
# Whoever no longer wants a connection that is being made waits so long for it: it mostly is there in a moment.
GIVE_UP_SECONDS = 1
# A broker in a resource alarm stops reading from publishers without closing the connection.
CONFIRM_SECONDS = 30
# All properties of a message share one frame of 128 KiB, and a dead letter has more of them than the message had.
HEADERS_BYTES_MAX = 64 * 1024
# What a person's look into a queue takes of this machine's memory.
HELD_BYTES_MAX = 64 * 1024 * 1024
# The library's writer takes ten frames at a time; when the connection dies, whoever waits to hand it one more would
# wait for ever. A lost ack only means a redelivery.
ACK_SECONDS = 5
# What was taken and not begun is kept for so long while its valve is shut: by then every other process has shut its
# own, so that the same messages do not go round, each time counted, until the delivery limit.
KEPT_SECONDS = 60
# A session that ends sooner met something that waiting a moment does not mend, such as a queue that is gone.
STEADY_SESSION = timedelta(seconds=5)

_AWAY = (
    OSError,
    asyncio.TimeoutError,
    aio_pika.exceptions.AMQPError,
    aio_pika.exceptions.ChannelInvalidStateError,
    pamqp.exceptions.PAMQPException,
)

Handler = Callable[[Delivery], Awaitable[None]]
# What to do on a channel until it is over; and what to call as soon as that works.
Session = Callable[[AbstractChannel, Over, Callable[[], None]], Awaitable[None]]


@dataclass(slots=True)
class Stopping:
    """The two moments of a stop: take nothing more, and everything taken is done."""

    asked: asyncio.Event
    drained: asyncio.Event


@dataclass(slots=True)
class Valve:
    """Whether a queue is taken from; each event is set while the other is not."""

    shut: asyncio.Event
    open: asyncio.Event
    kept_seconds: float = KEPT_SECONDS


class Broker:
    """One connection for publishing, and one for each consumer: a blocked publisher must not stop the acks."""

    def __init__(self, url: str, clock: Clock) -> None:
        each_host(url)  # raises BadSettings at once
        self._url = url
        self._clock = clock
        self._channel: AbstractChannel | None = None
        self._ready = asyncio.Event()
        self._is_blocked = False
        self._consumed: dict[str, bool] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._declared: tuple[str, ...] = ()  # the providers whose queues this process sees to

    async def run(self) -> None:
        """Keep a connection for publishing until cancelled."""

        async def publish_until(channel: AbstractChannel, over: Over, works: Callable[[], None]) -> None:
            if self._declared:  # somebody may have deleted them; the queues are their consumers' to declare
                await apply_exchanges(channel)
            underlay = await channel.get_underlay_channel()
            watching = asyncio.create_task(watch_alarm(underlay.connection, self._clock, self._on_alarm))
            self._channel = channel
            self._ready.set()
            works()
            try:
                await over.wait()
            finally:
                watching.cancel()
                self._ready.clear()
                self._channel = None
                self._is_blocked = False

        await self._keep_up("publishing", publish_until, asyncio.Event())

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection to publish on, be it blocked."""
        return self._channel is not None

    @property
    def is_blocked(self) -> bool:
        """Whether the broker, short of memory or disk, takes nothing from us."""
        return self._is_blocked

    def is_consuming(self, provider: str) -> bool:
        """Whether the broker hands us this provider's commands."""
        return self._consumed.get(provider, False)

    async def ready(self) -> None:
        """Wait until there is a connection to publish on, and the broker takes messages."""
        await self._ready.wait()

    def _on_alarm(self, is_blocked: bool) -> None:
        """What would be published now, would only pile up before the broker: better that it waits in the outbox."""
        self._is_blocked = is_blocked
        if is_blocked:
            self._ready.clear()
            log.warning("broker blocks publishing, it is short of memory or disk; events wait in the outbox")
        else:
            self._ready.set()
            log.info("broker takes messages again")

    async def publish(self, message: Outgoing) -> None:
        """Return when the broker has confirmed. Raises Unroutable, BrokerRefused or BrokerAway."""
        # The library tells a returned message from a confirmed one by its message_id alone: two in flight under one
        # id, such as a dead letter that carries its publisher's, could be taken for each other.
        lock = self._locks.setdefault(message.message_id or str(id(message)), asyncio.Lock())
        async with lock:
            if self._channel is None:
                raise BrokerAway("not connected to RabbitMQ")
            if self._is_blocked:
                raise BrokerAway("RabbitMQ blocks publishing")
            await publish_on(self._channel, message)

    async def consume(
        self, provider: str, prefetch: int, handle: Handler, stopping: Stopping, valve: Valve | None = None
    ) -> None:
        """Hand deliveries to `handle` until the stop; through reconnects. Closing gives back what is unacked.

        A shut valve ends the taking at once. What was taken and not acked is kept for a while, for giving it back
        counts as a delivery; then it goes back, once, and nothing is connected until the valve opens.
        """
        valve = valve or Valve(shut=asyncio.Event(), open=asyncio.Event())
        left = asyncio.Event()  # the session was ended by the valve, not by the broker

        async def consume_until(channel: AbstractChannel, over: Over, works: Callable[[], None]) -> None:
            if self._declared:  # again for each session: the broker may have come back empty
                await apply_topology(channel, self._declared)
            await channel.set_qos(prefetch_count=prefetch)
            source = await channel.get_queue(commands_queue(provider).name, ensure=False)
            while not (over.is_set() or stopping.asked.is_set() or valve.shut.is_set()):
                tag = await source.consume(_receive(handle, provider))
                self._consumed[provider] = True
                works()
                try:
                    await _first(over, stopping.asked, valve.shut)
                finally:
                    self._consumed[provider] = False
                if over.is_set():
                    return
                await source.cancel(tag)
                if not stopping.asked.is_set():
                    await _first(over, stopping.asked, valve.open, seconds=valve.kept_seconds)
            if stopping.asked.is_set() and not over.is_set():
                await _first(over, stopping.drained)  # the channel stays for the last acks
            elif valve.shut.is_set():
                left.set()

        while not stopping.asked.is_set():
            left.clear()
            await self._keep_up(f"commands of {provider}", consume_until, stopping.asked, left)
            if valve.shut.is_set():
                await _first(stopping.asked, valve.open)

    async def declare_topology(self, providers: tuple[str, ...]) -> None:
        """Declare exchanges and queues, once the broker is there. Raises TopologyDiffers."""
        declared = asyncio.Event()

        async def declare(channel: AbstractChannel, _over: Over, works: Callable[[], None]) -> None:
            try:
                await apply_topology(channel, providers)
            except TopologyDiffers as error:
                different.append(error)  # when it starts, somebody is there to be told
            works()
            self._declared = providers
            declared.set()

        different: list[TopologyDiffers] = []
        await self._keep_up("topology", declare, declared)
        if different:
            raise different[0]

    async def _keep_up(self, purpose: str, session: Session, *stops: asyncio.Event) -> None:
        """Run sessions one after the other, waiting for what is away or differs; said once each time.

        A queue that somebody replaced while the worker runs stops its own session and nothing else: ending the
        process would take the other providers with it, and whoever restarts it would only have it end again.
        """
        backoff = Backoff(self._clock)
        outage = Outage(purpose)
        while not any(stop.is_set() for stop in stops):
            began = self._clock.now()
            try:
                async with open_channel(self._url) as (channel, over):
                    with _told_as_lost():
                        await session(channel, over, outage.ends)
                    cause = over.cause
            except (*_AWAY, TopologyDiffers) as error:
                cause = error
            if any(stop.is_set() for stop in stops):
                return
            if self._clock.now() - began > STEADY_SESSION:
                backoff = Backoff(self._clock)
            outage.goes_on(cause)
            await backoff.wait()


@asynccontextmanager
async def open_channel(url: str) -> AsyncIterator[tuple[AbstractChannel, Over]]:
    """A connection with one confirming channel, and the signal that either of them is over."""
    over = Over()
    connection, channel = await _connect_somewhere(url)
    try:
        # The channel first: it knows why the broker closed it.
        channel.close_callbacks.add(lambda _, cause: over.because(cause))
        connection.close_callbacks.add(lambda _, cause: over.because(cause))
        if channel.is_closed:  # before the callbacks were there
            over.because(None)
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(
            lambda _: over.because(ConsumerCancelled("its queue was deleted, or moved to another node"))
        )
        yield channel, over
    finally:
        await _close(connection)


async def _connect_somewhere(url: str) -> tuple[AbstractConnection, AbstractChannel]:
    """To the first host that lets us in: nodes of a cluster are all the same to us."""
    *first_hosts, last_host = each_host(url)
    for host in first_hosts:
        with suppress(*_AWAY):
            return await _connect(host)
    return await _connect(last_host)


async def _connect(url: URL) -> tuple[AbstractConnection, AbstractChannel]:
    # Not aio_pika.connect, which drops a connection that could not be made without closing it: its finalizer would
    # then begin to, whenever the garbage collector comes by, and warn of a coroutine that was never awaited.
    connection = aio_pika.Connection(url)
    try:
        await _open(connection)
        # Without on_return_raises an unroutable publish would return as if it had arrived.
        channel = connection.channel(publisher_confirms=True, on_return_raises=True)
        await channel.initialize(timeout=CONNECT_SECONDS)
    except BaseException as error:
        await _close(connection)
        if isinstance(error, _AWAY) or not isinstance(error, Exception):
            raise
        # A connection that is lost just after it was made makes the library raise RuntimeError or bare Exception.
        raise ConnectionError(type(error).__name__) from error
    return connection, channel


async def _open(connection: AbstractConnection) -> None:
    """Connect. Given up in the middle, the library could leave a connection that nobody knows: so not at once."""
    opening = asyncio.create_task(connection.connect(timeout=CONNECT_SECONDS))
    try:
        await asyncio.shield(opening)
    finally:
        try:
            await asyncio.wait({opening}, timeout=GIVE_UP_SECONDS)
        finally:
            opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)


async def _close(connection: AbstractConnection) -> None:
    try:
        with suppress(*_AWAY, RuntimeError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await connection.close()
    finally:
        # What failed to close in good order is not closed for the library, whose finalizer would try once more. This
        # only says that it is: there is nothing left to close.
        await connection.close()


@asynccontextmanager
async def visit(url: str) -> AsyncIterator[AbstractChannel]:
    """A channel for one command line, which does not wait for a broker that is away. Raises WorkerError."""
    try:
        async with open_channel(url) as (channel, _):
            yield channel
    except aio_pika.exceptions.ChannelNotFoundEntity as error:
        raise WorkerError(f"RabbitMQ: {error}; see `ledger-worker topology apply`") from None
    except _AWAY as error:
        raise BrokerAway(f"RabbitMQ cannot be reached ({type(error).__name__})") from None


async def publish_on(channel: AbstractChannel, message: Outgoing) -> None:
    """Publish persistent and mandatory, and wait for the confirm."""
    properties = aio_pika.Message(
        message.body,
        content_type=message.content_type,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=message.message_id,
        correlation_id=message.correlation_id,
        app_id=message.app_id,
        headers=message.headers,  # type: ignore[arg-type]  # a table as it came, or our own strings
        timestamp=message.sent_at,
    )
    try:
        with _told_as_lost():
            exchange = await channel.get_exchange(message.exchange, ensure=False)
            await exchange.publish(properties, message.routing_key, mandatory=True, timeout=CONFIRM_SECONDS)
    except aio_pika.exceptions.PublishError:
        raise Unroutable(f"no queue takes {message.routing_key}") from None
    except aio_pika.exceptions.DeliveryError:
        raise BrokerRefused(f"the broker refused {message.routing_key}") from None
    except _AWAY as error:
        raise BrokerAway(f"no confirm ({type(error).__name__})") from None


@asynccontextmanager
async def tap_events(url: str, binding: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """The events that are published from now on, on a queue of one's own that goes with the connection."""
    tapped: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def put(message: AbstractIncomingMessage) -> None:
        tapped.put_nowait(message.body)

    async def events() -> AsyncIterator[dict[str, Any]]:
        while (body := await tapped.get()) is not None:
            yield json.loads(body)

    async with visit(url) as channel:
        channel.close_callbacks.add(lambda *_: tapped.put_nowait(None))
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(EVENTS_EXCHANGE, binding)
        await queue.consume(put, no_ack=True)
        yield events()


async def waiting_messages(channel: AbstractChannel, queue: str) -> int:
    """How much waits in a queue: its messages, and whoever else takes from it."""
    counted = (await channel.declare_queue(queue, passive=True)).declaration_result
    return (counted.message_count or 0) + (counted.consumer_count or 0)


async def check_topology(url: str, providers: tuple[str, ...]) -> list[str]:
    """What is missing or different, a line each. A failed check closes its channel, so each has its own."""
    problems = []
    for name in EXCHANGES:
        problems += await _check(url, f"exchange {name}", partial(check_exchange, name=name))
    for queue in queues(providers):
        problems += await _check(url, f"queue {queue.name}", partial(check_queue, queue=queue))
    return problems


async def _check(url: str, what: str, check: Callable[[AbstractChannel], Awaitable[None]]) -> list[str]:
    async with visit(url) as channel:
        try:
            await check(channel)
        except aio_pika.exceptions.ChannelNotFoundEntity:
            return [f"{what} is missing"]
        except TopologyDiffers as error:
            return [str(error)]
    return []


class _Delivery:
    """A delivery on a channel. When the channel is gone, so is the tag: the broker redelivers, admit knows it."""

    def __init__(self, incoming: AbstractIncomingMessage, provider: str) -> None:
        self._incoming = incoming
        self.message = Incoming(
            provider=provider,
            body=incoming.body,
            routing_key=incoming.routing_key or "",
            message_id=carried(incoming.message_id),
            correlation_id=carried(incoming.correlation_id),
            app_id=carried(incoming.app_id),
            traceparent=carried_traceparent(incoming.headers.get("traceparent")),
            headers=_carried_headers(incoming.headers),
        )

    async def ack(self) -> None:
        with suppress(*_AWAY):
            async with asyncio.timeout(ACK_SECONDS):
                with _told_as_lost():
                    await self._incoming.ack()

    async def requeue(self) -> None:
        # `reject`, not `nack`: from RabbitMQ 4.3 on only the former counts towards the delivery limit.
        with suppress(*_AWAY, aio_pika.exceptions.MessageProcessError):
            async with asyncio.timeout(ACK_SECONDS):
                with _told_as_lost():
                    await self._incoming.reject(requeue=True)


@contextmanager
def _told_as_lost() -> Iterator[None]:
    """What waits for a connection that ends, the library cancels, or rejects with a bare Exception."""
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise ConnectionResetError("the connection ended") from None  # nobody cancelled us
    except Exception as error:
        if type(error) not in {Exception, RuntimeError}:
            raise
        raise ConnectionResetError("the connection ended") from error


def _carried_headers(headers: Mapping[str, Any]) -> dict[str, object]:
    """Those that can be published again: the library reads some that it cannot write, and there is a limit."""
    kept: dict[str, object] = {}
    room = HEADERS_BYTES_MAX
    for name, value in headers.items():
        try:
            size = len(pamqp.encode.field_table({name: value}))
        except (TypeError, ValueError, OverflowError, struct.error):
            continue
        if size <= room:
            kept[name] = value
            room -= size
    return kept


def _read_properties(properties: pamqp.base.BasicProperties, flags: int, data: bytes) -> None:
    """What can be read of a message's properties.

    The library gives up the connection over one that it cannot read, such as a timestamp in microseconds. The
    message would come back, again and again, and at the delivery limit take everything that was prefetched beside
    it to the dead letters.
    """
    with suppress(ValueError, OverflowError, OSError):
        _unmarshal(properties, flags, data)


_unmarshal = pamqp.base.BasicProperties.unmarshal
pamqp.base.BasicProperties.unmarshal = _read_properties  # type: ignore[assignment, method-assign]


def _receive(handle: Handler, provider: str) -> Callable[[AbstractIncomingMessage], Awaitable[None]]:
    async def receive(incoming: AbstractIncomingMessage) -> None:
        await handle(_Delivery(incoming, provider))

    return receive


async def _first(*events: asyncio.Event, seconds: float | None = None) -> None:
    """Wait for whichever comes first, and no longer than so many seconds."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


@dataclass(frozen=True, slots=True)
class Held:
    """A message taken from a queue and not acked: it goes back when the channel closes, whatever ends it."""

    delivery: Delivery
    headers: Mapping[str, Any]  # all of them; the delivery has those that can be published again
    sent_at: datetime | None


async def hold_waiting(channel: AbstractChannel, queue: str, provider: str, limit: int) -> tuple[list[Held], bool]:
    """What waits in a queue, oldest first, up to `limit` and HELD_BYTES_MAX; and whether that is all."""
    source = await channel.get_queue(queue, ensure=False)
    held: list[Held] = []
    room = HELD_BYTES_MAX
    while len(held) < limit and room > 0:
        incoming = await source.get(fail=False)
        if incoming is None:
            return held, True
        sent_at = incoming.timestamp
        if sent_at is not None and sent_at.tzinfo is None:
            sent_at = sent_at.replace(tzinfo=UTC)
        held.append(Held(_Delivery(incoming, provider), incoming.headers, sent_at))
        room -= incoming.body_size
    return held, False
