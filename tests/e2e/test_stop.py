"""The polite end: SIGTERM takes nothing more, finishes what is in flight, and exits 0. SEED=… repeats a run."""

import asyncio

import pytest

from tests.e2e.client import Client, connected, transfer
from tests.e2e.load import Load, draw_seed, fund_users, have_faults, judge, publish, run_out
from tests.e2e.program import on_port
from tests.e2e.proxy import Mode, proxied
from tests.e2e.stage import Stage

# One provider call (1 s here), the margin for the database around it, the last events, the connections.
BOUND_SECONDS = 1 + 10 + 5 + 5 + 2


async def some_have_ended(orders: int, load: Load, client: Client) -> None:
    await client.tap.until(lambda: len(client.tap.terminal_ids.keys() & set(load.order_ids)) >= orders)


async def test_a_worker_stopped_under_load_finishes_what_it_began(stage: Stage) -> None:
    load = Load(draw_seed(), orders=400)
    async with connected(stage.amqp_url) as client:
        async with stage.worker():
            await fund_users(stage, client)
        await have_faults(stage)
        await publish(load, client)
        for orders in sorted(load.random.sample(range(5, 300), 3)):
            async with stage.worker() as worker:
                await some_have_ended(orders, load, client)
                worker.terminate()
                assert await worker.ends(BOUND_SECONDS) == 0
                assert len(worker.said("worker stopped")) == 1
                assert worker.said("in flight") == []
            in_flight = await stage.query("SELECT * FROM ledger.order_status WHERE state = 'sending'")
            assert in_flight == []
        async with stage.worker():
            await run_out(load, stage, client)
            await judge(load, stage, client)


async def test_an_idle_worker_stops_at_once(desk: Stage) -> None:
    async with desk.worker() as worker:
        worker.terminate()
        assert await worker.ends(5) == 0


async def test_a_worker_that_is_still_starting_stops_too(desk: Stage) -> None:
    async with desk.program("run") as worker:
        await asyncio.sleep(0.5)  # a moment in the middle of the start; whichever it is, the end is the same
        worker.terminate()
        assert await worker.ends(5) in {0, -15}  # -15: before the worker could have heard of it


async def test_events_of_a_stopped_worker_were_published_before_it_ended(stage: Stage) -> None:
    async with connected(stage.amqp_url) as client:
        async with stage.worker() as worker:
            await stage.fund_merchant()
            await stage.fault("hang", when="before", seconds=0.5, times=1)
            await client.publish(transfer("ord-1", "alice1", "bob123", "1"))
            await worker.says("order rejected")
            worker.terminate()
            assert await worker.ends(BOUND_SECONDS) == 0
        assert (await client.tap.end_of("ord-1", seconds=5))["data"]["result"] == "rejected"


@pytest.mark.long  # it waits for the servers as long as it may
async def test_a_worker_whose_servers_are_gone_stops_within_its_bound(stage: Stage) -> None:
    async with proxied(stage.database_url) as database, proxied(stage.amqp_url) as broker:
        through = stage.having(
            LEDGER_DATABASE_URL=on_port(stage.database_url, database.port),
            LEDGER_AMQP_URL=on_port(stage.amqp_url, broker.port),
        )
        async with connected(stage.amqp_url) as client, through.worker() as worker:
            await through.fund_merchant()
            database.mode = Mode.REFUSED
            database.cut()
            await client.publish(transfer("ord-1", "alice1", "bob123", "1"))
            await worker.says("database away")
            broker.mode = Mode.REFUSED
            broker.cut()
            await worker.says("broker away")
            worker.terminate()
            assert await worker.ends(BOUND_SECONDS) == 0
    async with connected(stage.amqp_url) as client, stage.worker():
        assert (await client.tap.end_of("ord-1"))["data"]["result"] == "rejected"
