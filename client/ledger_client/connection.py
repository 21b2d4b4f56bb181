"""Connections to RabbitMQ: sessions that are either whole or over, one after the other.

Plain connections, not the library's robust ones: those restore channels behind one's back, keep delivery tags of
channels that are gone, and do not replay publishes. When a session is over, everything unacked is delivered again,
every unconfirmed publish is told so, and a new session begins.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.connection import make_url
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, AMQPChannelError

log = logging.getLogger(__name__)

# A dead peer is noticed within three of these; the library's default would need three minutes.
HEARTBEAT_SECONDS = 15
# For each host of the URL: one that is silent must not keep us from the next.
CONNECT_SECONDS = 10
CLOSE_SECONDS = 5
# Whoever no longer wants a connection that is being made waits so long for it: it mostly is there in a moment.
GIVE_UP_SECONDS = 1
# A session that ends sooner met something that waiting a moment does not mend, such as an exchange that is missing.
STEADY_SECONDS = 5
# A question about a queue that has no leader, for a while or for good, is taken by the broker and never answered. Nor
# does the library give up by itself.
ANSWER_SECONDS = 15
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 5.0


class ConnectionLost(Exception):
    """The session is over, or could not begin."""


@dataclass(frozen=True, slots=True)
class Session:
    """A channel that confirms, and the signal that it, its consumer or its connection is over."""

    channel: AbstractChannel
    over: asyncio.Event


# What to do in a session; and what to call as soon as that works.
Live = Callable[[Session, Callable[[], None]], Awaitable[None]]


async def keep_up(url: str, purpose: str, live: Live) -> None:
    """Run `live` in one session after the other until cancelled; it ends when its session does.

    Waits for a broker that is away, 50 ms to 5 s between the tries; says each reason in the log once meanwhile.
    """
    pause_seconds = FIRST_PAUSE_SECONDS
    told: set[str] = set()

    def works() -> None:
        if told:
            log.info("RabbitMQ is back (%s)", purpose)
            told.clear()

    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            async with open_session(url) as session:
                await live(session, works)
                reason = "closed"
        except ConnectionLost as lost:
            reason = str(lost)
        if loop.time() - began > STEADY_SECONDS:
            pause_seconds = FIRST_PAUSE_SECONDS
        if reason not in told:
            log.warning("RabbitMQ is away, waiting for it (%s): %s", purpose, reason)
            told.add(reason)
        # Many clients must not return at the same moment.
        await asyncio.sleep(pause_seconds * random.uniform(0.5, 1.0))  # noqa: S311
        pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)


@asynccontextmanager
async def open_session(url: str) -> AsyncIterator[Session]:
    """A connection of its own with one channel. Raises ConnectionLost."""
    over = asyncio.Event()
    connection, channel = await _connect_somewhere(url)
    try:
        connection.close_callbacks.add(lambda *_: over.set())
        channel.close_callbacks.add(lambda *_: over.set())
        if channel.is_closed:  # before the callbacks were there
            over.set()
        with told_as_lost():
            underlay = await channel.get_underlay_channel()
        # The broker cancels a consumer whose queue is deleted; the channel stays.
        underlay.on_consumer_cancel_callbacks.add(lambda *_: over.set())
        yield Session(channel, over)
    finally:
        await _close(connection)


async def _connect_somewhere(url: str) -> tuple[AbstractConnection, AbstractChannel]:
    """To the first host that lets us in: the nodes of a cluster are all the same to us."""
    *first_hosts, last_host = each_host(url)
    for host in first_hosts:
        with suppress(ConnectionLost):
            return await _connect(host)
    return await _connect(last_host)


async def _connect(url: str) -> tuple[AbstractConnection, AbstractChannel]:
    # Not aio_pika.connect, which drops a connection that could not be made without closing it: its finalizer would
    # then begin to, whenever the garbage collector comes by, and warn of a coroutine that was never awaited.
    connection = aio_pika.Connection(make_url(url))
    try:
        with told_as_lost():
            await _open(connection)
            # Without on_return_raises an unroutable publish would return as if it had arrived.
            channel = connection.channel(publisher_confirms=True, on_return_raises=True)
            await channel.initialize(timeout=CONNECT_SECONDS)
    except BaseException:
        await _close(connection)
        raise
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
        with suppress(ConnectionLost), told_as_lost():
            async with asyncio.timeout(CLOSE_SECONDS):
                await connection.close()
    finally:
        # What failed to close in good order is not closed for the library, whose finalizer would try once more. This
        # only says that it is: there is nothing left to close.
        await connection.close()


@asynccontextmanager
async def answered() -> AsyncIterator[None]:
    """What is asked of the broker in here is answered soon. Raises ConnectionLost."""
    patience = asyncio.timeout(ANSWER_SECONDS)
    try:
        with told_as_lost():
            async with patience:
                yield
    except ConnectionLost:
        if patience.expired():
            raise ConnectionLost(f"no answer in {ANSWER_SECONDS} s; a queue without a leader gives none") from None
        raise


@contextmanager
def told_as_lost() -> Iterator[None]:
    """What waits for a connection that ends, the library cancels, or rejects with a bare Exception."""
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise ConnectionLost("the connection ended") from None  # nobody cancelled us
    except CONNECTION_EXCEPTIONS as error:
        # Of a channel's end the words are the broker's, such as which exchange is missing.
        words = f": {error}" if isinstance(error, AMQPChannelError) else ""
        raise ConnectionLost(f"{type(error).__name__}{words}") from error
    except Exception as error:
        if type(error) is not Exception:
            raise
        raise ConnectionLost("the connection ended") from error


def each_host(url: str) -> list[str]:
    """A URL with our heartbeat for each host of `amqp://user:password@n1:5672,n2:5672/vhost`, in this order."""
    parts = urlsplit(url)
    credentials, at, hosts = parts.netloc.rpartition("@")
    return [with_heartbeat(parts._replace(netloc=f"{credentials}{at}{host}").geturl()) for host in hosts.split(",")]


def check_url(url: str) -> None:
    """Raises ValueError, which does not tell the URL: a password may be in it."""
    try:
        hosts = [make_url(host) for host in each_host(url)]
        is_one = all(host.scheme in {"amqp", "amqps"} and host.host and host.port != 0 for host in hosts)
    except ValueError:
        is_one = False
    if not is_one:
        raise ValueError("amqp_url: must be amqp:// or amqps://, with at least one host")


def with_heartbeat(url: str) -> str:
    """The URL with our heartbeat, unless it has one."""
    parts = urlsplit(url)
    if "heartbeat=" in parts.query:
        return url
    query = "&".join(filter(None, (parts.query, f"heartbeat={HEARTBEAT_SECONDS}")))
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", query, parts.fragment))
