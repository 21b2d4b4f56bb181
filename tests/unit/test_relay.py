"""The relay: publish, then mark; what nobody takes stays in the outbox, and an outage loses nothing."""

import asyncio
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import structlog
from structlog.testing import capture_logs

from worker.errors import BrokerAway, BrokerRefused, SchemaMissing, Unroutable
from worker.ledger import Ledger, Stored
from worker.loops.flight import STOOD_STILL_SECONDS
from worker.loops.relay import (
    ASIDE_EVENTS_MAX,
    BATCH_EVENTS_MAX,
    HANDED_EVENTS_MAX,
    IN_FLIGHT_EVENTS_MAX,
    SWEEP_SECONDS,
    Relay,
)
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
        self.looks = 0
        self.marking: asyncio.Event | None = None  # how long marking takes
        self.is_marking = False
        self.failure: Exception | None = None

    async def take_outbox(self, most: int) -> list[Stored]:
        self.looks += 1
        taken, self.stored = self.stored[:most], self.stored[most:]
        return taken

    async def mark_outbox(self, event_ids: Sequence[uuid.UUID]) -> None:
        if self.failure is not None:
            raise self.failure
        if self.marking is not None:
            self.is_marking = True
            something_happened()
            await self.marking.wait()
        self.calls.append(("mark", set(event_ids)))
        something_happened()
        self.called.set()

    async def postpone_outbox(self, event_ids: Sequence[uuid.UUID]) -> None:
        self.calls.append(("postpone", set(event_ids)))
        something_happened()

    @property
    def marked(self) -> set[uuid.UUID]:
        return self._told("mark")

    @property
    def parked(self) -> set[uuid.UUID]:
        return self._told("postpone")

    def _told(self, what: str) -> set[uuid.UUID]:
        return {event_id for name, event_ids in self.calls if name == what for event_id in event_ids}


class Exchange:
    """The broker's side: what it took, and what it answers to some."""

    def __init__(self) -> None:
        self.taken: list[Outgoing] = []
        self.answers: dict[str, list[BaseException]] = {}
        self.silent_about: set[str] = set()
        self.is_silent = False
        self.is_here = True
        self.waits = 0
        self.renewed = 0
        self.back: Callable[[], None] = lambda: None  # what happens until it is ready
        self.on_publish: Callable[[], object] = lambda: None
        self._waiting: list[asyncio.Future[None]] = []

    async def publish(self, message: Outgoing) -> None:
        queue = self.answers.get(str(message.message_id), [])
        if queue:
            raise queue.pop(0)
        self.taken.append(message)
        self.on_publish()
        something_happened()
        if self.is_silent or message.message_id in self.silent_about:
            self._waiting.append(asyncio.get_running_loop().create_future())
            await self._waiting[-1]

    async def ready(self) -> None:
        self.waits += 1
        self.back()

    @property
    def is_ready(self) -> bool:
        return self.is_here

    def renew(self) -> None:
        """The connection ends, and with it whatever is in flight."""
        self.renewed += 1
        for waiting in self._waiting:
            waiting.set_exception(BrokerAway("the connection ended"))
        self._waiting.clear()

    def confirm_all(self) -> None:
        """What had no answer has it now."""
        for waiting in self._waiting:
            waiting.set_result(None)
        self._waiting.clear()


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


def id_of(number: int) -> str:
    return str(event(number).event_id)


def relay_of(
    outbox: Outbox,
    exchange: Exchange,
    clock: Clock | None = None,
    lease_seconds: float = LEASE_SECONDS,
    aside: Exchange | None = None,
) -> Relay:
    return Relay(cast("Ledger", outbox), exchange, clock or Clock(), lease_seconds, aside)


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[None]:
    """It runs in here, and nothing in here takes for ever."""
    task = asyncio.create_task(relay.run())
    async with asyncio.timeout(5):
        yield
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


NEWS: set[asyncio.Event] = set()


def something_happened() -> None:
    """Whoever waits until something is so, looks again."""
    for news in NEWS:
        news.set()


async def until(happened: Callable[[], bool]) -> None:
    """Let the others go on until then."""
    news = asyncio.Event()
    NEWS.add(news)
    async with asyncio.timeout(5):
        while not happened():
            await news.wait()
            news.clear()
    NEWS.remove(news)


