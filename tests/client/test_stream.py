"""Streams of events: acked or given back, each event once, whatever comes twice."""

import asyncio
from collections.abc import Callable

import pytest

from ledger_client import Event, EventStream, FakeLedger, Newest, ReceivedEvent, RecentlySeen
from ledger_client.delivery import Delivery
from ledger_client.fake_queue import FakeDelivery, FakeQueue
from tests.client.commands import transfer

KINDS = {
    "*.*": True,
    "#": True,
    "transfer.*": True,
    "transfer.#": True,
    "*.succeeded": True,
    "#.succeeded": True,
    "transfer.succeeded": True,
    "transfer.succeeded.#": True,
    "transfer": False,
    "*": False,
    "transfer.*.*": False,
    "deposit.*": False,
    "transferX.*": False,
}


@pytest.fixture
def ledger() -> FakeLedger:
    return FakeLedger(automatic=True)


async def nothing_more(events: EventStream) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await anext(events)


@pytest.mark.parametrize("pattern", KINDS)
async def test_a_pattern_matches_as_at_the_broker(ledger: FakeLedger, pattern: str) -> None:
    async with ledger.events(pattern) as events:
        await ledger.publish(transfer())
        if KINDS[pattern]:
            assert (await anext(events)).order_id == "ord-1"
        else:
            await nothing_more(events)


async def test_a_block_that_is_done_acks_its_event(ledger: FakeLedger) -> None:
    async with ledger.events() as events:
        await ledger.publish(transfer())
        async with await anext(events) as event:
            assert event.kind == "transfer.succeeded"
    async with ledger.events() as events:
        await nothing_more(events)


