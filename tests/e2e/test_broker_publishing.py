"""Many messages in one write: each has its own confirm, and what befalls one befalls no other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import aiormq
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aiormq.abc import ChannelFrame

from worker.broker import open_channel
from worker.broker.publishing import Publishing
from worker.errors import BrokerAway, BrokerRefused, Unroutable, WorkerError
from worker.message import Outgoing

QUEUE = "publishing"
NOWHERE = "no-such-queue"
# Of one frame; RabbitMQ's usual limit, of which the frame itself needs eight bytes.
FRAME_BYTES = 131_072


def message(body: bytes, routing_key: str = QUEUE, **properties: Any) -> Outgoing:
    return Outgoing("", routing_key, body, "application/json", **properties)


@asynccontextmanager
async def publishing_on(url: str) -> AsyncIterator[tuple[Publishing, AbstractChannel, aiormq.Channel]]:
    """Publishing on a channel of its own, and another channel on which its queue is."""
    async with open_channel(url) as (channel, _), open_channel(url) as (other, _):
        await other.declare_queue(QUEUE, exclusive=True, durable=False)
        underlay = await channel.get_underlay_channel()
        assert isinstance(underlay, aiormq.Channel)
        yield Publishing(underlay), other, underlay


async def taken(channel: AbstractChannel, count: int) -> list[AbstractIncomingMessage]:
    queue = await channel.get_queue(QUEUE, ensure=False)
    got = [await queue.get(no_ack=True) for _ in range(count)]
    assert await queue.get(no_ack=True, fail=False) is None, "and no more"
    return [one for one in got if one is not None]


async def ends(*publishes: "asyncio.Task[None]") -> list[type[BaseException] | None]:
    results = await asyncio.gather(*publishes, return_exceptions=True)
    return [None if result is None else type(result) for result in results]


def begun(publishing: Publishing, *messages: Outgoing) -> "list[asyncio.Task[None]]":
    return [asyncio.create_task(publishing.publish(one)) for one in messages]


class Writes:
    """What the channel was given to write, write by write."""

    def __init__(self, channel: aiormq.Channel, patch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self.begun = asyncio.Event()
        put = channel.write_queue.put

        async def counted(frame: ChannelFrame) -> None:
            self.sizes.append(len(frame.payload))
            self.begun.set()
            await put(frame)

        patch.setattr(channel.write_queue, "put", counted)


async def test_what_begins_at_one_moment_leaves_in_one_write_and_in_order(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with publishing_on(amqp_url) as (publishing, other, channel):
        writes = Writes(channel, monkeypatch)
        bodies = [b"%d" % number for number in range(300)]
        assert await ends(*begun(publishing, *map(message, bodies))) == [None] * 300
        assert len(writes.sizes) == 1
        assert [one.body for one in await taken(other, 300)] == bodies


async def test_what_comes_while_others_leave_goes_together_after_them(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with publishing_on(amqp_url) as (publishing, other, channel):
        writes = Writes(channel, monkeypatch)
        first = begun(publishing, message(b"1"))
        await writes.begun.wait()
        later = begun(publishing, message(b"2"), message(b"3"))
        assert await ends(*first, *later) == [None] * 3
        assert len(writes.sizes) == 2
        assert [one.body for one in await taken(other, 3)] == [b"1", b"2", b"3"]


async def test_properties_headers_and_any_size_of_body_arrive(amqp_url: str) -> None:
    async with publishing_on(amqp_url) as (publishing, other, _):
        sizes = (0, 1, FRAME_BYTES - 9, FRAME_BYTES - 8, FRAME_BYTES - 7, 3 * FRAME_BYTES)
        named = {"message_id": "m", "correlation_id": "c", "app_id": "a", "headers": {"traceparent": "00-1"}}
        messages = [message(b"x" * size, **named | {"message_id": f"m-{size}"}) for size in sizes]
        assert await ends(*begun(publishing, *messages)) == [None] * len(sizes)
        for size, one in zip(sizes, await taken(other, len(sizes)), strict=True):
            assert one.body == b"x" * size
            assert (one.message_id, one.correlation_id, one.app_id) == (f"m-{size}", "c", "a")
            assert one.headers == {"traceparent": "00-1"}
            assert one.delivery_mode == aio_pika.DeliveryMode.PERSISTENT


async def test_a_broker_without_a_limit_for_frames_has_one_for_each_body(amqp_url: str) -> None:
    async with publishing_on(amqp_url) as (publishing, other, channel):
        channel.max_content_size = 0 - channel.CONTENT_FRAME_SIZE  # what the library makes of frame_max = 0
        bodies = [b"", b"1", b"more"]
        assert await ends(*begun(publishing, *map(message, bodies))) == [None] * 3
        assert [one.body for one in await taken(other, 3)] == bodies


async def test_those_that_a_full_queue_refuses_are_told_and_no_other(amqp_url: str) -> None:
    full = {"x-max-length": 1, "x-overflow": "reject-publish"}
    async with publishing_on(amqp_url) as (publishing, other, _):
        await other.declare_queue("full", exclusive=True, durable=False, arguments=full)
        keys = ["full", QUEUE, NOWHERE] * 20
        expected = {"full": BrokerRefused, QUEUE: None, NOWHERE: Unroutable}
        told = await ends(*begun(publishing, *(message(b"", key) for key in keys)))
        assert told[0] is None, "there was room for one"
        assert told[1:] == [expected[key] for key in keys[1:]]


async def test_one_that_no_queue_takes_is_told_and_no_other(amqp_url: str) -> None:
    async with publishing_on(amqp_url) as (publishing, other, _):
        messages = [message(b"%d" % number, NOWHERE if number % 7 == 3 else QUEUE) for number in range(100)]
        expected = [Unroutable if one.routing_key == NOWHERE else None for one in messages]
        assert await ends(*begun(publishing, *messages)) == expected
        assert len(await taken(other, expected.count(None))) == expected.count(None)


@pytest.mark.parametrize("nowhere_first", [False, True])
async def test_two_under_one_id_are_not_taken_for_each_other(amqp_url: str, nowhere_first: bool) -> None:
    async with publishing_on(amqp_url) as (publishing, other, _):
        for _ in range(50):
            one, two = (NOWHERE, QUEUE) if nowhere_first else (QUEUE, NOWHERE)
            same = [message(b"", key, message_id="same") for key in (one, two, one, two)]
            expected = [Unroutable if sent.routing_key == NOWHERE else None for sent in same]
            assert await ends(*begun(publishing, *same)) == expected
        assert len(await taken(other, 100)) == 100


async def test_one_that_cannot_be_written_fails_alone(amqp_url: str) -> None:
    async with publishing_on(amqp_url) as (publishing, other, _):
        wrong = message(b"wrong", headers={"x": object()})
        first, failed, last = begun(publishing, message(b"1"), wrong, message(b"2"))
        with pytest.raises(TypeError):
            await failed
        assert await ends(first, last) == [None, None]
        assert [one.body for one in await taken(other, 2)] == [b"1", b"2"]


async def test_one_that_is_given_up_before_it_was_written_is_not_written_and_not_missed(amqp_url: str) -> None:
    async with publishing_on(amqp_url) as (publishing, other, channel):
        async with channel.lock:  # the first write waits for it
            first = begun(publishing, message(b"first"))
            await asyncio.sleep(0.01)
            tasks = begun(publishing, *(message(b"%d" % number, message_id=f"m-{number}") for number in range(3)))
            await asyncio.sleep(0.01)
            tasks[1].cancel()
            await asyncio.wait({tasks[1]})
            assert len(publishing._unwritten) == 2
            again = begun(publishing, message(b"again", message_id="m-1"))
            await asyncio.sleep(0.01)
        assert await ends(*first, *tasks, *again) == [None, None, asyncio.CancelledError, None, None]
        assert [one.body for one in await taken(other, 4)] == [b"first", b"0", b"2", b"again"]
        assert not channel.confirmations


async def test_one_that_is_given_up_after_it_was_written_is_still_answered(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own answer: not by the next one's under its id, and not by the end of the channel."""
    async with publishing_on(amqp_url) as (publishing, other, channel):
        for _ in range(20):
            writes = Writes(channel, monkeypatch)
            given_up = begun(publishing, message(b"1", NOWHERE, message_id="same"))[0]
            await writes.begun.wait()
            given_up.cancel()
            later = begun(publishing, message(b"2", message_id="same"), message(b"3", NOWHERE, message_id="same"))
            assert await ends(given_up, *later) == [asyncio.CancelledError, None, Unroutable]
        assert not channel.is_closed
        assert len(await taken(other, 20)) == 20
        assert not publishing._in_flight
        assert not channel.message_id_delivery_tag


