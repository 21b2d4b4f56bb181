"""Stages: one for each story, and one that the short stories of a file share, with orders and users of their own."""

import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import aio_pika
import psycopg
import pytest

import devstack
from devstack import programs
from devstack.node import Node, private_node
from tests.conftest import on_database
from tests.e2e.client import Client
from tests.e2e.house import House, fund, open_house, working
from tests.e2e.oracle import judge
from tests.e2e.stage import APP_ID, APP_SECRET, Stage, open_stage, opened

# Short, so that what a fault or a kill leaves behind is taken up within the test.
QUICK = {
    "LEDGER_POLL_SECONDS": "0.2",
    "LEDGER_RESUME_AFTER_SECONDS": "3",
    "LEDGER_PROVIDER_TIMEOUT_SECONDS": "1",
}

# Port 9, discard: nobody listens there.
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
async def stage(database_url: str, amqp_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage for one story."""
    async with open_stage(database_url, amqp_url, tmp_path, **QUICK) as stage:
        yield stage


@pytest.fixture
def desk(database_url: str, amqp_url: str, tmp_path: Path) -> Stage:
    """A stage for command lines that need no provider: nothing listens at its address."""
    settings = {
        "LEDGER_DATABASE_URL": database_url,
        "LEDGER_AMQP_URL": amqp_url,
        "LEDGER_CCPAYMENT_BASE_URL": NOWHERE,
        "LEDGER_CCPAYMENT_APP_ID": APP_ID,
        "LEDGER_CCPAYMENT_APP_SECRET": APP_SECRET,
        **QUICK,
    }
    return Stage(database_url, amqp_url, NOWHERE, tmp_path, settings)


@pytest.fixture
def empty_database_url(servers: devstack.Servers) -> Iterator[str]:
    """A database that nobody has migrated."""
    name = f"ledger_empty_{secrets.token_hex(6)}"
    _execute(servers.database_url, f"CREATE DATABASE {name}")
    yield on_database(servers.database_url, name)
    _execute(servers.database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """A RabbitMQ node that stories may stop, kill and starve; one for all of them."""
    if programs.find_rabbitmq() is None:
        pytest.skip("a node to be broken needs RabbitMQ's programs on this machine")
    with private_node() as node:
        yield node


@dataclass(frozen=True, slots=True)
class Road:
    """A stage with a worker that runs and a client that hears, shared by the stories of a file."""

    stage: Stage
    client: Client
    numbers: Iterator[int]

    def new_id(self, kind: str = "ord") -> str:
        """An orderId or userId that no other story uses."""
        return f"{kind}-{next(self.numbers):05}"

    async def rich_user(self, amount: str = "100") -> str:
        """A user who has this much in both books."""
        user = self.new_id("user")
        await self.stage.fund(self.client, user, amount)
        return user


@pytest.fixture(scope="module")
async def road(
    servers: devstack.Servers, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Road]:
    """The shared stage of a file, with a merchant who has plenty."""
    await _forget_topology(servers.amqp_url)
    name = f"ledger_road_{secrets.token_hex(6)}"
    _execute(servers.database_url, f"CREATE DATABASE {name} TEMPLATE {template_database}")
    database_url = on_database(servers.database_url, name)
    folder = tmp_path_factory.mktemp("road")
    async with open_stage(database_url, servers.amqp_url, folder, **QUICK) as stage:
        await stage.fund_merchant()
        async with opened(stage) as client:
            yield Road(stage, client, count(1))
    await _forget_topology(servers.amqp_url)
    _execute(servers.database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
async def empty_house(
    servers: devstack.Servers, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """A house of a file whose stories start their workers themselves; in the end all books are compared."""
    await _forget_topology(servers.amqp_url)
    name = f"ledger_house_{secrets.token_hex(6)}"
    _execute(servers.database_url, f"CREATE DATABASE {name} TEMPLATE {template_database}")
    database_url = on_database(servers.database_url, name)
    try:
        async with open_house(database_url, servers.amqp_url, tmp_path_factory.mktemp("house")) as house:
            await fund(house)
            yield house
            await judge(house.stage, house.client)
    finally:
        await _forget_topology(servers.amqp_url)
        _execute(servers.database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def calm(empty_house: House) -> AsyncIterator[None]:
    """A story that fails leaves nothing behind for the next; a file uses it for all of its stories."""
    yield
    await empty_house.calm()


@pytest.fixture(scope="module")
async def house(empty_house: House) -> AsyncIterator[House]:
    """A house with a worker of all roles, shared by the stories of a file."""
    async with working(empty_house):
        yield empty_house


async def _forget_topology(amqp_url: str) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        for kind in ("commands", "dead"):
            for provider in ("ccpayment", "coinqpay"):
                await channel.queue_delete(f"ledger.{kind}.{provider}")
        for kind in ("commands", "events", "dead"):
            await channel.exchange_delete(f"ledger.{kind}")


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())
