"""Workers that are killed at random moments under load: nothing is lost, nothing happens twice. SEED=… repeats it."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.e2e.client import Client, connected
from tests.e2e.load import Load, draw_seed, fund_users, have_faults, judge, publish, run_out
from tests.e2e.program import Program
from tests.e2e.stage import Stage

ORDERS = 300


@pytest.fixture
def load() -> Load:
    return Load(draw_seed(), ORDERS)


async def prepare(load: Load, stage: Stage, client: Client) -> None:
    """Everything is in the queue before the first worker that will be killed takes it."""
    async with stage.worker():
        await fund_users(stage, client)
    await have_faults(stage)
    await publish(load, client)


async def kill_after(orders: int, load: Load, client: Client, worker: Program) -> None:
    """Let so many orders end, a moment more, and then no chance to tidy up."""
    await client.tap.until(lambda: len(client.tap.terminal_ids.keys() & set(load.order_ids)) >= orders)
    await asyncio.sleep(load.random.uniform(0, 0.1))
    await worker.kill()


async def test_one_worker_killed_again_and_again_loses_nothing(stage: Stage, load: Load) -> None:
    async with connected(stage.amqp_url) as client:
        await prepare(load, stage, client)
        for moment in sorted(load.random.sample(range(5, ORDERS * 3 // 4), 4)):
            async with stage.worker() as worker:
                await kill_after(moment, load, client, worker)
        async with stage.worker():
            await run_out(load, stage, client)
            await judge(load, stage, client)


async def test_of_two_workers_one_is_killed_and_the_other_goes_on(stage: Stage, load: Load) -> None:
    async with connected(stage.amqp_url) as client, AsyncExitStack() as stack:
        await prepare(load, stage, client)
        await stack.enter_async_context(stage.worker())
        for moment in sorted(load.random.sample(range(5, ORDERS // 2), 2)):
            async with stage.worker() as worker:
                await kill_after(moment, load, client, worker)
        await run_out(load, stage, client)
        await judge(load, stage, client)


@pytest.mark.long
@pytest.mark.parametrize("role", ["consume", "resume", "relay"])
async def test_a_worker_of_one_role_is_killed_and_replaced(stage: Stage, load: Load, role: str) -> None:
    roles = [name for name in ("consume", "resume", "relay") if name != role]
    async with connected(stage.amqp_url) as client, AsyncExitStack() as stack:
        await prepare(load, stage, client)
        await stack.enter_async_context(stage.worker("--role", ",".join(roles)))
        async with stage.worker("--role", role) as worker:
            await kill_after(load.random.randrange(5, ORDERS // 4), load, client, worker)
        await stack.enter_async_context(stage.worker("--role", role))
        await run_out(load, stage, client)
        await judge(load, stage, client)
