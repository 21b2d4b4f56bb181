"""Queues that somebody deletes, replaces or declares otherwise: named in a clear line, waited for, consumed again."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
import httpx
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from tests.e2e.client import Client, connected, transfer
from tests.e2e.commands import payout
from tests.e2e.house import COINQPAY_SEED, free_port
from tests.e2e.program import Program
from tests.e2e.stage import Stage

QUEUE = "ledger.commands.ccpayment"
DIFFERS = "exchange or queue differs, waiting until it is mended"
MISSING = "exchange or queue missing, waiting for it"
CANCELLED = "consumer cancelled by the broker, beginning anew"

LIMIT = 20
QUORUM = {
    "x-queue-type": "quorum",
    "x-delivery-limit": LIMIT,
    "x-dead-letter-exchange": "ledger.dead",
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
}
OTHERS = {**QUORUM, "x-dead-letter-exchange": "others"}


@pytest.fixture
def both(desk: Stage) -> Stage:
    """A desk with both providers: orders that nobody can pay for end without either."""
    return desk.having(LEDGER_COINQPAY_PRIVATE_KEY=COINQPAY_SEED, LEDGER_HTTP_PORT=str(free_port()))


@asynccontextmanager
async def channel_of(stage: Stage) -> AsyncIterator[AbstractChannel]:
    """What somebody else has at the broker."""
    async with await aio_pika.connect(stage.amqp_url) as connection:
        yield await connection.channel()


async def metrics(stage: Stage) -> list[str]:
    """The worker's, a line each."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://127.0.0.1:{stage.settings['LEDGER_HTTP_PORT']}/metrics")).text.splitlines()


async def ask_both(client: Client, number: int) -> None:
    """An order at each provider."""
    for command in (
        transfer(f"ord-{number}", "alice1", "bob123", "1"),
        payout(f"pay-{number}", account="user:alice1"),
    ):
        event = await client.ask(command)
        assert event["data"]["error"]["code"] == "insufficient_funds", event


async def goes_on(worker: Program, client: Client, said: str) -> None:
    """It consumes again, and said why it did not once, in one line."""
    await worker.says("working again")
    await ask_both(client, 2)
    assert len(worker.said(said)) == 1, worker.tail()


# ---------------------------------------------------------------- when it starts


async def test_queues_with_other_arguments_are_named_in_one_line_by_run_apply_and_check(both: Stage) -> None:
    async with channel_of(both) as channel:
        await channel.declare_queue(QUEUE, durable=True)
        await channel.declare_queue("ledger.commands.coinqpay", durable=True, arguments=OTHERS)
    first = f"queue {QUEUE} differs: x-dead-letter-exchange is none, ours is 'ledger.dead'"
    second = "queue ledger.commands.coinqpay differs: x-dead-letter-exchange is 'others', ours is 'ledger.dead'"
    for command in (("run",), ("topology", "apply")):
        ended = await both.run(*command)
        assert (ended.code, ended.out) == (1, ""), command
        assert [line for line in ended.err.splitlines() if "differs" in line] == [ended.err.splitlines()[-1]]
        assert first in ended.err.splitlines()[-1]
    checked = await both.run("topology", "check")
    assert (checked.code, checked.out.count(first), checked.out.count(second)) == (1, 1, 1)
    assert len(checked.err.splitlines()) == 1


async def test_a_queue_that_is_anothers_alone_is_named(desk: Stage) -> None:
    async with channel_of(desk) as channel:
        await channel.declare_queue(QUEUE, exclusive=True)
        ended = await desk.run("run")
    assert (ended.code, f"queue {QUEUE} differs: RESOURCE_LOCKED" in ended.err.splitlines()[-1]) == (1, True)


# ---------------------------------------------------------------- while it works