def bodies(exchange: Exchange) -> list[int]:
    """The numbers of the events that it took."""
    return [json.loads(message.body)["n"] for message in exchange.taken]


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


SHORT_LEASE_SECONDS = 0.1


async def test_a_confirm_that_does_not_come_holds_nobody_and_its_event_is_parked() -> None:
    outbox, exchange = Outbox(event(1), event(2, routing_key="swap.failed"), event(3)), Exchange()
    exchange.silent_about = {id_of(2)}
    relay = relay_of(outbox, exchange, lease_seconds=SHORT_LEASE_SECONDS)
    async with running(relay):
        await until(lambda: outbox.marked == {event(1).event_id, event(3).event_id})
        assert outbox.parked == set()
        relay.offer(event(4))
        await until(lambda: event(4).event_id in outbox.marked)
        await relay.flushed()
        assert outbox.parked == {event(2).event_id}
    assert exchange.renewed == 0
    assert bodies(exchange) == [1, 2, 3, 4]


async def test_a_confirm_that_comes_late_marks_the_event_and_its_kind_is_as_any_other() -> None:
    outbox, exchange, aside = Outbox(event(1), event(2, routing_key="swap.failed")), Exchange(), Exchange()
    exchange.silent_about = {id_of(1)}
    relay = relay_of(outbox, exchange, lease_seconds=SHORT_LEASE_SECONDS, aside=aside)
    async with running(relay):
        await until(lambda: outbox.parked == {event(1).event_id})
        exchange.confirm_all()
        await until(lambda: event(1).event_id in outbox.marked)
        relay.offer(event(3))
        await relay.flushed()
    assert (bodies(exchange), bodies(aside)) == ([1, 2, 3], [])
    assert outbox.marked == {event(number).event_id for number in (1, 2, 3)}


async def test_a_silent_kind_goes_aside_one_at_a_time_until_one_is_confirmed() -> None:
    outbox, exchange, aside = Outbox(event(0), event(1, routing_key="swap.failed")), Exchange(), Exchange()
    exchange.silent_about, aside.is_silent = {id_of(0)}, True
    relay = relay_of(outbox, exchange, lease_seconds=1, aside=aside)
    many = range(2, 6)
    async with running(relay):
        await until(lambda: outbox.parked == {event(0).event_id})
        for number in many:
            relay.offer(event(number))
        relay.offer(event(100, routing_key="swap.failed"))
        await until(lambda: event(100).event_id in outbox.marked)
        assert bodies(exchange) == [0, 1, 100]
        assert bodies(aside) == [many[0]]
        await until(lambda: event(many[-1]).event_id in outbox.parked)
        aside.confirm_all()
        await relay.flushed()
        relay.offer(event(101))
        await relay.flushed()
    assert bodies(exchange)[-1] == 101
    assert outbox.marked == {event(number).event_id for number in (1, 100, 101, many[0])}
    assert outbox.parked == {event(number).event_id for number in (0, *many[1:])}


async def test_of_two_silent_kinds_the_one_whose_queue_is_back_does_not_wait_for_the_other() -> None:
    exchange, aside = Exchange(), Exchange()
    outbox = Outbox(event(0), event(1, routing_key="payout.failed"), event(2, routing_key="swap.failed"))
    exchange.silent_about = {id_of(0), id_of(1)}
    relay = relay_of(outbox, exchange, lease_seconds=1, aside=aside)
    many = range(3, ASIDE_EVENTS_MAX + 5)
    aside.silent_about = {id_of(number) for number in many}
    async with running(relay):
        await until(lambda: outbox.parked == {event(0).event_id, event(1).event_id})
        for number in many:
            relay.offer(event(number))
        relay.offer(event(100, routing_key="payout.failed"))
        await until(lambda: event(100).event_id in outbox.marked)
    assert bodies(aside) == [many[0], 100]


