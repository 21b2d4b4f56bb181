"""Publishing with confirm: a publish that returns has arrived in a queue, on the broker's word."""

import asyncio
from collections.abc import Callable
from weakref import WeakValueDictionary

import aio_pika
from aio_pika.abc import AbstractChannel

from ledger_client.connection import ConnectionLost, Session, keep_up, told_as_lost
from ledger_client.errors import Nacked, NotConnected, Unroutable

COMMANDS_EXCHANGE = "ledger.commands"


class Publisher:
    """One connection for publishing. The broker may block it, so that nothing else goes over it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: Session | None = None
        self._ready = asyncio.Event()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def run(self) -> None:
        """Keep the connection until cancelled."""

        async def live(session: Session, works: Callable[[], None]) -> None:
            self._session = session
            self._ready.set()
            works()
            try:
                await session.over.wait()
            finally:
                self._ready.clear()
                self._session = None

        await keep_up(self._url, "publishing", live)

    async def ready(self) -> None:
        """Wait until there is a connection."""
        await self._ready.wait()

    async def publish(self, message: aio_pika.Message, routing_key: str, timeout: float) -> None:
        """Return when the broker has confirmed. Raises Unroutable, Nacked, or NotConnected after `timeout` seconds.

        A publish whose confirm is lost is published again under its message id: an orderId is executed once.
        """
        assert message.message_id is not None
        # The library tells a returned message from a confirmed one by its message_id alone: two in flight under one
        # id could be taken for each other.
        lock = self._locks.setdefault(message.message_id, asyncio.Lock())
        try:
            async with asyncio.timeout(timeout), lock:
                await self._publish_until_confirmed(message, routing_key)
        except TimeoutError:
            raise NotConnected(
                f"RabbitMQ did not confirm within {timeout} s; publish the same command again"
            ) from None

    async def _publish_until_confirmed(self, message: aio_pika.Message, routing_key: str) -> None:
        while True:
            await self._ready.wait()
            session = self._session
            assert session is not None
            try:
                await _publish(session.channel, message, routing_key)
            except ConnectionLost:
                self._give_up(session)
            else:
                return

    def _give_up(self, session: Session) -> None:
        """Nobody uses it any more, so that the next one begins."""
        if self._session is session:
            self._session = None
            self._ready.clear()
        session.over.set()


async def _publish(channel: AbstractChannel, message: aio_pika.Message, routing_key: str) -> None:
    """Persistent, mandatory, confirmed."""
    with told_as_lost():
        try:
            exchange = await channel.get_exchange(COMMANDS_EXCHANGE, ensure=False)
            await exchange.publish(message, routing_key, mandatory=True)
        except aio_pika.exceptions.PublishError:
            raise Unroutable(f"no queue takes {routing_key}: is its provider set up at a worker?") from None
        except aio_pika.exceptions.ChannelNotFoundEntity:
            raise Unroutable(f"there is no exchange {COMMANDS_EXCHANGE}: has a worker started?") from None
        except aio_pika.exceptions.DeliveryError:
            raise Nacked(f"the broker refused {routing_key}") from None
