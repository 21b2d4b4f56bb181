"""The worker's own sessions: on the primary among several hosts, and waiting for their commits."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import structlog
from structlog.testing import capture_logs

from tests.e2e.program import on_port
from tests.e2e.proxy import proxied
from worker import database_hosts
from worker.clock import SystemClock
from worker.database import FOR_FUNCTIONS, Database
from worker.migrate import migrate

# What a backend sends unasked when it is terminated: severity, code, words.
FAREWELL_FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0"
FAREWELL = b"E" + (len(FAREWELL_FIELDS) + 4).to_bytes(4, "big") + FAREWELL_FIELDS

# A session that cannot be had is waited for without end.
DEADLINE_SECONDS = 10


@pytest.fixture
def said() -> Iterator[list[MutableMapping[str, Any]]]:
    """What the worker warns of, which the tests otherwise keep quiet."""
    quiet = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with capture_logs() as entries:
        yield entries
    structlog.configure(wrapper_class=quiet)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url, SystemClock(), FOR_FUNCTIONS)
    try:
        yield database
    finally:
        await database.close()


def behind(host: str, url: str) -> str:
    """The URL with another host before its own."""
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{credentials}@{host},{hosts}").geturl()


async def setting(database: Database, name: str) -> str:
    async with asyncio.timeout(DEADLINE_SECONDS):
        [row] = await database.fetch("SELECT current_setting($1)", name)
    value: str = row[0]
    return value


@pytest.mark.parametrize(
    ("set_to", "is_then", "warnings"), [("off", "on", 1), ("on", "on", 0), ("remote_apply", "remote_apply", 0)]
)
async def test_a_session_that_would_not_wait_for_its_commits_is_told_to_and_it_is_said(
    database_url: str, said: list[MutableMapping[str, Any]], set_to: str, is_then: str, warnings: int
) -> None:
    name = urlsplit(database_url).path[1:]
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(f"ALTER DATABASE {name} SET synchronous_commit = {set_to}".encode())
    async with opened(database_url) as database:
        assert await setting(database, "synchronous_commit") == is_then
        assert await setting(database, "role") == "ledger_worker"
    assert len([entry for entry in said if "synchronous_commit is off" in entry["event"]]) == warnings


async def test_a_host_that_refuses_leads_to_the_next(database_url: str) -> None:
    async with opened(behind("127.0.0.1:9", database_url)) as database:
        assert await setting(database, "role") == "ledger_worker"


async def test_a_host_that_says_nothing_leads_to_the_next(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_hosts, "CONNECT_SECONDS", 0.3)
    left = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        left.set()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with silent, opened(behind(f"127.0.0.1:{port}", database_url)) as database:
        assert await setting(database, "role") == "ledger_worker"
        await left.wait()


async def test_a_server_that_says_farewell_to_an_idle_session_and_dies_later_is_left_for_a_new_session(
    database_url: str,
) -> None:
    async with proxied(database_url) as proxy, opened(on_port(database_url, proxy.port)) as database:
        before = await setting(database, "role")
        proxy.add_to_answer(FAREWELL)
        assert await setting(database, "role") == before
        assert await setting(database, "role") == before


def test_migrations_reach_the_host_that_answers(database_url: str) -> None:
    url = behind("127.0.0.1:9", database_url)
    assert migrate(url, url) == []
