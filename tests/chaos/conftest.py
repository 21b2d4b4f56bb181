"""A database for all dramas of a module: their names are unique, and each leaves it quiet."""

import secrets
from collections.abc import AsyncIterator, Iterator

import asyncpg
import psycopg
import pytest

import devstack
from tests.conftest import on_database
from worker.clock import SystemClock
from worker.database import Database


@pytest.fixture(scope="module")
def chaos_url(servers: devstack.Servers, template_database: str) -> Iterator[str]:
    name = f"ledger_chaos_{secrets.token_hex(6)}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template_database}".encode())
        yield on_database(servers.database_url, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
async def owner(chaos_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(chaos_url)
    yield connection
    await connection.close()


@pytest.fixture
async def database(chaos_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(chaos_url, SystemClock())
    yield opened
    await opened.close()
