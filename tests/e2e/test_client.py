"""The client library on a real broker: publishing, awaiting results, consuming, while connections break."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from ledger_client import (
    EventStream,
    LedgerClient,
    Nacked,
    NotConnected,
    Payout,
    QueueDiffers,
    ReceivedEvent,
    StillRunning,
    Transfer,
    Unroutable,
)
from schemas.event import ErrorDetail, Result, order_event
from tests.e2e.conftest import Road
from tests.e2e.program import DEADLINE_SECONDS, on_port
from tests.e2e.proxy import Proxy, proxied

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def transfer(order_id: str, sender: str = "alice1", amount: str = "1") -> Transfer:
    return Transfer(order_id=order_id, from_user_id=sender, to_user_id="bob123", coin_id=1280, amount=amount)


@dataclass
class Counter:
    """The other side of the broker: exchanges, what is published to them, and events that a test tells."""

    url: str
    channel: AbstractChannel
    service: str
    commands: list[AbstractIncomingMessage] = field(default_factory=list)

    async def open(self) -> None:
        """Take commands from now on."""
        queue = await self.channel.declare_queue(exclusive=True)
        await queue.bind("ledger.commands", "#")

        async def take(message: AbstractIncomingMessage) -> None:
            self.commands.append(message)

        await queue.consume(take, no_ack=True)

    async def tell(
        self,
        order_id: str,
        result: Result = "succeeded",
        sequence: int = 1,
        code: str | None = None,
        correlation_id: str | None = None,
    ) -> None:
        """An event of an order, as the worker would publish it."""
        event = order_event(
            order_id=order_id,
            command_type="transfer",
            provider="ccpayment",
            result=result,
            sequence=sequence,
            now=datetime.now(UTC),
            correlation_id=correlation_id,
            error=ErrorDetail(code=code, message="m") if code else None,
            about=correlation_id if code == "order_id_conflict" else None,
        )
        message = aio_pika.Message(
            event.body.encode(), delivery_mode=2, message_id=str(event.event_id), correlation_id=event.correlation_id
        )
        exchange = await self.channel.get_exchange("ledger.events", ensure=False)
        await exchange.publish(message, event.routing_key, mandatory=False)


@pytest.fixture
async def counter(amqp_url: str) -> AsyncIterator[Counter]:
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        for name in ("ledger.commands", "ledger.events"):
            await channel.declare_exchange(name, aio_pika.ExchangeType.TOPIC, durable=True)
        counter = Counter(amqp_url, channel, f"service-{secrets.token_hex(4)}")
        yield counter
        for service in (counter.service, f"{counter.service}-b"):
            for name in ("events", "events.dead"):
                await channel.queue_delete(f"{service}.{name}")


async def until(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not happened():  # noqa: ASYNC110 - some of it is told by nobody
            await asyncio.sleep(0.02)


# ---------------------------------------------------------------- publishing


async def test_a_command_arrives_with_its_properties(counter: Counter) -> None:
    await counter.open()
    async with LedgerClient.connect(counter.url, service=counter.service) as client:
        await client.publish(transfer("ord-1"), message_id="m-1", correlation_id="c-1", traceparent=TRACE)
        await client.publish(transfer("ord-2"))
    await until(lambda: len(counter.commands) == 2)
    message, plain = counter.commands
    assert message.body == transfer("ord-1").body()
    assert (message.routing_key, message.content_type) == ("ccpayment.transfer", "application/json")
    assert (message.message_id, message.correlation_id, message.app_id) == ("m-1", "c-1", counter.service)
    assert message.headers["traceparent"] == TRACE
    assert message.delivery_mode == 2
    assert plain.message_id
    assert (plain.correlation_id, plain.headers) == (None, {})


async def test_a_command_that_no_queue_takes_is_unroutable(counter: Counter) -> None:
    async with LedgerClient.connect(counter.url, service=counter.service) as client:
        with pytest.raises(Unroutable, match=r"ccpayment\.transfer"):
            await client.publish(transfer("ord-1"))
        with pytest.raises(Unroutable):
            await client.execute(transfer("ord-1"))
        await counter.channel.exchange_delete("ledger.commands")
        with pytest.raises(Unroutable, match=r"ledger\.commands"):
            await client.publish(transfer("ord-1"))
        await counter.channel.declare_exchange("ledger.commands", aio_pika.ExchangeType.TOPIC, durable=True)
        await counter.open()
        await client.publish(transfer("ord-1"))


async def test_a_command_that_a_full_queue_refuses_is_nacked(counter: Counter) -> None:
    arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
    queue = await counter.channel.declare_queue(exclusive=True, arguments=arguments)  # type: ignore[arg-type]
    await queue.bind("ledger.commands", "#")
    async with LedgerClient.connect(counter.url, service=counter.service) as client:
        await client.publish(transfer("ord-1"))
        with pytest.raises(Nacked):
            await client.publish(transfer("ord-2"))
        await queue.purge()
        await client.publish(transfer("ord-2"))


async def test_commands_under_one_message_id_are_not_taken_for_each_other(counter: Counter) -> None:
    queue = await counter.channel.declare_queue(exclusive=True)
    await queue.bind("ledger.commands", "ccpayment.#")
    astray = Payout(order_id="ord-2", coin="TRON_USDT", address="TDD1", amount="5")
    async with LedgerClient.connect(counter.url, service=counter.service) as client:
        for _ in range(20):
            commands = (transfer("ord-1"), astray, transfer("ord-3"))
            publishes = (client.publish(command, message_id="m-1") for command in commands)
            first, second, third = await asyncio.gather(*publishes, return_exceptions=True)
            assert (first, type(second), third) == (None, Unroutable, None)


async def test_connections_that_break_while_publishing_lose_no_command(counter: Counter) -> None:
    await counter.open()
    orders = [f"ord-{number:04}" for number in range(300)]
    async with proxied(counter.url) as proxy:
        url = on_port(counter.url, proxy.port)
        async with LedgerClient.connect(url, service=counter.service) as client:

            async def publish(part: int) -> None:
                for order_id in orders[part::20]:
                    await client.publish(transfer(order_id))
                    await asyncio.sleep(0.02)

            async with cutting(proxy):
                await asyncio.gather(*(publish(part) for part in range(20)))
    await until(lambda: len(order_ids(counter)) == len(orders))
    assert order_ids(counter) == set(orders)


def order_ids(counter: Counter) -> set[str]:
    return {message.body.split(b'"orderId":"')[1].split(b'"')[0].decode() for message in counter.commands}


async def test_a_network_that_falls_silent_is_told_as_not_connected(counter: Counter) -> None:
    await counter.open()
    async with proxied(counter.url) as proxy:
        url = on_port(counter.url, proxy.port)
        async with LedgerClient.connect(url, service=counter.service) as client:
            await client.publish(transfer("ord-1"))
            proxy.fall_silent()
            with pytest.raises(NotConnected, match="again"):
                await client.publish(transfer("ord-2"), timeout=0.3)
            with pytest.raises(NotConnected, match="again"):
                await client.execute(transfer("ord-2"), timeout=0.3)


@pytest.mark.parametrize("url", ["amqp://127.0.0.1:9/", "amqp://nobody:wrong-secret@{server}/"])
async def test_a_broker_that_cannot_be_reached_is_told_without_a_secret(counter: Counter, url: str) -> None:
    wrong = url.format(server=counter.url.rpartition("@")[2].rstrip("/"))
    with pytest.raises(NotConnected) as refusal:
        async with LedgerClient.connect(wrong, service=counter.service, timeout=1):
            pass
    assert "wrong-secret" not in str(refusal.value)


# ---------------------------------------------------------------- awaiting the end


async def test_an_order_that_does_not_end_in_time_goes_on(counter: Counter) -> None:
    await counter.open()
    async with LedgerClient.connect(counter.url, service=counter.service) as client:
        waiting = asyncio.create_task(client.execute(transfer("ord-1"), timeout=1))
        await until(lambda: counter.commands)
        await counter.tell("ord-1", "processing")
        with pytest.raises(StillRunning) as running:
            await waiting
        assert running.value.last is not None
        assert running.value.last.kind == "transfer.processing"


async def test_only_the_refusal_of_ones_own_message_ends_the_waiting(counter: Counter) -> None:
    await counter.open()
    async with LedgerClient.connect(counter.url, service=counter.service) as client:
        first = asyncio.create_task(client.execute(transfer("ord-1")))
        other = asyncio.create_task(client.execute(transfer("ord-1", amount="2")))
        await until(lambda: len(counter.commands) == 2)
        [conflicting] = [message for message in counter.commands if b'"2"' in message.body]
        await counter.tell(
            "ord-1", "rejected", 0, code="order_id_conflict", correlation_id=conflicting.correlation_id
        )
        assert (await other).error_code == "order_id_conflict"
        assert not first.done()
        await counter.tell("ord-1")
        assert (await first).kind == "transfer.succeeded"


async def test_a_lost_queue_of_answers_makes_the_client_ask_again(counter: Counter) -> None:
    await counter.open()
    async with proxied(counter.url) as proxy:
        url = on_port(counter.url, proxy.port)
        async with LedgerClient.connect(url, service=counter.service) as client:
            waiting = asyncio.create_task(client.execute(transfer("ord-1")))
            await until(lambda: counter.commands)
            proxy.cut()
            await until(lambda: len(counter.commands) == 2)
            assert counter.commands[0].message_id == counter.commands[1].message_id
            await counter.tell("ord-1")
            assert (await waiting).kind == "transfer.succeeded"


# ---------------------------------------------------------------- consuming


async def take(events: EventStream, number: int) -> list[ReceivedEvent]:
    """The next so many, acked."""
    taken = []
    async with asyncio.timeout(DEADLINE_SECONDS):
        for _ in range(number):
            async with await anext(events) as event:
                taken.append(event)
    return taken


async def nothing_more(events: EventStream) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await anext(events)


async def test_events_wait_while_the_service_is_away(counter: Counter) -> None:
    async with (
        LedgerClient.connect(counter.url, service=counter.service) as client,
        client.events("transfer.*") as events,
    ):
        await counter.tell("ord-1")
        assert (await take(events, 1))[0].order_id == "ord-1"
    await counter.tell("ord-2")
    async with LedgerClient.connect(counter.url, service=counter.service) as client:
        async for event in client.events("transfer.*"):
            async with event:
                assert (event.order_id, event.correlation_id) == ("ord-2", "ord-2")
            break


async def test_repeats_are_dropped(counter: Counter) -> None:
    async with (
        LedgerClient.connect(counter.url, service=counter.service) as client,
        client.events("transfer.succeeded") as events,
    ):
        for order_id in ("ord-1", "ord-1", "ord-2", "ord-1"):
            await counter.tell(order_id)
        assert [event.order_id for event in await take(events, 2)] == ["ord-1", "ord-2"]
        await nothing_more(events)
        await counter.tell("ord-1", "processing")
        await nothing_more(events)  # it was not asked for


async def test_connections_that_break_while_consuming_lose_and_repeat_nothing(counter: Counter) -> None:
    orders = [f"ord-{number:04}" for number in range(300)]
    handled: list[str | None] = []
    async with proxied(counter.url) as proxy:
        url = on_port(counter.url, proxy.port)
        async with (
            LedgerClient.connect(url, service=counter.service) as client,
            client.events("transfer.*", prefetch=20) as events,
        ):

            async def consume() -> None:
                async for event in events:
                    async with event:
                        handled.append(event.order_id)
                        await asyncio.sleep(0.005)

            async with cutting(proxy), asyncio.TaskGroup() as consumers:
                tasks = [consumers.create_task(consume()) for _ in range(4)]
                for order_id in orders:
                    await counter.tell(order_id)
                await until(lambda: len(handled) >= len(orders))
                await asyncio.sleep(0.3)  # a repeat would come now
                for task in tasks:
                    task.cancel()
    assert sorted(map(str, handled)) == orders


async def test_two_services_each_have_all_events_and_processes_of_one_share_them(counter: Counter) -> None:
    orders = {f"ord-{number}" for number in range(30)}
    async with AsyncExitStack() as stack:

        async def opened(service: str) -> EventStream:
            client = await stack.enter_async_context(LedgerClient.connect(counter.url, service=service))
            return await stack.enter_async_context(client.events("transfer.*", prefetch=1))

        one, other = await opened(counter.service), await opened(counter.service)
        elsewhere = await opened(f"{counter.service}-b")
        for order_id in orders:
            await counter.tell(order_id)
        assert {event.order_id for event in await take(elsewhere, 30)} == orders
        shares = await asyncio.gather(*(share(stream) for stream in (one, other)))
        assert sorted([*shares[0], *shares[1]]) == sorted(orders)
        assert all(shares)


async def share(events: EventStream) -> list[str]:
    """All that comes to this consumer."""
    orders = []
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout(1):
                event = await anext(events)
            orders.append(str(event.order_id))
            await event.ack()
    return orders


async def test_an_event_that_fails_again_and_again_ends_in_the_dead_letters(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger_client.queue.DELIVERY_LIMIT", 2)
    monkeypatch.setattr("ledger_client.inbox.FIRST_PAUSE_SECONDS", 0.01)
    async with (
        LedgerClient.connect(counter.url, service=counter.service) as client,
        client.events("transfer.*") as events,
    ):
        await counter.tell("ord-1")
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                async with await anext(events):
                    raise ZeroDivisionError
        await nothing_more(events)
    dead = await counter.channel.get_queue(f"{counter.service}.events.dead")
    letter = await dead.get(timeout=DEADLINE_SECONDS)
    assert letter is not None
    assert b"ord-1" in letter.body


async def test_a_service_that_is_there_before_the_worker_waits_for_its_exchange(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    await counter.channel.exchange_delete("ledger.events")
    async with (
        LedgerClient.connect(counter.url, service=counter.service) as client,
        asyncio.timeout(DEADLINE_SECONDS),
    ):
        entering = asyncio.create_task(client.events("transfer.*").__aenter__())
        await until(lambda: "no exchange 'ledger.events'" in caplog.text)
        await counter.channel.declare_exchange("ledger.events", aio_pika.ExchangeType.TOPIC, durable=True)
        events = await entering
        await counter.tell("ord-1")
        assert (await take(events, 1))[0].order_id == "ord-1"


async def test_a_queue_that_is_deleted_comes_back(counter: Counter) -> None:
    async with (
        LedgerClient.connect(counter.url, service=counter.service) as client,
        client.events("transfer.*") as events,
    ):
        await counter.channel.queue_delete(f"{counter.service}.events")
        received = asyncio.create_task(take(events, 1))
        while not received.done():  # the queue is bound again at a moment of its own
            await counter.tell("ord-1")
            await asyncio.sleep(0.05)
        assert received.result()[0].order_id == "ord-1"


async def test_a_queue_of_another_kind_is_told(counter: Counter) -> None:
    await counter.channel.declare_queue(f"{counter.service}.events", durable=True)
    async with LedgerClient.connect(counter.url, service=counter.service) as client:
        with pytest.raises(QueueDiffers, match=f"{counter.service}.events"):
            async with client.events("transfer.*"):
                pass


@asynccontextmanager
async def cutting(proxy: Proxy) -> AsyncIterator[None]:
    """Connections are cut again and again meanwhile."""

    async def cut() -> None:
        for _ in range(8):
            await asyncio.sleep(0.1)
            proxy.cut()

    task = asyncio.create_task(cut())
    try:
        yield
    finally:
        task.cancel()


# ---------------------------------------------------------------- with the worker


async def test_the_worker_executes_what_the_client_asks(road: Road) -> None:
    user, order_id = await road.rich_user("100"), road.new_id()
    async with LedgerClient.connect(road.stage.amqp_url, service="billing-e2e") as client:
        command = transfer(order_id, user, "12.50")
        first = await client.execute(command, traceparent=TRACE)
        again = await client.execute(command)
        assert (first.kind, first.data.sequence) == ("transfer.succeeded", 1)
        assert first.id == again.id
        conflict = await client.execute(transfer(order_id, user, "13"))
        assert (conflict.result, conflict.error_code) == ("rejected", "order_id_conflict")
        short = await client.execute(transfer(road.new_id(), user, "1000"))
        assert (short.result, short.error_code, short.is_terminal) == ("rejected", "insufficient_funds", True)
    assert (await road.stage.balance(f"user:{user}"))[0] == Decimal("87.50")
