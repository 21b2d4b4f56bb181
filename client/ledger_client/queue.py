"""A service's durable queue of events: its arguments, its bindings, its deliveries."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from ledger_client.connection import ConnectionLost, Session, answered, keep_up, told_as_lost
from ledger_client.delivery import Delivery
from ledger_client.errors import QueueDiffers

EVENTS_EXCHANGE = "ledger.events"

# An event that kills its consumer comes back; with a prefetch above one, each crash counts for its neighbours too, so
# the limit is well above what a bad day of restarts adds up to.
DELIVERY_LIMIT = 100
# The library's writer takes ten frames at a time; when the connection dies, whoever waits to hand it one more would
# wait for ever. A lost ack only means a redelivery.
ANSWER_SECONDS = 5


class Queue:
    """`<service>.<name>`, a quorum queue, and `<service>.<name>.dead` for what was returned too often.

    Both stay when the service is away. Processes that consume the same queue share its events; bindings add up.
    """

    def __init__(self, url: str, name: str, patterns: tuple[str, ...], prefetch: int) -> None:
        self._url = url
        self._name = name
        self._patterns = patterns
        self._prefetch = prefetch

    async def run(self, put: Callable[[Delivery], None], ready: Callable[[], None]) -> None:
        """Hand deliveries to `put` until cancelled; through reconnects. Raises QueueDiffers."""

        async def live(session: Session, works: Callable[[], None]) -> None:
            async def receive(incoming: AbstractIncomingMessage) -> None:
                put(_Delivery(incoming, session))

            async with answered():
                queue = await self._declare(session.channel)
                await session.channel.set_qos(prefetch_count=self._prefetch)
                await queue.consume(receive)
            ready()
            works()
            await session.over.wait()

        await keep_up(self._url, f"events of {self._name}", live)

    async def _declare(self, channel: AbstractChannel) -> AbstractQueue:
        """Each session anew: the broker may have come back empty."""
        dead = f"{self._name}.dead"
        try:
            await _declare(channel, dead, {})
            queue = await _declare(
                channel,
                self._name,
                {
                    "x-delivery-limit": DELIVERY_LIMIT,
                    "x-dead-letter-exchange": "",  # the default one, which leads to the queue of that name
                    "x-dead-letter-routing-key": dead,
                    # Without `reject-publish` the broker silently falls back to dead-lettering at most once.
                    "x-dead-letter-strategy": "at-least-once",
                    "x-overflow": "reject-publish",
                },
            )
        except aio_pika.exceptions.ChannelPreconditionFailed as error:
            raise QueueDiffers(f"queue {self._name} exists with other arguments: {error}") from None
        for pattern in self._patterns:
            await queue.bind(EVENTS_EXCHANGE, pattern)
        return queue


async def _declare(channel: AbstractChannel, name: str, arguments: Mapping[str, str | int]) -> AbstractQueue:
    quorum: dict[str, Any] = {"x-queue-type": "quorum", **arguments}
    return await channel.declare_queue(name, durable=True, arguments=quorum)


class _Delivery:
    """A delivery on a channel. When the channel is gone, so is the tag: the broker delivers it again."""

    def __init__(self, incoming: AbstractIncomingMessage, session: Session) -> None:
        self._incoming = incoming
        self._session = session
        self.body = incoming.body
        self.correlation_id = incoming.correlation_id
        count = incoming.headers.get("x-delivery-count", 0)
        self.times_returned = count if isinstance(count, int) else 0

    @property
    def is_over(self) -> bool:
        return self._session.over.is_set()

    async def ack(self) -> None:
        with suppress(ConnectionLost), told_as_lost():
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._incoming.ack()

    async def requeue(self) -> None:
        # `reject`, not `nack`: from RabbitMQ 4.3 on only the former counts towards the delivery limit.
        await self._reject(requeue=True)

    async def bury(self) -> None:
        await self._reject(requeue=False)

    async def _reject(self, *, requeue: bool) -> None:
        with suppress(ConnectionLost), told_as_lost():
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._incoming.reject(requeue=requeue)
