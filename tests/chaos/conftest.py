"""The two ways into a test's database: the worker's, and its owner's."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from worker.clock import SystemClock
from worker.database import Database

# Processes are killed here, never the machine: what PostgreSQL has taken stays, written to the disk or not.
HASTE = "?synchronous_commit=off"


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url + HASTE)
    yield connection
    await connection.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(database_url + HASTE, SystemClock())
    yield opened
    await opened.close()
