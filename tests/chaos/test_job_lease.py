"""A job that lasts longer than its lease has one run; one that was stopped, and wakes up, ends its own."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.chaos.long_job import LEASE_SECONDS, NAME
from worker.clock import SystemClock
from worker.database import Database
from worker.ledger import Ledger
from worker.loops.schedule import Job, Schedule

# Longer than anything here takes, on a machine that is busy.
PATIENCE_SECONDS = 30


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[Process]:
    """Another process, in the middle of the job."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.chaos.long_job", database_url), stdout=PIPE
    )
    try:
        assert await says(process) == "begins"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def says(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        return (await process.stdout.readline()).decode().strip()


def schedule(database: Database, ran: list[str]) -> Schedule:
    async def run() -> str:
        ran.append("here")
        return "done"

    clock = SystemClock()
    return Schedule([Job(NAME, 3600, run, LEASE_SECONDS)], Ledger(database, clock, lease_seconds=30), clock)


async def test_a_job_that_lasts_is_begun_by_nobody_else(
    database: Database, owner: asyncpg.Connection, other: Process
) -> None:
    ran: list[str] = []
    mine = schedule(database, ran)
    for _ in range(8):
        await asyncio.sleep(LEASE_SECONDS / 4)
        assert await mine.run_once() == 0
    assert ran == []
    assert await owner.fetchval("SELECT run FROM ledger.job_status WHERE name = $1", NAME) == 1


async def test_a_process_that_was_stopped_past_its_lease_ends_its_run_when_it_wakes_up(
    database: Database, owner: asyncpg.Connection, other: Process
) -> None:
    ran: list[str] = []
    mine = schedule(database, ran)
    other.send_signal(signal.SIGSTOP)
    await asyncio.sleep(LEASE_SECONDS + 0.5)  # its last renewal was before the signal
    assert await mine.run_once() == 1
    before = await owner.fetchrow("SELECT * FROM ledger.job_status WHERE name = $1", NAME)
    other.send_signal(signal.SIGCONT)
    assert await says(other) == "ends"
    assert await other.wait() == 0
    assert ran == ["here"]
    assert await owner.fetchrow("SELECT * FROM ledger.job_status WHERE name = $1", NAME) == before