async def test_a_block_that_raises_gives_its_event_back(ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger_client.inbox.FIRST_PAUSE_SECONDS", 0.001)
    handled: list[str] = []
    async with ledger.events() as events:
        await ledger.publish(transfer())
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                async with await anext(events):
                    raise ZeroDivisionError
        async with await anext(events) as event:
            handled.append(event.id)
        await nothing_more(events)
    assert len(handled) == 1


async def test_a_repeat_of_a_handled_event_is_dropped(ledger: FakeLedger) -> None:
    async with ledger.events() as events:
        for order_id in ("ord-1", "ord-1", "ord-2"):
            await ledger.publish(transfer(order_id))
        orders = []
        for _ in range(2):
            async with await anext(events) as event:
                orders.append(event.order_id)
        assert orders == ["ord-1", "ord-2"]


async def test_a_store_that_two_consumers_share_drops_what_either_has_handled(ledger: FakeLedger) -> None:
    seen = RecentlySeen()
    async with ledger.events(seen=seen) as events:
        await ledger.publish(transfer())
        await (await anext(events)).ack()
    async with ledger.events(seen=seen) as events:
        await ledger.publish(transfer())
        await nothing_more(events)


async def test_a_store_that_fails_leaves_the_event_in_the_queue(ledger: FakeLedger) -> None:
    class Broken(RecentlySeen):
        async def add(self, event_id: str) -> None:
            raise OSError

    async with ledger.events(seen=Broken()) as events:
        await ledger.publish(transfer())
        event = await anext(events)
        with pytest.raises(OSError):  # noqa: PT011 - it has no words
            await event.ack()
        async with asyncio.timeout(5):
            assert (await anext(events)).id == event.id


async def test_leaving_gives_back_what_was_not_acked_and_the_queue_goes_on_gathering(ledger: FakeLedger) -> None:
    async with ledger.events("transfer.*") as events:
        await ledger.publish(transfer("ord-1"))
        await anext(events)
    await ledger.publish(transfer("ord-2"))
    async with ledger.events("transfer.*") as events:
        assert [(await anext(events)).order_id, (await anext(events)).order_id] == ["ord-1", "ord-2"]


async def test_a_loop_that_is_left_gives_back_what_was_not_acked(ledger: FakeLedger) -> None:
    stream = ledger.events()
    for number in range(3):
        await ledger.publish(transfer(f"ord-{number}"))
    async for event in stream:
        await event.ack()
        break
    await asyncio.sleep(0.01)  # Python closes the loop's generator in a moment of its own
    async with ledger.events() as events:
        assert (await anext(events)).order_id == "ord-1"


async def test_no_more_than_the_prefetch_is_in_hand(ledger: FakeLedger) -> None:
    async with ledger.events(prefetch=2) as events:
        for number in range(3):
            await ledger.publish(transfer(f"ord-{number}"))
        first = await anext(events)
        await anext(events)
        await nothing_more(events)
        await first.ack()
        assert (await anext(events)).order_id == "ord-2"


async def test_consumers_of_one_queue_share_and_queues_each_have_all(ledger: FakeLedger) -> None:
    async with (
        ledger.events(prefetch=1) as one,
        ledger.events(prefetch=1) as other,
        ledger.events(queue="audit") as audit,
    ):
        for number in range(2):
            await ledger.publish(transfer(f"ord-{number}"))
        assert {(await anext(one)).order_id, (await anext(other)).order_id} == {"ord-0", "ord-1"}
        assert [(await anext(audit)).order_id, (await anext(audit)).order_id] == ["ord-0", "ord-1"]


async def test_streams_end_with_their_ledger() -> None:
    async def count(events: EventStream) -> int:
        return len([event async for event in events])

    async with FakeLedger() as ledger:
        counting = asyncio.create_task(count(ledger.events()))
        await asyncio.sleep(0)
    assert await counting == 0


async def test_answering_twice_does_nothing_more(ledger: FakeLedger) -> None:
    async with ledger.events() as events:
        await ledger.publish(transfer())
        event = await anext(events)
        await event.ack()
        await event.requeue()
        await nothing_more(events)


# ---------------------------------------------------------------- repeats of what is in hand


class Twice:
    """A queue that hands out one event twice at once, as may be after a reconnect."""

    def __init__(self, event: Event) -> None:
        queue = FakeQueue()
        queue.bind(("#",), 9)
        queue.add(event)
        queue.add(event)
        self.deliveries: list[FakeDelivery] = list(queue.waiting)
        queue.waiting.clear()
        self.queue = queue

    async def run(self, put: Callable[[Delivery], None], ready: Callable[[], None]) -> None:
        for delivery in self.deliveries:
            put(delivery)
        ready()
        await asyncio.Event().wait()


@pytest.fixture
async def event(ledger: FakeLedger) -> Event:
    return await ledger.execute(transfer())


async def in_hand(twice: Twice) -> ReceivedEvent:
    stream = EventStream(twice, RecentlySeen())
    async with stream:
        event = await anext(stream)
        await nothing_more(stream)
        return event


async def test_a_repeat_of_an_event_in_hand_is_acked_with_it(event: Event) -> None:
    twice = Twice(event)
    received = await in_hand(twice)
    assert [delivery.is_over for delivery in twice.deliveries] == [False, False]
    await received.ack()
    assert [delivery.is_over for delivery in twice.deliveries] == [True, True]
    assert not twice.queue.waiting


async def test_a_repeat_of_an_event_in_hand_goes_back_with_it(event: Event) -> None:
    twice = Twice(event)
    await (await in_hand(twice)).requeue()
    assert len(twice.queue.waiting) == 2


class Asked(RecentlySeen):
    """A store that answers when it is let, as a database does."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked = asyncio.Event()
        self.answers = asyncio.Event()

    async def has(self, event_id: str) -> bool:
        self.is_asked.set()
        await self.answers.wait()
        return await super().has(event_id)


async def test_a_repeat_that_another_task_takes_while_the_store_is_asked_is_not_handled_beside_it(
    event: Event,
) -> None:
    twice, seen = Twice(event), Asked()
    async with EventStream(twice, seen) as stream:
        taking = [asyncio.create_task(anext(stream)) for _ in twice.deliveries]
        await seen.is_asked.wait()
        await asyncio.sleep(0)
        seen.answers.set()
        done, waiting = await asyncio.wait(taking, timeout=0.02)
        assert (len(done), len(waiting)) == (1, 1)
        await done.pop().result().ack()
        assert [delivery.is_over for delivery in twice.deliveries] == [True, True]
    with pytest.raises(StopAsyncIteration):
        await waiting.pop()


async def test_a_store_that_cannot_be_asked_leaves_the_event_in_the_queue(
    ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger_client.inbox.FIRST_PAUSE_SECONDS", 0.001)

    class Away(RecentlySeen):
        is_away = True

        async def has(self, event_id: str) -> bool:
            if self.is_away:
                self.is_away = False
                raise OSError
            return await super().has(event_id)

    async with ledger.events(prefetch=1, seen=Away()) as events:
        await ledger.publish(transfer())
        with pytest.raises(OSError):  # noqa: PT011 - it has no words
            await anext(events)
        async with asyncio.timeout(5):
            assert (await anext(events)).order_id == "ord-1"


async def test_giving_up_while_the_store_is_asked_leaves_the_event_in_the_queue(ledger: FakeLedger) -> None:
    seen = Asked()
    async with ledger.events(prefetch=1, seen=seen) as events:
        await ledger.publish(transfer())
        taking = asyncio.create_task(anext(events))
        await seen.is_asked.wait()
        taking.cancel()
        await asyncio.wait({taking})
        seen.answers.set()
        async with asyncio.timeout(5):
            assert (await anext(events)).order_id == "ord-1"


async def test_deliveries_of_connections_that_are_gone_do_not_pile_up(event: Event) -> None:
    twice = Twice(event)
    stream = EventStream(twice, RecentlySeen())
    for delivery in twice.deliveries:
        stream._put(delivery)
        delivery.is_over = True
    assert len(stream._waiting) == 1


async def test_what_is_no_event_goes_to_the_dead_letters_and_the_next_is_handed_over(event: Event) -> None:
    twice = Twice(event)
    twice.deliveries[0].body = b"{}"
    assert (await in_hand(twice)).id == event.id
    assert [delivery.is_over for delivery in twice.deliveries] == [True, False]


async def test_a_delivery_whose_connection_is_gone_is_left_to_whoever_gets_it_next(event: Event) -> None:
    twice = Twice(event)
    twice.deliveries[0].is_over = True
    twice.deliveries[0].correlation_id = "of the lost connection"
    assert (await in_hand(twice)).correlation_id == event.correlation_id


async def test_a_source_that_ends_for_good_ends_the_stream_with_its_reason() -> None:
    class Ended:
        async def run(self, _put: Callable[[Delivery], None], _ready: Callable[[], None]) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with EventStream(Ended(), RecentlySeen()):
            pass
    with pytest.raises(ZeroDivisionError):
        await anext(EventStream(Ended(), RecentlySeen()))


async def test_a_stream_that_is_given_up_before_it_is_bound_is_fed_nothing_more() -> None:
    ended = asyncio.Event()

    class Away:
        async def run(self, _put: Callable[[Delivery], None], _ready: Callable[[], None]) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02), EventStream(Away(), RecentlySeen()):
            pass
    assert ended.is_set()


# ---------------------------------------------------------------- what is remembered


async def test_only_the_latest_ids_are_remembered() -> None:
    seen = RecentlySeen(limit=2)
    for event_id in ("a", "b", "a", "c"):
        await seen.add(event_id)
    assert [await seen.has(event_id) for event_id in ("a", "b", "c")] == [True, False, True]


async def test_an_event_older_than_one_that_was_seen_is_no_news(ledger: FakeLedger) -> None:
    newest = Newest(limit=2)
    ledger.process("ord-1")
    ledger.succeed("ord-1")
    async with ledger.events() as events:
        await ledger.publish(transfer())
        processing, succeeded = await anext(events), await anext(events)
    assert newest.is_news(processing)
    assert newest.is_news(succeeded)
    assert newest.is_news(succeeded)  # its handling may have failed
    assert not newest.is_news(processing)
    for number in range(2):  # and then it is forgotten
        assert newest.is_news(await ledger.execute(transfer(f"other-{number}")))
    assert newest.is_news(processing)