async def test_what_is_given_up_aside_does_not_pile_up_on_its_connection() -> None:
    """RabbitMQ would stop reading from it, and a kind whose queue is back would not be heard."""
    outbox, exchange, aside = Outbox(event(0), event(1, routing_key="swap.failed")), Exchange(), Exchange()
    exchange.silent_about, aside.is_silent = {id_of(0)}, True
    async with running(relay := relay_of(outbox, exchange, lease_seconds=SHORT_LEASE_SECONDS, aside=aside)):
        await relay.flushed()
        renewed = []
        for number in range(2, ASIDE_EVENTS_MAX + 3):
            relay.offer(event(number))
            await relay.flushed()
            renewed.append(aside.renewed)
    assert renewed == [0] * (ASIDE_EVENTS_MAX - 1) + [1, 1]
    assert len(outbox.parked) == ASIDE_EVENTS_MAX + 2


async def test_where_nothing_is_confirmed_any_more_a_new_connection_shows_what_was_silent() -> None:
    """A channel of RabbitMQ may wait for one queue, and everything behind it with it."""
    outbox = Outbox(event(1, routing_key="swap.failed"), event(2), event(3))
    exchange, aside = Exchange(), Exchange()
    exchange.is_silent = aside.is_silent = True
    exchange.back = lambda: setattr(exchange, "is_silent", False)
    relay = relay_of(outbox, exchange, lease_seconds=SHORT_LEASE_SECONDS, aside=aside)
    async with running(relay):
        await until(lambda: len(outbox.calls) == 2)
        await relay.flushed()
    assert (bodies(exchange), bodies(aside)) == ([1, 2, 3, 2, 3], [1])
    assert exchange.renewed == 1
    assert (outbox.marked, outbox.parked) == ({event(2).event_id, event(3).event_id}, {event(1).event_id})


async def test_a_kind_that_waits_behind_what_was_given_up_is_not_taken_for_silent() -> None:
    """RabbitMQ stops reading from a connection that has some messages which one queue does not confirm."""
    outbox, exchange, aside = Outbox(), Exchange(), Exchange()
    outbox.stored = [event(0), event(1, routing_key="swap.failed"), event(2), event(3, routing_key="swap.failed")]
    exchange.silent_about = {id_of(0), id_of(2)}
    exchange.on_publish = lambda: setattr(exchange, "is_silent", len(exchange.taken) in {3, 4})
    relay = relay_of(outbox, exchange, lease_seconds=SHORT_LEASE_SECONDS, aside=aside)
    async with running(relay):
        await until(lambda: event(3).event_id in outbox.marked)
        await relay.flushed()
    assert (bodies(exchange), bodies(aside), exchange.renewed) == ([0, 1, 2, 3, 3], [], 1)
    assert outbox.parked == {event(0).event_id, event(2).event_id}


async def test_after_it_stood_still_itself_it_reads_first_what_came_meanwhile() -> None:
    outbox, exchange = Outbox(event(1)), Exchange()
    exchange.is_silent = True
    async with running(relay_of(outbox, exchange, lease_seconds=SHORT_LEASE_SECONDS)):
        await until(lambda: bodies(exchange) == [1])
        time.sleep(SHORT_LEASE_SECONDS + STOOD_STILL_SECONDS)  # noqa: ASYNC251 - that is the point
        await asyncio.sleep(0)
        exchange.confirm_all()
        await until(lambda: outbox.marked == {event(1).event_id})
    assert (outbox.parked, exchange.renewed) == (set(), 0)


async def test_while_the_broker_takes_nothing_its_silence_parks_nothing() -> None:
    outbox, exchange = Outbox(event(1), event(2)), Exchange()
    exchange.silent_about, exchange.is_here = {id_of(1)}, False
    relay = relay_of(outbox, exchange, lease_seconds=SHORT_LEASE_SECONDS)
    async with running(relay):
        await until(lambda: outbox.marked == {event(2).event_id})
        await asyncio.sleep(2 * SHORT_LEASE_SECONDS)
        assert outbox.parked == set()
        exchange.is_here = True
        await until(lambda: outbox.parked == {event(1).event_id})


