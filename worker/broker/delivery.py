"""A delivery: what can be read of a message, and telling the broker what became of it."""

import asyncio
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import aio_pika
import pamqp.base
import pamqp.encode
from aio_pika.abc import AbstractIncomingMessage

from worker.broker.lost import LOST, told_as_lost
from worker.message import Delivery, Incoming, carried, carried_traceparent

# All properties of a message share one frame of 128 KiB, and a dead letter has more of them than the message had.
HEADERS_BYTES_MAX = 64 * 1024
# The library's writer takes ten frames at a time; when the connection dies, whoever waits to hand it one more would
# wait for ever. A lost ack only means a redelivery.
ACK_SECONDS = 5

Handler = Callable[[Delivery], Awaitable[None]]


def receive_by(handle: Handler, provider: str) -> Callable[[AbstractIncomingMessage], Awaitable[None]]:
    async def receive(incoming: AbstractIncomingMessage) -> None:
        await handle(BrokerDelivery(incoming, provider))

    return receive


class BrokerDelivery:
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
        with suppress(*LOST):
            async with asyncio.timeout(ACK_SECONDS):
                with told_as_lost():
                    await self._incoming.ack()

    async def requeue(self) -> None:
        # `reject`, not `nack`: from RabbitMQ 4.3 on only the former counts towards the delivery limit.
        with suppress(*LOST, aio_pika.exceptions.MessageProcessError):
            async with asyncio.timeout(ACK_SECONDS):
                with told_as_lost():
                    await self._incoming.reject(requeue=True)


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
