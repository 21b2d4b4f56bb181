"""Real servers for the tests: a database of its own for each, cloned from a migrated template; a clean broker.

Tests that run side by side share PostgreSQL, where each has its database. RabbitMQ they cannot share: the names of
the exchanges and queues are the contract's, and AMQP makes no virtual hosts. So every process has one of its own.
"""

import logging
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit, urlunsplit

import aio_pika
import psycopg
import pytest
import structlog

import devstack
from worker.migrate import migrate
from worker.topology import EXCHANGES, queues

# Of several processes that test, the one that takes the broker of the settings.
FIRST = "gw0"


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Async tests run on the loop that the worker runs on."""
    return ("asyncio", {"use_uvloop": True})


@pytest.fixture(scope="session", autouse=True)
def _quiet_logs() -> None:
    """Only errors of the worker's own log; the rest would bury what a failing test prints."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


@pytest.fixture(scope="session")
def servers() -> Iterator[devstack.Servers]:
    """PostgreSQL and RabbitMQ, found or started."""
    with pytest.MonkeyPatch.context() as patch:
        if os.environ.get("PYTEST_XDIST_WORKER", FIRST) != FIRST:
            patch.delenv("LEDGER_AMQP_URL", raising=False)
            patch.delenv("LEDGER_AMQP_URL_FILE", raising=False)
        with devstack.servers(for_tests=True) as found:
            yield found


@pytest.fixture(scope="session")
def template_database(servers: devstack.Servers) -> Iterator[str]:
    """The name of a migrated, empty database."""
    name = f"ledger_template_{secrets.token_hex(4)}"
    _execute(servers.database_url, f"CREATE DATABASE {name}")
    url = on_database(servers.database_url, name)
    migrate(url, url)
    yield name
    _execute(servers.database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(servers: devstack.Servers, template_database: str) -> Iterator[str]:
    """A migrated, empty database for one test; the URL is its owner's."""
    name = f"ledger_test_{secrets.token_hex(6)}"
    _execute(servers.database_url, f"CREATE DATABASE {name} TEMPLATE {template_database}")
    yield on_database(servers.database_url, name)
    _execute(servers.database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def amqp_url(servers: devstack.Servers) -> AsyncIterator[str]:
    """A broker without our exchanges and queues, before and after."""
    await _forget_topology(servers.amqp_url)
    yield servers.amqp_url
    await _forget_topology(servers.amqp_url)


async def _forget_topology(url: str) -> None:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        for queue in queues(("ccpayment", "coinqpay")):
            await channel.queue_delete(queue.name)
        for exchange in EXCHANGES:
            await channel.exchange_delete(exchange)


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def on_database(url: str, database: str) -> str:
    """The same server, another database."""
    parts = urlsplit(url)
    return urlunsplit((*parts[:2], f"/{database}", *parts[3:]))
