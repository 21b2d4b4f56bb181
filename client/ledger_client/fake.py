"""The double for the tests of services: a ledger without a broker, which answers as it is told."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from ledger_client.answers import Waiter
from ledger_client.commands import Command
from ledger_client.errors import LedgerError, StillRunning
from ledger_client.event import Event
from ledger_client.event_data import EntryLine, ErrorDetail, EventData, OrderResult, Result
from ledger_client.fake_queue import FakeQueue
from ledger_client.ledger import EXECUTE_SECONDS, PREFETCH, PUBLISH_SECONDS
from ledger_client.properties import check_name, properties
from ledger_client.seen import RecentlySeen, SeenEvents
from ledger_client.stream import EventStream


@dataclass(frozen=True, slots=True)
class Published:
    """A command that was published, with the properties of its message."""

    command: Command
    message_id: str
    correlation_id: str | None
    traceparent: str | None


class FakeLedger:
    """Records commands, tells results: those of the script, else success when `automatic`, else none.

    A result may be said before its command comes, or after. Fields are checked, a repeated command is told its last
    event again, and another command under the same orderId is refused, as the worker does; there are no balances.

    >>> import asyncio
    >>> from ledger_client import FakeLedger, Transfer
    >>> async def pay(ledger):  # the service; it takes a `Ledger`
    ...     event = await ledger.execute(
    ...         Transfer(order_id="invoice-1", from_user_id="alice1", to_user_id="bob123", coin_id=1280, amount="1")
    ...     )
    ...     return event.result, event.error_code
    >>> async def main():
    ...     ledger = FakeLedger()
    ...     ledger.reject("invoice-1", "insufficient_funds")
    ...     print(await pay(ledger), [command.order_id for command in ledger.commands])
    >>> asyncio.run(main())
    ('rejected', 'insufficient_funds') ['invoice-1']
    """

    def __init__(self, *, service: str = "service", automatic: bool = False) -> None:
        check_name("service", service)
        self.published: list[Published] = []
        self._automatic = automatic
        self._orders: dict[str, Published] = {}
        self._script: defaultdict[str, list[OrderResult]] = defaultdict(list)
        self._told: defaultdict[str, list[Event]] = defaultdict(list)
        self._errors: list[LedgerError] = []
        self._waiters: list[Waiter] = []
        self._queues: dict[str, FakeQueue] = {}
        self._streams: list[EventStream] = []
        self._seen: defaultdict[str, SeenEvents] = defaultdict(RecentlySeen)  # by queue

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Its streams end, as those of a client do."""
        for stream in self._streams:
            await stream.close()

    # ---------------------------------------------------------------- what a service sees

    async def publish(
        self,
        command: Command,
        *,
        message_id: str | None = None,
        correlation_id: str | None = None,
        traceparent: str | None = None,
        timeout: float = PUBLISH_SECONDS,  # noqa: ARG002
    ) -> None:
        """See Ledger.publish. Raises what `break_next` was given."""
        command = command.checked()
        carried = properties(message_id, correlation_id, traceparent)
        if self._errors:
            raise self._errors.pop(0)
        published = Published(command, carried.message_id, carried.correlation_id, carried.traceparent)
        self.published.append(published)
        self._answer(published)

    async def execute(
        self,
        command: Command,
        *,
        timeout: float = EXECUTE_SECONDS,
        message_id: str | None = None,
        correlation_id: str | None = None,
        traceparent: str | None = None,
    ) -> Event:
        """See Ledger.execute."""
        correlation_id = correlation_id or str(uuid.uuid4())
        waiter = Waiter(command.order_id, correlation_id)
        self._waiters.append(waiter)
        try:
            await self.publish(command, message_id=message_id, correlation_id=correlation_id, traceparent=traceparent)
            async with asyncio.timeout(timeout):
                return await waiter.end
        except TimeoutError:
            raise StillRunning(command.order_id, waiter.last) from None
        finally:
            self._waiters.remove(waiter)

    def events(
        self, *patterns: str, queue: str = "events", prefetch: int = PREFETCH, seen: SeenEvents | None = None
    ) -> EventStream:
        """See Ledger.events. The queue begins to gather at once."""
        check_name("queue", queue)
        source = self._queues.setdefault(queue, FakeQueue())
        source.bind(patterns or ("#",), prefetch)
        stream = EventStream(source, seen if seen is not None else self._seen[queue])
        self._streams.append(stream)
        return stream

    # ---------------------------------------------------------------- what a test says and asks

    @property
    def commands(self) -> list[Command]:
        """Every command that was published, repeats too."""
        return [published.command for published in self.published]

    def succeed(self, order_id: str, *, entries: Sequence[EntryLine] = (), provider_ref: str | None = None) -> None:
        """The order is done."""
        self._say(order_id, "succeeded", entries=tuple(entries), provider_ref=provider_ref)

    def fail(
        self, order_id: str, code: str = "refused", message: str = "refused", provider_code: str | None = None
    ) -> None:
        """The provider has definitely refused it."""
        self._say(order_id, "failed", error=ErrorDetail(code=code, message=message, provider_code=provider_code))

    def reject(self, order_id: str, code: str = "insufficient_funds", message: str = "rejected") -> None:
        """It is never accepted."""
        self._say(order_id, "rejected", error=ErrorDetail(code=code, message=message))

    def process(self, order_id: str, *, provider_ref: str | None = None) -> None:
        """The provider has it; its end is to be said later."""
        self._say(order_id, "processing", provider_ref=provider_ref)

    def review(self, order_id: str, message: str = "a person must decide") -> None:
        """Its outcome cannot be known by machine."""
        self._say(order_id, "review", error=ErrorDetail(code="unknown_outcome", message=message))

    def break_next(self, error: LedgerError) -> None:
        """The next publish raises this instead, such as `NotConnected("away")`."""
        self._errors.append(error)

    def tell(self, data: EventData, *, correlation_id: str | None = None) -> Event:
        """Any event, such as a DepositCredited; it is returned, so that `tell_again` can repeat it."""
        subject = data.order_id or data.type
        event = Event(
            id=str(uuid.uuid4()),
            time=datetime.now(UTC),
            subject=subject,
            correlation_id=correlation_id or subject,
            data=data,
        )
        self.tell_again(event)
        return event

    def tell_again(self, event: Event) -> None:
        """The same event once more, as happens after an outage."""
        for waiter in self._waiters:
            if waiter.order_id == event.order_id:
                waiter.take(event)
        for queue in self._queues.values():
            queue.add(event)

    # ---------------------------------------------------------------- how it comes about

    def _say(
        self,
        order_id: str,
        result: Result,
        *,
        entries: tuple[EntryLine, ...] = (),
        provider_ref: str | None = None,
        error: ErrorDetail | None = None,
    ) -> None:
        """At once when the order is there, else when it comes. Its type and provider are the command's."""
        said = OrderResult(
            order_id=order_id,
            type="",
            result=result,
            sequence=0,
            provider="",
            provider_ref=provider_ref,
            entries=entries,
            error=error,
        )
        if order_id in self._orders:
            self._end(self._orders[order_id], said)
        else:
            self._script[order_id].append(said)

    def _answer(self, published: Published) -> None:
        command = published.command
        first = self._orders.setdefault(command.order_id, published)
        if first.command != command:
            self._refuse_conflict(published)
        elif first is not published:
            for event in self._told[command.order_id][-1:]:
                self.tell_again(event)
        elif command.order_id in self._script:
            for said in self._script.pop(command.order_id):
                self._end(published, said)
        elif self._automatic:
            self.succeed(command.order_id)

    def _end(self, published: Published, said: OrderResult) -> None:
        told = self._told[published.command.order_id]
        assert not any(event.is_terminal for event in told), f"{published.command.order_id} has ended before"
        changes = {
            "type": published.command.type,
            "provider": published.command.provider,
            "sequence": len(told) + 1,
        }
        data = said.model_copy(update=changes)
        told.append(self.tell(data, correlation_id=published.correlation_id))

    def _refuse_conflict(self, published: Published) -> None:
        command = published.command
        self.tell(
            OrderResult(
                order_id=command.order_id,
                type=command.type,
                result="rejected",
                sequence=0,
                provider=command.provider,
                error=ErrorDetail(code="order_id_conflict", message="the orderId was used before with other content"),
            ),
            correlation_id=published.correlation_id,
        )
