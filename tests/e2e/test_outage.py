"""Servers that are away, cut off, or silent: the worker says so once, waits, and loses nothing. SEED=… repeats it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.e2e.client import Client, connected, transfer
from tests.e2e.load import Load, draw_seed, fund_users, have_faults, judge, publish, run_out
from tests.e2e.program import Program, on_port
from tests.e2e.proxy import STATEMENT_DONE, Mode, Proxy, proxied
from tests.e2e.stage import APP_ID, Stage
from worker.broker.broker import KEPT_SECONDS
from worker.loops.pulse import AWAY_SECONDS

ORDERS = 300

AWAY = {"database": "database away", "broker": "broker away"}
BACK = {"database": "database is back", "broker": "broker is back"}


@dataclass(frozen=True, slots=True)
class Network:
    """A stage whose worker reaches database, broker and provider only through proxies."""

    stage: Stage
    database: Proxy
    broker: Proxy
    provider: Proxy


@pytest.fixture
async def network(stage: Stage) -> AsyncIterator[Network]:
    async with (
        proxied(stage.database_url) as database,
        proxied(stage.amqp_url) as broker,
        proxied(stage.sandbox_url) as provider,
    ):
        through = stage.having(
            LEDGER_DATABASE_URL=on_port(stage.database_url, database.port),
            LEDGER_AMQP_URL=on_port(stage.amqp_url, broker.port),
            LEDGER_CCPAYMENT_BASE_URL=on_port(stage.sandbox_url, provider.port),
        )
        yield Network(through, database, broker, provider)


@dataclass(frozen=True, slots=True)
class Scene:
    """A worker under load."""

    load: Load
    client: Client
    worker: Program

    async def after(self, orders: int) -> None:
        """Wait until so many have ended, and a random moment more."""
        ended = self.client.tap.terminal_ids
        await self.client.tap.until(lambda: len(ended.keys() & set(self.load.order_ids)) >= orders)
        await asyncio.sleep(self.load.random.uniform(0, 0.05))


@asynccontextmanager
async def under_load(stage: Stage) -> AsyncIterator[Scene]:
    """Everything has been published; at the end of the story all of it must have ended, and the books agree."""
    load = Load(draw_seed(), ORDERS)
    async with connected(stage.amqp_url) as client:
        async with stage.worker():
            await fund_users(stage, client)
        await have_faults(stage)
        await publish(load, client)
        async with stage.worker() as worker:
            yield Scene(load, client, worker)
            await run_out(load, stage, client)
            await judge(load, stage, client)


# ---------------------------------------------------------------- away at the start


@pytest.mark.parametrize(
    "mode", [Mode.REFUSED, pytest.param(Mode.BLACKHOLE, marks=pytest.mark.long)], ids=lambda mode: mode.name
)
async def test_a_worker_waits_for_servers_that_are_not_there_yet(network: Network, mode: Mode) -> None:
    stage = network.stage
    network.database.mode = network.broker.mode = mode
    async with connected(stage.amqp_url) as client, stage.program("run") as worker:
        for server, proxy in (("database", network.database), ("broker", network.broker)):
            await worker.says(AWAY[server])
            await proxy.until_somebody_comes()  # again, and says no more about it
            proxy.mode = Mode.OPEN
            await worker.says(BACK[server])
        await worker.says("worker started")
        event = await client.ask(transfer("ord-1", APP_ID, "alice1", "1"))
        assert event["data"]["error"]["code"] == "insufficient_funds"
        assert [len(worker.said(line)) for line in AWAY.values()] == [1, 1]


@pytest.mark.long
async def test_while_the_database_is_away_for_long_commands_are_left_in_their_queue(network: Network) -> None:
    stage = network.stage
    async with connected(stage.amqp_url) as client, stage.worker() as worker:
        network.database.mode = Mode.REFUSED
        network.database.cut()
        await worker.says(AWAY["database"])
        await client.publish(transfer("ord-1", APP_ID, "alice1", "1"))
        await until_left(client, consumers=1, messages=0)  # it was taken, and cannot be admitted
        await until_left(client, consumers=0, messages=1)
        network.database.mode = Mode.OPEN
        assert (await client.tap.end_of("ord-1"))["data"]["error"]["code"] == "insufficient_funds"
        await until_left(client, consumers=1, messages=0)


async def until_left(client: Client, consumers: int, messages: int) -> None:
    """Wait until so many take from the queue, and so many messages are with none of them."""
    async with asyncio.timeout(2.5 * (AWAY_SECONDS + KEPT_SECONDS)):
        while True:
            seen = (await client.channel.declare_queue("ledger.commands.ccpayment", passive=True)).declaration_result
            if (seen.consumer_count, seen.message_count) == (consumers, messages):
                return
            await asyncio.sleep(0.2)


async def test_a_worker_that_waits_for_a_server_can_be_stopped(network: Network) -> None:
    for server, proxy in (("broker", network.broker), ("database", network.database)):
        proxy.mode = Mode.REFUSED
        async with network.stage.program("run") as worker:
            await worker.says(AWAY[server])
            worker.terminate()
            assert await worker.ends() == 0


async def test_a_provider_that_is_away_delays_an_order_and_nothing_more(network: Network) -> None:
    stage = network.stage
    async with connected(stage.amqp_url) as client, stage.worker() as worker:
        await stage.fund_merchant()
        network.provider.mode = Mode.REFUSED
        network.provider.cut()
        await client.publish(transfer("ord-1", APP_ID, "alice1", "1"))
        await worker.says("order settled")
        assert (await stage.order("ord-1"))["state"] in {"held", "unknown", "sending"}
        network.provider.mode = Mode.OPEN
        assert (await client.tap.end_of("ord-1"))["data"]["result"] == "succeeded"


# ---------------------------------------------------------------- cut under load


async def test_broker_connections_that_are_cut_lose_no_command_and_no_event(network: Network) -> None:
    async with under_load(network.stage) as scene:
        for orders in sorted(scene.load.random.sample(range(1, ORDERS * 3 // 4), 5)):
            await scene.after(orders)
            network.broker.cut()
        await scene.worker.says(BACK["broker"], times=2)  # to publish, and to consume


async def test_database_connections_that_are_cut_lose_nothing(network: Network) -> None:
    async with under_load(network.stage) as scene:
        for orders in sorted(scene.load.random.sample(range(1, ORDERS * 3 // 4), 5)):
            await scene.after(orders)
            network.database.cut()


async def test_a_commit_whose_answer_is_lost_is_neither_lost_nor_done_twice(network: Network) -> None:
    async with under_load(network.stage):
        network.database.lose_answers(12, having=STATEMENT_DONE)
        await network.database.until_answers_are_lost()


async def test_confirms_and_acks_that_are_lost_lose_nothing(network: Network) -> None:
    async with under_load(network.stage) as scene:
        for orders in sorted(scene.load.random.sample(range(1, ORDERS // 2), 4)):
            await scene.after(orders)
            network.broker.lose_answers(1)
            await network.broker.until_answers_are_lost()


@pytest.mark.long
async def test_a_database_that_is_away_for_a_while_is_waited_for(network: Network) -> None:
    async with under_load(network.stage) as scene:
        await scene.after(30)
        network.database.mode = Mode.REFUSED
        network.database.cut()
        await scene.worker.says(AWAY["database"])
        for _ in range(3):
            await network.database.until_somebody_comes()
        network.database.mode = Mode.OPEN
        await scene.worker.says(BACK["database"])
        # Once, and perhaps once more when an answer of the moment before came in between; not for every try.
        assert len(scene.worker.said(AWAY["database"])) <= 3


@pytest.mark.long
async def test_a_broker_that_is_away_for_a_while_is_waited_for(network: Network) -> None:
    async with under_load(network.stage) as scene:
        await scene.after(30)
        network.broker.mode = Mode.REFUSED
        network.broker.cut()
        await scene.worker.says(AWAY["broker"], times=2)
        for _ in range(6):
            await network.broker.until_somebody_comes()
        network.broker.mode = Mode.OPEN
        await scene.worker.says(BACK["broker"], times=2)
        assert len(scene.worker.said(AWAY["broker"])) == 2  # one for each connection


@pytest.mark.long
@pytest.mark.parametrize("server", ["database", "broker"])
async def test_a_server_that_falls_silent_is_given_up_and_found_again(network: Network, server: str) -> None:
    async with under_load(network.stage) as scene:
        await scene.after(30)
        proxy = network.database if server == "database" else network.broker
        proxy.fall_silent()
        await scene.worker.says(AWAY[server])
        proxy.mode = Mode.OPEN
        await scene.worker.says(BACK[server])
