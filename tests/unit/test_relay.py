"""The relay: publish, then mark; what nobody takes stays in the outbox, and an outage loses nothing."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from worker.errors import BrokerAway, BrokerRefused, Unroutable
from worker.ledger import Ledger, Stored
from worker.loops.relay import BATCH_EVENTS_MAX, HANDED_EVENTS_MAX, Relay
from worker.message import Outgoing

LEASE_SECONDS = 30.0
# Others may have taken an event when its lease is over; beyond half of it, there might be no time left to mark.
TOO_LATE_SECONDS = LEASE_SECONDS / 2


class Outbox:
    """The ledger's side: what is stored, and what was marked or postponed, in the order of the calls."""

    def __init__(self, *stored: Stored) -> None:
        self.stored = list(stored)
        self.calls: list[tuple[str, set[uuid.UUID]]] = []
        self.called = asyncio.Event()

    async def take_outbox(self, most: int) -> list[Stored]:
        taken, self.stored = self.stored[:most], self.stored[most:]
        return taken

    async def mark_outbox(self, event_ids: Sequence[uuid.UUID]) -> None:
        self.calls.append(("mark", set(event_ids)))
        self.called.set()

    async def postpone_outbox(self, event_ids: Sequence[uuid.UUID]) -> None:
        self.calls.append(("postpone", set(event_ids)))

    @property
    def marked(self) -> set[uuid.UUID]:
        return {event_id for name, event_ids in self.calls if name == "mark" for event_id in event_ids}


class Exchange:
    """The broker's side: what it took, and what it answers to some."""

    def __init__(self) -> None:
        self.taken: list[Outgoing] = []
        self.answers: dict[str, list[BaseException]] = {}
        self.silent_about: set[str] = set()
        self.waits = 0
        self.back: Callable[[], None] = lambda: None  # what happens until it is ready

    async def publish(self, message: Outgoing) -> None:
        queue = self.answers.get(str(message.message_id), [])
        if queue:
            raise queue.pop(0)
        self.taken.append(message)
        if message.message_id in self.silent_about:
            await asyncio.Event().wait()

    async def ready(self) -> None:
        self.waits += 1
        self.back()


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("the relay waits on signals")


def event(number: int, **changes: Any) -> Stored:
    fields = {
        "event_id": uuid.UUID(int=number + 1),
        "routing_key": "transfer.succeeded",
        "body": f'{{"n":{number}}}',
        "correlation_id": f"cor-{number}",
        "traceparent": None,
    }
    return Stored(**{**fields, **changes})


def relay_of(
    outbox: Outbox, exchange: Exchange, clock: Clock | None = None, lease_seconds: float = LEASE_SECONDS
) -> Relay:
    return Relay(cast("Ledger", outbox), exchange, clock or Clock(), lease_seconds)


async def test_what_is_in_the_outbox_is_published_then_marked() -> None:
    outbox, exchange = Outbox(event(1), event(2)), Exchange()
    assert await relay_of(outbox, exchange).run_once() == 2
    assert [message.body for message in exchange.taken] == [b'{"n":1}', b'{"n":2}']
    assert outbox.calls == [("mark", {event(1).event_id, event(2).event_id})]


async def test_nothing_to_publish_marks_nothing() -> None:
    outbox, exchange = Outbox(), Exchange()
    assert await relay_of(outbox, exchange).run_once() == 0
    assert outbox.calls == []


async def test_an_event_is_published_as_the_contract_says() -> None:
    outbox, exchange = Outbox(event(1, traceparent="00-a-b-01", app_id="shop", body='{"é":1}')), Exchange()
    await relay_of(outbox, exchange).run_once()
    [message] = exchange.taken
    assert message == Outgoing(
        exchange="ledger.events",
        routing_key="transfer.succeeded",
        body='{"é":1}'.encode(),
        content_type="application/cloudevents+json",
        message_id=str(event(1).event_id),
        correlation_id="cor-1",
        app_id="shop",
        headers={"traceparent": "00-a-b-01"},
    )


async def test_what_is_handed_over_is_published_without_a_look_into_the_outbox() -> None:
    outbox, exchange = Outbox(event(9)), Exchange()
    relay = relay_of(outbox, exchange)
    relay.offer(event(1))
    relay.offer(event(2))
    await relay.publish_handed()
    assert len(exchange.taken) == 2
    assert outbox.stored == [event(9)]
    assert outbox.marked == {event(1).event_id, event(2).event_id}


async def test_many_are_handed_over_in_batches_and_none_is_lost() -> None:
    outbox, exchange = Outbox(), Exchange()
    relay = relay_of(outbox, exchange)
    count = 2 * BATCH_EVENTS_MAX + 3
    for number in range(count):
        relay.offer(event(number))
    for _ in range(3):
        await relay.publish_handed()
    assert [message.body for message in exchange.taken] == [f'{{"n":{number}}}'.encode() for number in range(count)]
    assert [len(ids) for _, ids in outbox.calls] == [BATCH_EVENTS_MAX, BATCH_EVENTS_MAX, 3]


