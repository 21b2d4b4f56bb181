"""Answers: what the broker is told of a channel's deliveries. Acks that come at one moment go in one frame."""

import asyncio
from contextlib import suppress

import aio_pika
from aiormq.abc import AbstractChannel

from worker.broker.lost import LOST, told_as_lost

# The library's writer takes ten frames at a time; when the connection dies, whoever waits to hand it one more would
# wait for ever. A lost ack only means a redelivery.
ANSWER_SECONDS = 5


class Answers:
    """Acks and returns by delivery tag, which a channel counts from 1.

    `multiple` acks everything up to a tag. It is used for a tag up to which every delivery has been answered here: so
    never over one that somebody else took from the channel, or that somebody still works on.
    """

    def __init__(self, channel: AbstractChannel) -> None:
        self._channel = channel
        self._done: set[int] = set()  # to be acked with the next frame
        self._telling: asyncio.Task[None] | None = None  # the one that will take them
        self._answered_to = 0  # every tag up to this one has its answer
        self._answered: set[int] = set()  # and these beyond it

    async def ack(self, tag: int) -> None:
        """Return when the broker has been told, or is gone."""
        self._done.add(tag)
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell())
        await asyncio.shield(self._telling)  # others wait for it too

    async def give_back(self, tag: int) -> None:
        """To be delivered again. Returns when the broker has been told, or is gone."""
        # `reject`, not `nack`: from RabbitMQ 4.3 on only the former counts towards the delivery limit.
        with suppress(*LOST, aio_pika.exceptions.MessageProcessError):
            async with asyncio.timeout(ANSWER_SECONDS):
                with told_as_lost():
                    await self._channel.basic_reject(tag, requeue=True)
                self._note({tag})  # else it stays open, and is acked with no other

    async def _tell(self) -> None:
        done, self._done, self._telling = self._done, set(), None
        whole_to = self._whole_to(done)
        together = max((tag for tag in done if tag <= whole_to), default=None)
        with suppress(*LOST):
            async with asyncio.timeout(ANSWER_SECONDS):
                with told_as_lost():
                    if together is not None:
                        await self._channel.basic_ack(together, multiple=True, wait=False)
                    for tag in done:
                        if tag > whole_to:
                            await self._channel.basic_ack(tag, wait=False)
        self._note(done)  # not before: another frame must not ack these once more

    def _whole_to(self, done: set[int]) -> int:
        """Up to which tag every delivery is answered, once these are."""
        tag = self._answered_to
        while tag + 1 in done or tag + 1 in self._answered:
            tag += 1
        return tag

    def _note(self, tags: set[int]) -> None:
        self._answered |= tags
        while self._answered_to + 1 in self._answered:  # and no more: one that stays open may have many beyond it
            self._answered_to += 1
            self._answered.remove(self._answered_to)
