"""The pulse: a database that is away for long, and only that, is told to whoever takes commands."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from worker.errors import SchemaMissing
from worker.ledger import Ledger
from worker.loops.pulse import Pulse


class Database:
    """Answers while it is there."""

    def __init__(self) -> None:
        self.there = asyncio.Event()
        self.asked = asyncio.Event()
        self.questions = 0
        self.error: Exception | None = None

    async def read_orders(self, order_ids: Sequence[str]) -> list[Any]:
        assert not order_ids
        self.questions += 1
        self.asked.set()
        if self.error is not None:
            raise self.error
        await self.there.wait()
        return []


class Clock:
    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


def pulse_of(database: Database, away_seconds: float) -> Pulse:
    return Pulse(cast("Ledger", database), Clock(), away_seconds)


async def test_a_database_that_is_away_for_long_is_told_until_it_answers() -> None:
    database = Database()
    pulse = pulse_of(database, away_seconds=0.01)
    running = asyncio.create_task(pulse.run())
    async with asyncio.timeout(5):
        await pulse.away.wait()
        assert not pulse.there.is_set()
        assert database.questions == 1
        database.there.set()
        await pulse.there.wait()
    running.cancel()
    assert not pulse.away.is_set()


async def test_a_database_that_is_back_in_time_is_not_told() -> None:
    database = Database()
    pulse = pulse_of(database, away_seconds=5)
    asking = asyncio.create_task(pulse.run_once())
    await database.asked.wait()
    database.there.set()
    await asking
    assert pulse.there.is_set()
    assert not pulse.away.is_set()


async def test_what_only_an_operator_can_mend_ends_the_worker() -> None:
    database = Database()
    database.error = SchemaMissing("no schema")
    with pytest.raises(SchemaMissing):
        await pulse_of(database, away_seconds=5).run()
