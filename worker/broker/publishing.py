"""Publishing: what is published at one moment leaves in one write, and everything has its own confirm.

The library writes one message after the other and waits for the event loop in between; in a process that is busy
events would wait for each other longer than for everything else together.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from uuid import uuid4

import aiormq
import pamqp.frame
from aiormq import spec
from aiormq.abc import ChannelFrame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from worker.broker.lost import LOST, told_as_lost
from worker.broker.publish import CONFIRM_SECONDS, as_told, properties_of
from worker.message import Outgoing


@dataclass(frozen=True, slots=True, eq=False)
class _Publish:
    """A message on its way."""

    message_id: str
    frames: bytes
    answered: "asyncio.Future[object]"


class Publishing:
    """Publishes on a channel that nobody else publishes on, until its session ends."""

    def __init__(self, channel: aiormq.Channel) -> None:
        self._channel = channel
        self._is_over = False
        self._unwritten: list[_Publish] = []
        self._in_flight: dict[str, asyncio.Future[object]] = {}  # what has no answer, by message id
        self._writing: asyncio.Task[None] | None = None

    async def publish(self, message: Outgoing) -> None:
        """Return when the broker has confirmed. Raises Unroutable, BrokerRefused or BrokerAway."""
        message_id = message.message_id or uuid4().hex
        until = asyncio.get_running_loop().time() + CONFIRM_SECONDS
        try:
            # A returned message is told from a confirmed one by its message id alone: two in flight under one id,
            # such as a dead letter that carries its publisher's, could be taken for each other.
            if message_id in self._in_flight:
                async with asyncio.timeout_at(until):
                    while (same := self._in_flight.get(message_id)) is not None:
                        await asyncio.wait({same})
            await self._publish(message, message_id, until)
        except BaseException as error:
            if (told := as_told(error, message)) is not error:
                raise told from None
            raise

    def end(self) -> None:
        """The session is over: no answer comes any more."""
        self._is_over = True
        if self._writing is not None:
            self._writing.cancel()
        for answered in self._in_flight.values():
            if not answered.done():
                answered.set_exception(ConnectionResetError("the connection ended"))

    async def _publish(self, message: Outgoing, message_id: str, until_seconds: float) -> None:
        """Whoever gives up what was written leaves it in flight: its answer comes all the same, and must find it."""
        if self._is_over:
            raise ConnectionResetError("the connection ended")
        loop = asyncio.get_running_loop()
        outcome = loop.create_future()
        publish = _Publish(message_id, self._marshal(message, message_id), loop.create_future())
        self._in_flight[message_id] = publish.answered
        publish.answered.add_done_callback(partial(self._on_answer, message_id, outcome))
        self._unwritten.append(publish)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        too_late = loop.call_at(until_seconds, _give_up, outcome)
        try:
            await outcome
        finally:
            too_late.cancel()
            if publish in self._unwritten:
                self._unwritten.remove(publish)
                publish.answered.cancel()

    def _on_answer(
        self, message_id: str, outcome: "asyncio.Future[None]", answered: "asyncio.Future[object]"
    ) -> None:
        """Whoever asked is told, unless it gave up."""
        del self._in_flight[message_id]
        self._channel.message_id_delivery_tag.pop(message_id, None)
        # Cancelled is what was given up unwritten; were it the library's doing, it would be no confirm either.
        if answered.cancelled():
            outcome.cancel()
        elif (error := answered.exception()) is None and not outcome.done():
            outcome.set_result(None)
        elif error is not None and not outcome.done():
            outcome.set_exception(error)

    async def _write(self) -> None:
        """Whatever has gathered; while it leaves, the next gathers. What fails here ends the session, which tells."""
        try:
            with suppress(*LOST), told_as_lost():
                while self._unwritten:
                    leaving, self._unwritten = self._unwritten, []
                    await self._write_together(leaving)
        finally:
            self._writing = None

    async def _write_together(self, leaving: list[_Publish]) -> None:
        frames = b"".join(one.frames for one in leaving)
        left = self._channel.create_future()
        async with self._channel.lock:
            for one in leaving:  # the broker counts what it is sent, and answers by number
                self._channel.delivery_tag += 1
                self._channel.confirmations[self._channel.delivery_tag] = one.answered
                self._channel.message_id_delivery_tag[one.message_id] = self._channel.delivery_tag
            await self._channel.write_queue.put(ChannelFrame(frames, should_close=False, drain_future=left))
        await left

    def _marshal(self, message: Outgoing, message_id: str) -> bytes:
        """Persistent and mandatory, in as many frames as it takes."""
        properties, body = properties_of(message), message.body
        properties.message_id = message_id
        # A broker that allows frames of any size says so with 0, which the library makes a negative number of.
        most = self._channel.max_content_size if self._channel.max_content_size > 0 else len(body) + 1
        frames: list[ContentHeader | ContentBody] = [
            ContentHeader(properties=properties, body_size=len(body)),
            *(ContentBody(body[start : start + most]) for start in range(0, len(body), most)),
        ]
        number = self._channel.number
        return _publish_frame(message.exchange, message.routing_key, number) + b"".join(
            [pamqp.frame.marshal(frame, number) for frame in frames]
        )


@lru_cache
def _publish_frame(exchange: str, routing_key: str, channel_number: int) -> bytes:
    """The one that says where to: the same for all messages of a kind."""
    frame = spec.Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=True)
    return pamqp.frame.marshal(frame, channel_number)


def _give_up(outcome: "asyncio.Future[None]") -> None:
    if not outcome.done():
        outcome.set_exception(TimeoutError())