@pytest.fixture
def said() -> Iterator[list[Any]]:
    """What is logged."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    with capture_logs() as lines:
        yield lines
    structlog.configure(**before)


async def test_a_kind_is_complained_about_once(said: list[Any]) -> None:
    outbox, exchange, aside = Outbox(event(0), event(1, routing_key="swap.failed")), Exchange(), Exchange()
    exchange.silent_about, aside.is_silent = {id_of(0)}, True
    relay = relay_of(outbox, exchange, lease_seconds=SHORT_LEASE_SECONDS, aside=aside)
    async with running(relay):
        for number in (2, 3):
            await relay.flushed()
            relay.offer(event(number))
        await relay.flushed()
    [line] = said
    assert (line["event"], line["routing_key"]) == ("event not confirmed, kept", "transfer.succeeded")
    assert outbox.parked == {event(number).event_id for number in (0, 2, 3)}


async def test_no_more_than_a_window_is_in_flight_and_it_is_filled_as_places_become_free() -> None:
    outbox, exchange = Outbox(), Exchange()
    relay = relay_of(outbox, exchange)
    exchange.is_silent = True
    for number in range(IN_FLIGHT_EVENTS_MAX + 10):
        relay.offer(event(number))
    async with running(relay):
        await until(lambda: len(exchange.taken) == IN_FLIGHT_EVENTS_MAX)
        await asyncio.sleep(0.01)
        assert len(exchange.taken) == IN_FLIGHT_EVENTS_MAX
        exchange.confirm_all()
        await until(lambda: len(exchange.taken) == IN_FLIGHT_EVENTS_MAX + 10)
        exchange.confirm_all()
        await relay.flushed()
    assert len(outbox.marked) == IN_FLIGHT_EVENTS_MAX + 10


async def test_while_one_group_is_marked_the_next_gathers() -> None:
    outbox, exchange = Outbox(), Exchange()
    outbox.marking = asyncio.Event()
    relay = relay_of(outbox, exchange)
    async with running(relay):
        relay.offer(event(0))
        await until(lambda: outbox.is_marking)
        for number in range(1, 5):
            relay.offer(event(number))
        await until(lambda: len(exchange.taken) == 5)
        outbox.marking.set()
        await relay.flushed()
    assert [len(ids) for _, ids in outbox.calls] == [1, 4]


async def test_marks_that_come_one_after_the_other_are_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.loops.relay.MARK_AFTER_SECONDS", 0.5)
    outbox, exchange = Outbox(), Exchange()
    relay = relay_of(outbox, exchange)
    async with running(relay):
        for number in range(5):
            relay.offer(event(number))
            await until(lambda number=number: len(exchange.taken) == number + 1)
        await relay.flushed()
    assert [len(ids) for _, ids in outbox.calls] == [5]


async def test_what_fills_a_transaction_is_marked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.loops.relay.MARK_AFTER_SECONDS", 3600.0)
    monkeypatch.setattr("worker.loops.relay.LEASE_PART_TO_GATHER", 3600.0)
    outbox, exchange = Outbox(), Exchange()
    relay = relay_of(outbox, exchange)
    async with running(relay):
        for number in range(BATCH_EVENTS_MAX):
            relay.offer(event(number))
        await until(lambda: len(outbox.marked) == BATCH_EVENTS_MAX)


async def test_a_mark_that_is_cut_short_is_followed_by_no_other() -> None:
    outbox, exchange = Outbox(), Exchange()
    outbox.marking = asyncio.Event()
    relay = relay_of(outbox, exchange)
    async with running(relay):
        for number in (1, 2):
            relay.offer(event(number))
            await until(lambda number=number: len(exchange.taken) == number)
        await asyncio.sleep(0.01)
    outbox.marking.set()
    await asyncio.sleep(0.01)
    assert outbox.calls == []


async def test_a_mark_that_fails_ends_it() -> None:
    outbox, exchange = Outbox(event(1)), Exchange()
    outbox.failure = SchemaMissing("run migrate")
    async with asyncio.timeout(5):
        with pytest.raises(SchemaMissing):
            await relay_of(outbox, exchange).run()


async def test_what_others_left_is_looked_for_though_there_is_always_something_handed_over() -> None:
    outbox, exchange, clock = Outbox(), Exchange(), Clock()
    relay = relay_of(outbox, exchange, clock)
    exchange.on_publish = lambda: (clock.advance(SWEEP_SECONDS / 10), relay.offer(event(len(exchange.taken))))
    relay.offer(event(0))
    async with running(relay):
        await until(lambda: len(exchange.taken) >= 100)
    assert outbox.looks >= 9


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
