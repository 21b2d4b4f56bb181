"""The same figures with a history: a million orders that have ended, and five million entries.

history.sql writes it.
"""

import asyncio
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import asyncpg

from benchmarks import end_to_end, ledger_alone, load, processes
from worker.topology import COMMANDS_EXCHANGE, EVENTS_EXCHANGE

ORDERS = 1_000_000
LINES = 5  # of each: one pays four
CHUNK = 20_000

HISTORY = Path(__file__).with_name("history.sql")


async def measure(url: str, amqp_url: str, plan: end_to_end.Plan) -> list[dict[str, Any]]:
    """A row before the history, and one after it."""
    rows = [await _row("new", url, amqp_url, plan)]
    await _write_history(url)
    rows.append(await _row(f"with {ORDERS:,} orders and {ORDERS * LINES:,} entries", url, amqp_url, plan))
    return rows


async def memory(url: str, amqp_url: str, commands: int) -> list[tuple[int, float]]:
    """The resident megabytes of one worker after so many commands."""
    seen: list[tuple[int, float]] = []
    async with (
        processes.gateway() as gateway_url,
        load.tap(amqp_url, EVENTS_EXCHANGE) as events,
        processes.worker(url, gateway_url) as worker,
        asyncio.timeout(end_to_end.DRAIN_SECONDS),
    ):
        for done in range(CHUNK, commands + 1, CHUNK):
            order_ids = load.order_ids(CHUNK)
            await load.publish(amqp_url, COMMANDS_EXCHANGE, "ccpayment.transfer", order_ids)
            await load.until_told(events, set(order_ids))
            seen.append((done, processes.resident_megabytes(worker.pid)))
    return seen


async def _row(name: str, url: str, amqp_url: str, plan: end_to_end.Plan) -> dict[str, Any]:
    async with processes.gateway() as gateway_url:
        rounds = [await end_to_end.ours(url, amqp_url, gateway_url, plan) for _ in range(plan.rounds)]
    pairs = await ledger_alone.pairs_per_second(url)
    return {
        "database": name,
        "commands/s": round(median(rate for rate, _ in rounds)),
        "CPU per command, µs": round(median(cpu for _, cpu in rounds)),
        "admit + settle pairs/s, batch 256": round(pairs),
        "audit, s": f"{await _audit(url):.1f}",
    }


async def _audit(url: str) -> float:
    """Every promise, read from the whole of the books."""
    connection = await asyncpg.connect(url)
    try:
        began = perf_counter()
        broken = await connection.fetch("SELECT * FROM ledger.violation")
        assert broken == [], broken[:3]
        return perf_counter() - began
    finally:
        await connection.close()


async def _write_history(url: str) -> None:
    owner = await asyncpg.connect(url)
    try:
        for name, value in {"orders": ORDERS, "lines": LINES, "coin": load.COIN}.items():
            await owner.execute("SELECT set_config($1, $2, false)", f"bench.{name}", str(value))
        await owner.execute(HISTORY.read_text(encoding="utf-8"))
        await owner.execute("VACUUM ANALYZE")
    finally:
        await owner.close()
