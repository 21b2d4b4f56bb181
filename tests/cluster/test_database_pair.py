"""A primary is killed under load and its synchronous standby takes over. SEED=… repeats it."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import psycopg
import pytest

from devstack import programs
from devstack.cluster import postgres_pair
from devstack.postgres_pair import PostgresPair
from tests.cluster.crew import crew_on
from tests.cluster.load import Load, fund, publish, run_out
from tests.cluster.scene import open_scene
from tests.e2e.load import draw_seed
from worker.migrate import migrate

pytestmark = pytest.mark.long


@pytest.fixture
def pair() -> Iterator[PostgresPair]:
    """Migrated by a URL that names the standby first, as it may after a change of roles."""
    if programs.find_postgres() is None:
        pytest.skip("a standby needs PostgreSQL's programs on this machine")
    with postgres_pair() as pair:
        migrate(pair.url_standby_first, pair.url_standby_first)
        yield pair


async def until_the_standby_is_waited_for(pair: PostgresPair) -> None:
    """It has caught up: from now on no commit is told before the standby has it."""
    async with asyncio.timeout(30):
        async with await psycopg.AsyncConnection.connect(pair.url, autocommit=True) as primary:
            while True:
                rows = await (await primary.execute("SELECT sync_state FROM pg_stat_replication")).fetchall()
                if rows == [("sync",)]:
                    return
                await asyncio.sleep(0.05)


async def test_what_was_told_before_the_primary_died_is_on_the_standby_that_took_over(
    pair: PostgresPair, amqp_url: str, tmp_path: Path
) -> None:
    load = Load(draw_seed(), orders=2000)
    began = monotonic()
    await until_the_standby_is_waited_for(pair)
    # The standby first: the worker must look further for the primary, and find it there later.
    async with (
        open_scene(pair.url_standby_first, amqp_url, amqp_url, tmp_path) as scene,
        crew_on(scene.stage) as crew,
    ):
        worker = await crew.hire("worker 1")
        await crew.hire("worker 2")
        await fund(scene)
        await publish(load, scene.client)
        await load.until_ended(len(load.commands) // 4, scene.client)
        await asyncio.to_thread(pair.kill_primary)
        killed = monotonic()
        told = {event["id"] for event in scene.client.tap.events}
        await worker.says("database away")
        await asyncio.to_thread(pair.promote)
        await worker.says("database is back")
        away_seconds = monotonic() - killed

        now_there = replace(scene.stage, database_url=pair.standby_url)
        await _has_told(pair.standby_url, told)
        await run_out(load, scene)
        results = await scene.judge(load.order_ids, now_there)
    print(f"{len(load.commands)} orders, {monotonic() - began:.1f} s, away {away_seconds:.2f} s, {results}")  # noqa: T201


async def _has_told(url: str, event_ids: set[str]) -> None:
    """Every event that was published is in the outbox of the new primary."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        rows = await (await connection.execute("SELECT event_id::text FROM ledger.outbox")).fetchall()
    assert event_ids <= {row[0] for row in rows}
