"""The inbox: of several deliveries of one event, one is handled, and the others share its fate."""

import asyncio
import logging
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from ledger_client.delivery import Delivery
from ledger_client.event import Event, read_event
from ledger_client.seen import SeenEvents

log = logging.getLogger(__name__)

# A failure that lasts a moment must not use up the deliveries that the broker allows one message.
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0


class Inbox:
    """Knows what is in hand and what was handled."""

    def __init__(self, seen: SeenEvents) -> None:
        self._seen = seen
        # A repeat may come while the first is in hand, after a reconnect for example. It must neither be handled
        # beside it nor be acked before it: should the first fail, nobody would deliver it again.
        self._in_hand: dict[str, list[Delivery]] = {}

    async def take(self, delivery: Delivery) -> "ReceivedEvent | None":
        """The event, to be handled; None when there is nothing to handle. Raises what the store raises."""
        try:
            event = read_event(delivery.body, delivery.correlation_id)
        except ValueError as error:
            log.error("an event cannot be read, it goes to the dead letters: %s", error)
            await delivery.bury()
            return None
        if event.id in self._in_hand:
            self._in_hand[event.id].append(delivery)
            return None
        # Before the store is asked: meanwhile another task may take its repeat from the stream.
        self._in_hand[event.id] = [delivery]
        if await self._is_seen(event.id, delivery.times_returned):
            for repeat in self._in_hand.pop(event.id, ()):
                await repeat.ack()
            return None
        return ReceivedEvent(**vars(event), receipt=Receipt(self, event.id, delivery.times_returned))

    async def _is_seen(self, event_id: str, times_returned: int) -> bool:
        """Whether it was handled. Raises what the store raises; then it is delivered again."""
        try:
            return await self._seen.has(event_id)
        except BaseException as error:
            try:
                if isinstance(error, Exception):
                    await pause(times_returned)
            finally:
                await self.returned(event_id)
            raise

    async def handled(self, event_id: str) -> None:
        """Remember it, then let the broker forget it. Raises what the store raises; then it is delivered again."""
        try:
            await self._seen.add(event_id)
        except BaseException:
            await self.returned(event_id)
            raise
        for delivery in self._in_hand.pop(event_id, ()):
            await delivery.ack()

    async def returned(self, event_id: str) -> None:
        """It was not handled."""
        for delivery in self._in_hand.pop(event_id, ()):
            await delivery.requeue()


class Receipt:
    """What is owed for one event in hand: one answer."""

    def __init__(self, inbox: Inbox, event_id: str, times_returned: int) -> None:
        self._inbox = inbox
        self._event_id = event_id
        self._times_returned = times_returned
        self._is_answered = False

    async def handled(self) -> None:
        """Once; more often does nothing."""
        if not self._is_answered:
            self._is_answered = True
            await self._inbox.handled(self._event_id)

    async def returned(self) -> None:
        """Once; more often does nothing."""
        if not self._is_answered:
            self._is_answered = True
            await self._inbox.returned(self._event_id)

    async def pause(self) -> None:
        """Longer each time that the event comes back."""
        await pause(self._times_returned)


async def pause(times_returned: int) -> None:
    """Longer each time that an event comes back."""
    doublings = min(times_returned, 10)
    await asyncio.sleep(min(FIRST_PAUSE_SECONDS * 2**doublings, LONGEST_PAUSE_SECONDS))


@dataclass(frozen=True, kw_only=True)
class ReceivedEvent(Event):
    """An event that waits for an answer: `async with event:` acks it when the block is done.

    When the block raises, the event is given back after a pause of 0.1 to 5 seconds and delivered again.
    """

    receipt: Receipt = field(repr=False, compare=False)

    async def ack(self) -> None:
        """It is handled: remembered as seen, and gone from the queue. Raises what the store raises."""
        await self.receipt.handled()

    async def requeue(self) -> None:
        """It is not handled: to be delivered again, to this process or another."""
        await self.receipt.returned()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.ack()
            return
        try:
            if isinstance(error, Exception):
                await self.receipt.pause()
        finally:
            await self.requeue()
