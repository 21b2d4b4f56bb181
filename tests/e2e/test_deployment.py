"""How it is set up: roles in separate processes, a login that may do little, secrets in files, migrations at once."""

import asyncio
import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

import asyncpg
import psycopg
import pytest

from tests.e2e.client import connected, transfer
from tests.e2e.stage import APP_ID, APP_SECRET, Stage


@pytest.fixture
def login(desk: Stage) -> Iterator[str]:
    """The URL of a user who owns nothing and belongs to nothing."""
    name, password = f"ledger_login_{secrets.token_hex(4)}", secrets.token_hex(8)
    with psycopg.connect(desk.database_url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'".encode())
        parts = urlsplit(desk.database_url)
        yield parts._replace(netloc=f"{name}:{password}@{parts.netloc.rpartition('@')[2]}").geturl()
        owner.execute(f"DROP ROLE {name}".encode())


async def test_roles_in_processes_of_their_own_carry_an_order_without_waiting_for_a_lease(stage: Stage) -> None:
    slow = stage.having(LEDGER_RESUME_AFTER_SECONDS="300")
    async with (
        connected(stage.amqp_url) as client,
        slow.worker("--role", "consume"),
        slow.worker("--role", "relay"),
        slow.worker("--role", "resume"),
    ):
        await stage.fund_merchant()
        await client.publish(transfer("ord-1", APP_ID, "alice1", "1"))
        assert (await client.tap.end_of("ord-1", seconds=20))["data"]["result"] == "succeeded"


async def test_a_login_that_owns_nothing_is_enough_for_the_worker(desk: Stage, login: str) -> None:
    plain = desk.having(LEDGER_DATABASE_URL=login)
    refused = await plain.run("run")
    assert (refused.code, len(refused.err.splitlines())) == (1, 1)
    assert "ledger-worker migrate" in refused.err
    owned = plain.having(LEDGER_DATABASE_OWNER_URL=desk.database_url)
    assert (await owned.run("migrate")).code == 0
    async with connected(desk.amqp_url) as client, plain.worker():
        event = await client.ask(transfer("ord-1", APP_ID, "alice1", "1"))
        assert event["data"]["error"]["code"] == "insufficient_funds"
    connection = await asyncpg.connect(login)
    try:
        assert await connection.fetchval("SELECT count(*) FROM ledger.order_status") == 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM ledger.outbox")
    finally:
        await connection.close()


async def test_a_login_that_is_refused_is_told_in_one_line(desk: Stage) -> None:
    parts = urlsplit(desk.database_url)
    server = parts.netloc.rpartition("@")[2]
    urls = {
        "password": parts._replace(netloc=f"{parts.username}:wrong-{secrets.token_hex(8)}@{server}").geturl(),
        "database": parts._replace(path="/no_such_database").geturl(),
    }
    for url in urls.values():
        for command in ("run", "audit", "migrate"):
            refused = await desk.having(LEDGER_DATABASE_URL=url).run(command)
            assert refused.code in {1, 2}, command
            assert len(refused.err.splitlines()) == 1, refused.err


async def test_secrets_may_come_from_files(stage: Stage) -> None:
    files = {"LEDGER_DATABASE_URL": stage.database_url, "LEDGER_AMQP_URL": stage.amqp_url}
    files["LEDGER_CCPAYMENT_APP_SECRET"] = APP_SECRET
    settings = {name: value for name, value in stage.settings.items() if name not in files}
    for name, secret in files.items():
        (stage.folder / name).write_text(f"{secret}\n")
        settings[f"{name}_FILE"] = str(stage.folder / name)
    by_files = Stage(stage.database_url, stage.amqp_url, stage.sandbox_url, stage.folder, settings)
    async with connected(stage.amqp_url) as client, by_files.worker():
        await stage.fund_merchant()
        assert (await client.ask(transfer("ord-1", APP_ID, "alice1", "1")))["data"]["result"] == "succeeded"


async def test_migrations_that_run_at_once_do_not_disturb_each_other(desk: Stage, empty_database_url: str) -> None:
    empty = desk.having(LEDGER_DATABASE_URL=empty_database_url)
    for _ in range(2):
        finished = await asyncio.gather(*(empty.run("migrate") for _ in range(3)))
        assert [(one.code, one.err) for one in finished] == [(0, "")] * 3
    assert (await empty.run("audit")).code == 0