async def test_beyond_its_bound_the_oldest_handed_over_are_left_to_the_outbox() -> None:
    outbox, exchange = Outbox(), Exchange()
    relay = relay_of(outbox, exchange)
    for number in range(HANDED_EVENTS_MAX + 5):
        relay.offer(event(number))
    for _ in range(HANDED_EVENTS_MAX // BATCH_EVENTS_MAX + 1):
        await relay.publish_handed()
    assert len(exchange.taken) == HANDED_EVENTS_MAX
    assert exchange.taken[0].body == b'{"n":5}'


async def test_what_waited_too_long_after_it_was_handed_over_is_left_to_the_outbox() -> None:
    outbox, exchange, clock = Outbox(), Exchange(), Clock()
    relay = relay_of(outbox, exchange, clock)
    relay.offer(event(1))
    clock.advance(TOO_LATE_SECONDS)
    relay.offer(event(2))
    await relay.publish_handed()
    assert [message.body for message in exchange.taken] == [b'{"n":2}']
    assert outbox.marked == {event(2).event_id}


@pytest.mark.parametrize("is_handed", [True, False], ids=["handed over", "taken"])
async def test_after_a_long_outage_of_the_broker_others_may_have_the_events(is_handed: bool) -> None:
    outbox, exchange, clock = Outbox(event(1)), Exchange(), Clock()
    relay = relay_of(outbox, exchange, clock)
    exchange.answers = {str(event(1).event_id): [BrokerAway("gone")]}
    exchange.back = lambda: clock.advance(TOO_LATE_SECONDS)
    if is_handed:
        relay.offer(event(1))
        await relay.publish_handed()
    else:
        await relay.run_once()
    assert exchange.waits == 1
    assert exchange.taken == []
    assert outbox.calls == []


async def test_a_confirm_that_does_not_come_costs_no_other_event_its_lease() -> None:
    outbox, exchange = Outbox(event(1), event(2), event(3)), Exchange()
    exchange.silent_about = {str(event(2).event_id)}
    async with asyncio.timeout(5):
        await relay_of(outbox, exchange, lease_seconds=0.1).run_once()
    assert outbox.calls == [("mark", {event(1).event_id, event(3).event_id})]


async def test_what_others_left_is_looked_for_between_two_batches_of_what_is_handed_over() -> None:
    outbox, exchange = Outbox(event(0)), Exchange()
    relay = relay_of(outbox, exchange)
    for number in range(1, 3 * BATCH_EVENTS_MAX):
        relay.offer(event(number))
    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(5):
        await relay.flushed()
    running.cancel()
    assert exchange.taken[BATCH_EVENTS_MAX].body == b'{"n":0}'


async def test_while_the_broker_is_away_an_event_is_offered_again_until_it_is_confirmed() -> None:
    outbox, exchange = Outbox(event(1), event(2)), Exchange()
    exchange.answers = {str(event(2).event_id): [BrokerAway("gone"), BrokerAway("still gone")]}
    await relay_of(outbox, exchange).run_once()
    assert [message.body for message in exchange.taken] == [b'{"n":1}', b'{"n":2}']
    assert exchange.waits == 2
    assert outbox.calls == [("mark", {event(1).event_id}), ("mark", {event(2).event_id})]


@pytest.mark.parametrize("answer", [Unroutable("nobody"), BrokerRefused("full")], ids=["unroutable", "refused"])
async def test_an_event_that_nobody_takes_is_never_marked_and_does_not_stop_the_others(answer: Exception) -> None:
    outbox, exchange = Outbox(event(1), event(2), event(3)), Exchange()
    exchange.answers = {str(event(2).event_id): [answer]}
    await relay_of(outbox, exchange).run_once()
    assert outbox.calls == [
        ("mark", {event(1).event_id, event(3).event_id}),
        ("postpone", {event(2).event_id}),
    ]


async def test_a_bug_in_publishing_is_not_taken_for_a_confirm() -> None:
    outbox, exchange = Outbox(event(1), event(2)), Exchange()
    exchange.answers = {str(event(1).event_id): [ZeroDivisionError("a bug")]}
    with pytest.raises(ZeroDivisionError):
        await relay_of(outbox, exchange).run_once()
    assert event(1).event_id not in outbox.marked


async def test_running_publishes_what_comes_and_says_when_it_is_idle() -> None:
    outbox, exchange = Outbox(event(1)), Exchange()
    relay = relay_of(outbox, exchange)
    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(5):
        await relay.flushed()
        assert outbox.marked == {event(1).event_id}
        relay.offer(event(2))
        await relay.flushed()
        assert outbox.marked == {event(1).event_id, event(2).event_id}
    running.cancel()


async def test_a_wake_makes_it_look_into_the_outbox() -> None:
    outbox, exchange = Outbox(), Exchange()
    relay = relay_of(outbox, exchange)
    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(5):
        await relay.flushed()
        outbox.stored.append(event(1))
        relay.wake()
        await outbox.called.wait()
    running.cancel()
    assert outbox.marked == {event(1).event_id}


async def test_a_full_look_is_followed_by_another_at_once() -> None:
    outbox, exchange = Outbox(*(event(number) for number in range(2 * BATCH_EVENTS_MAX + 1))), Exchange()
    relay = relay_of(outbox, exchange)
    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(5):
        await relay.flushed()
    running.cancel()
    assert len(outbox.marked) == 2 * BATCH_EVENTS_MAX + 1


@pytest.mark.parametrize("turns", range(6))
async def test_it_ends_when_it_is_cancelled_however_close_to_a_wake(turns: int) -> None:
    relay = relay_of(Outbox(), Exchange())
    running = asyncio.create_task(relay.run())
    await relay.flushed()
    relay.wake()
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    _, stuck = await asyncio.wait([running], timeout=5)
    assert not stuck