async def test_nobody_waits_for_ever(amqp_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.broker.publishing.CONFIRM_SECONDS", 0.05)
    async with publishing_on(amqp_url) as (publishing, _, channel):
        channel.write_queue = asyncio.Queue(maxsize=1)  # nobody takes anything from it
        assert await ends(*begun(publishing, message(b"1"), message(b"2"))) == [BrokerAway] * 2
        publishing.end()


async def test_waiting_for_an_equal_id_and_for_the_confirm_is_one_wait(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.broker.publishing.CONFIRM_SECONDS", 1.0)
    async with publishing_on(amqp_url) as (publishing, _, channel), channel.lock:  # so that nothing is written
        waiting = begun(publishing, message(b"0"))
        await asyncio.sleep(0.01)
        waiting += begun(publishing, message(b"1", message_id="same"))
        await asyncio.sleep(0.5)
        began = asyncio.get_running_loop().time()
        waiting += begun(publishing, message(b"2", message_id="same"))
        assert await ends(*waiting) == [BrokerAway] * 3
        assert asyncio.get_running_loop().time() - began < 1.4  # two waits, one after the other, would be 1.5
        assert publishing._unwritten == []
        publishing.end()


async def test_the_end_of_the_session_is_told_to_all_that_wait_and_to_all_that_come(amqp_url: str) -> None:
    async with publishing_on(amqp_url) as (publishing, _, channel):
        channel.write_queue = asyncio.Queue(maxsize=1)  # nobody takes anything from it
        first = begun(publishing, message(b"1"))
        await asyncio.sleep(0.05)
        waiting = begun(publishing, message(b"2", message_id="same"), message(b"3", message_id="same"))
        await asyncio.sleep(0.05)
        publishing.end()
        assert await ends(*first, *waiting) == [BrokerAway] * 3
        with pytest.raises(WorkerError, match="no confirm"):
            await publishing.publish(message(b"4"))
        assert publishing._writing is None


async def test_a_channel_that_the_broker_closes_ends_everything_on_it(amqp_url: str) -> None:
    """As the port does when the session is over: nothing waits for ever, and nothing is logged by asyncio."""
    async with publishing_on(amqp_url) as (publishing, _, channel):
        sent = [message(b"%d" % number) for number in range(5)]
        sent[2] = Outgoing("no-such-exchange", QUEUE, b"", "application/json")
        tasks = begun(publishing, *sent)
        async with asyncio.timeout(10):
            await asyncio.wait({channel.closing})
            publishing.end()
            assert set(await ends(*tasks)) <= {None, BrokerAway}