async def test_a_queue_that_is_replaced_by_another_stops_its_own_provider_and_nothing_else(both: Stage) -> None:
    async with connected(both.amqp_url) as client, both.worker() as worker, channel_of(both) as channel:
        await worker.says("http listens")
        await ask_both(client, 1)
        await channel.queue_delete(QUEUE)
        await channel.queue_delete(QUEUE)  # the worker may have been quicker
        await channel.declare_queue(QUEUE, durable=True)
        line = await worker.says(DIFFERS)
        assert f"queue {QUEUE} differs: x-dead-letter-exchange is none, ours is 'ledger.dead'" in line
        assert (await client.ask(payout("pay-3", account="user:alice1")))["data"]["result"] == "rejected"
        assert 'ledger_consuming{provider="ccpayment"} 0.0' in await metrics(both)
        assert 'ledger_consuming{provider="coinqpay"} 1.0' in await metrics(both)
        await channel.queue_delete(QUEUE)
        await goes_on(worker, client, DIFFERS)
        assert 'ledger_consuming{provider="ccpayment"} 1.0' in await metrics(both)


async def test_a_consumer_that_the_broker_cancels_declares_its_queue_and_begins_anew(both: Stage) -> None:
    async with connected(both.amqp_url) as client, both.worker() as worker, channel_of(both) as channel:
        await ask_both(client, 1)
        await channel.queue_delete(QUEUE)
        assert "its queue was deleted" in await worker.says(CANCELLED)
        await goes_on(worker, client, CANCELLED)
        assert worker.said("broker away") == []


async def test_a_worker_that_may_not_declare_waits_for_the_queue_to_be_there_again(both: Stage) -> None:
    assert (await both.run("topology", "apply")).code == 0
    async with (
        connected(both.amqp_url) as client,
        both.worker("--no-topology") as worker,
        channel_of(both) as channel,
    ):
        await ask_both(client, 1)
        await channel.queue_delete(QUEUE)
        assert f"no queue '{QUEUE}'" in await worker.says(MISSING)
        assert (await both.run("topology", "apply")).code == 0
        await goes_on(worker, client, MISSING)


async def test_an_events_exchange_that_is_deleted_is_declared_again_and_no_event_is_lost(both: Stage) -> None:
    async with connected(both.amqp_url) as client, both.worker() as worker, channel_of(both) as channel:
        await ask_both(client, 1)
        await channel.exchange_delete("ledger.events")
        await client.publish(transfer("ord-2", "alice1", "bob123", "1"))
        assert "no exchange 'ledger.events'" in await worker.says(MISSING)
        await worker.says("working again")
        await channel.get_exchange("ledger.events", ensure=True)
        async with connected(both.amqp_url) as again:  # bound to the new exchange
            assert (await again.tap.end_of("ord-2"))["data"]["result"] == "rejected"


# ---------------------------------------------------------------- a message that kills


async def test_a_message_that_comes_back_too_often_is_a_dead_letter_with_time_and_reason(desk: Stage) -> None:
    assert (await desk.run("topology", "apply")).code == 0
    deliveries = 0

    async def give_back(message: AbstractIncomingMessage) -> None:
        nonlocal deliveries
        deliveries += 1
        await message.reject(requeue=True)

    async with channel_of(desk) as channel:
        commands = await channel.get_exchange("ledger.commands")
        await commands.publish(aio_pika.Message(b'{"orderId":"ord-1"}', delivery_mode=2), "ccpayment.transfer")
        dead = await channel.get_queue("ledger.dead.ccpayment")
        async with asyncio.timeout(30), dead.iterator() as letters:
            await (await channel.get_queue(QUEUE)).consume(give_back)
            letter = await anext(letters)
            await letter.reject(requeue=True)
    assert deliveries == LIMIT + 1
    listed = await desk.run("dead", "list", "--reason", "delivery_limit", "--json")
    [row] = map(json.loads, listed.out.splitlines())
    assert (row["order_id"], row["reason"]) == ("ord-1", f"delivery_limit in {QUEUE}")
    assert row["since"] is not None
