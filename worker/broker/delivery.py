"""A delivery: what can be read of a message, and telling the broker what became of it."""

import struct
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

import pamqp.base
import pamqp.encode
from aiormq.abc import DeliveredMessage

from worker.broker.answers import Answers
from worker.message import Delivery, Incoming, carried, carried_traceparent

# All properties of a message share one frame of 128 KiB, and a dead letter has more of them than the message had.
HEADERS_BYTES_MAX = 64 * 1024

Handler = Callable[[Delivery], Awaitable[None]]


def receive_by(
    handle: Handler, provider: str, answers: Answers
) -> Callable[[DeliveredMessage], Coroutine[Any, Any, None]]:
    """What the library hands deliveries to."""

    async def receive(delivered: DeliveredMessage) -> None:
        await handle(BrokerDelivery(delivered, provider, answers))

    return receive


class BrokerDelivery:
    """A delivery on a channel. When the channel is gone, so is the tag: the broker redelivers, admit knows it."""

    def __init__(self, delivered: DeliveredMessage, provider: str, answers: Answers) -> None:
        assert delivered.delivery_tag is not None, "it was delivered, not returned"
        self._tag = delivered.delivery_tag
        self._answers = answers
        self._is_answered = False  # the broker closes a channel on which it hears of a delivery twice
        properties = delivered.header.properties
        headers = properties.headers or {}
        self.message = Incoming(
            provider=provider,
            body=delivered.body,
            routing_key=delivered.routing_key or "",
            message_id=carried(properties.message_id),
            correlation_id=carried(properties.correlation_id),
            app_id=carried(properties.app_id),
            traceparent=carried_traceparent(headers.get("traceparent")),
            headers=_carried_headers(headers),
            content_type=carried(properties.content_type),
        )

    async def ack(self) -> None:
        if not self._is_answered:
            self._is_answered = True
            await self._answers.ack(self._tag)

    async def requeue(self) -> None:
        if not self._is_answered:
            self._is_answered = True
            await self._answers.give_back(self._tag)


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
