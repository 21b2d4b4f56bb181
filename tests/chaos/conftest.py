"""The two ways into a test's database: the worker's, and its owner's."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from worker.clock import SystemClock
from worker.database import Database


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(database_url, SystemClock())
    yield opened
    await opened.close()
