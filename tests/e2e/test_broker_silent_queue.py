"""A service's own queue that gives no answer, as one without a leader does: nobody else's events wait for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aio_pika
import pytest

from devstack.node import Node
from tests.e2e.client import connected, transfer
from tests.e2e.commands import payout
from tests.e2e.conftest import QUICK
from tests.e2e.house import COINQPAY_SEED
from tests.e2e.stage import Stage, open_stage

QUEUE = "others.events"
SILENT_KIND = "transfer.rejected"
NOT_CONFIRMED = "event not confirmed, kept"
# More than RabbitMQ lets a connection have unconfirmed by one queue before it stops reading from it.
ORDERS = 500


@pytest.fixture
async def stage(node: Node, database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    settings = {**QUICK, "LEDGER_COINQPAY_PRIVATE_KEY": COINQPAY_SEED}
    async with open_stage(database_url, node.url, tmp_path, **settings) as stage:
        yield stage
    async with await aio_pika.connect(node.url) as connection:
        channel = await connection.channel()
        for provider in ("ccpayment", "coinqpay"):
            await channel.queue_delete(f"ledger.commands.{provider}")
            await channel.queue_delete(f"ledger.dead.{provider}")
        await channel.queue_delete(QUEUE)


@asynccontextmanager
async def silenced(node: Node, queue: str) -> AsyncIterator[None]:
    """The queue's process stands still in here: it takes everything and answers nothing."""
    hold = f"""
        {{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"{queue}">>)),
        {{Name, _}} = amqqueue:get_pid(Q), Me = self(),
        spawn(fun() ->
            register(holder, self()), erlang:suspend_process(whereis(Name)), Me ! held, receive go -> ok end
        end),
        receive held -> ok end."""
    await asyncio.to_thread(node.control, "eval", hold)
    try:
        yield
    finally:
        await asyncio.to_thread(node.control, "eval", "holder ! go.")


@pytest.mark.parametrize("is_known", [True, False], ids=["it answered before", "it never answered"])
async def test_other_events_arrive_and_its_own_when_it_answers_again(
    stage: Stage, node: Node, is_known: bool
) -> None:
    async with stage.worker() as worker, connected(node.url) as client:
        await worker.says("worker started")
        queue = await client.channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
        await queue.bind("ledger.events", SILENT_KIND)
        if is_known:
            await client.ask(transfer("first", "alice1", "bob123", "1"))
        await client.ask(payout("pay-0", account="user:alice1"))
        async with silenced(node, QUEUE):
            for number in range(ORDERS):
                await client.publish(transfer(f"ord-{number}", "alice1", "bob123", "1"))
            for number in range(1, ORDERS):
                await client.publish(payout(f"pay-{number}", account="user:alice1"))
            for number in range(1, ORDERS):
                await client.tap.end_of(f"pay-{number}", seconds=30)
            line = await worker.says(NOT_CONFIRMED)
            assert SILENT_KIND in line
        for number in range(ORDERS):
            await client.tap.end_of(f"ord-{number}", seconds=60)
        await stage.until("SELECT count(*) = 0 AS it FROM ledger.unbound_event")
        assert [line for line in worker.said(NOT_CONFIRMED) if SILENT_KIND not in line] == []
        assert len(client.tap.events) < 3 * ORDERS  # nothing was repeated over and over
