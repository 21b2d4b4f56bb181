"""A process that takes one job, which does not end by itself; it says when that begins, and when it is ended."""

import asyncio
import sys

from worker.clock import SystemClock
from worker.database import FOR_FUNCTIONS, Database
from worker.ledger import Ledger
from worker.loops.schedule import Job, Schedule

NAME = "long"
LEASE_SECONDS = 3.0


async def _run() -> str:
    _say("begins")
    try:
        await asyncio.Event().wait()
    finally:
        _say("ends")
    return "never"


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def main(database_url: str) -> None:
    """Take the job once, in this database, and keep it."""
    clock = SystemClock()
    database = await Database.open(database_url, clock, FOR_FUNCTIONS)
    job = Job(NAME, 3600, _run, LEASE_SECONDS)
    await Schedule([job], Ledger(database, clock, lease_seconds=30), clock).run_once()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
