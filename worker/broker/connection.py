"""A connection with one confirming channel, to the first host that lets us in; and its end, in good order or not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from yarl import URL

from worker.broker.hosts import each_host
from worker.broker.lost import LOST
from worker.broker.outage import ConsumerCancelled, Over
from worker.errors import BrokerAway, WorkerError

# For each host of the URL: one that is silent must not keep us from the next.
CONNECT_SECONDS = 10
CLOSE_SECONDS = 5
# A question about a queue that has no leader, for a while or for good, is taken by the broker and never answered. Nor
# does the library give up by itself.
ANSWER_SECONDS = 15
# Whoever no longer wants a connection that is being made waits so long for it: it mostly is there in a moment.
GIVE_UP_SECONDS = 1


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


@asynccontextmanager
async def visit(url: str) -> AsyncIterator[AbstractChannel]:
    """A channel for one command line, which does not wait for a broker that is away. Raises WorkerError."""
    try:
        async with open_channel(url) as (channel, _):
            yield channel
    except aio_pika.exceptions.ChannelNotFoundEntity as error:
        raise WorkerError(f"RabbitMQ: {error}; see `ledger-worker topology apply`") from None
    except LOST as error:
        raise BrokerAway(f"RabbitMQ cannot be reached ({type(error).__name__})") from None


@asynccontextmanager
async def answered() -> AsyncIterator[None]:
    """What a command line asks of the broker in here is answered soon. Raises BrokerAway."""
    patience = asyncio.timeout(ANSWER_SECONDS)
    try:
        async with patience:
            yield
    except TimeoutError:
        if patience.expired():
            raise BrokerAway(
                f"RabbitMQ gave no answer within {ANSWER_SECONDS} s; about a queue without a leader it gives none:"
                " `rabbitmq-queues quorum_status`"
            ) from None
        raise


async def _connect_somewhere(url: str) -> tuple[AbstractConnection, AbstractChannel]:
    """To the first host that lets us in: nodes of a cluster are all the same to us."""
    *first_hosts, last_host = each_host(url)
    for host in first_hosts:
        with suppress(*LOST):
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
        if isinstance(error, LOST) or not isinstance(error, Exception):
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
        with suppress(*LOST, RuntimeError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await connection.close()
    finally:
        # What failed to close in good order is not closed for the library, whose finalizer would try once more. This
        # only says that it is: there is nothing left to close.
        await connection.close()
