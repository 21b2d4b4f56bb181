"""What a worker with nothing to do costs: its CPU, and what it asks of the database."""

import asyncio
from time import perf_counter
from typing import Any

import asyncpg

from benchmarks import processes

# Until the scheduled jobs that were due at its start are done.
SETTLE_SECONDS = 10.0
SECONDS = 30.0


async def measure(url: str) -> list[dict[str, Any]]:
    """One row: `ledger-worker run` with every role."""
    async with processes.gateway() as gateway_url, processes.worker(url, gateway_url) as worker:
        await asyncio.sleep(SETTLE_SECONDS)
        began, cpu, asked = perf_counter(), processes.cpu_seconds(worker.pid), await _transactions(url)
        await asyncio.sleep(SECONDS)
        seconds = perf_counter() - began
        megabytes = processes.resident_megabytes(worker.pid)
        used, more = processes.cpu_seconds(worker.pid) - cpu, await _transactions(url) - asked
    return [
        {
            "worker": "ledger-worker run, every role, no commands",
            "CPU": f"{used / seconds:.2%} of a core",
            "transactions/s": f"{more / seconds:.1f}",
            "resident memory": f"{megabytes:.0f} MB",
        }
    ]


async def _transactions(url: str) -> int:
    """So far, in this database; this question is one of them."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT pg_stat_force_next_flush()")
        asked: int = await connection.fetchval(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        )
        return asked
    finally:
        await connection.close()
