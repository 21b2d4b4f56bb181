"""Migrate: safe to repeat, safe when two run at once, and refused in one line when it cannot."""

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import psycopg
import pytest

import devstack
import sql
from tests.conftest import on_database
from tests.sql.calls import Calls
from tests.sql.items import Intake
from worker.errors import BadSettings, WorkerError
from worker.migrate import migrate

ALL = sorted(path.stem for path in Path(sql.__path__[0], "migrations").glob("*.sql"))


@pytest.fixture
def empty_url(servers: devstack.Servers) -> Iterator[str]:
    """A database in which nothing is."""
    name = f"ledger_test_{secrets.token_hex(6)}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield on_database(servers.database_url, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def schema_of(url: str) -> dict[str, Any]:
    """Everything that migrate makes, as text."""
    queries = {
        "functions": "SELECT proname, pg_get_functiondef(oid), proacl::text FROM pg_proc"
        " WHERE pronamespace = 'ledger'::regnamespace ORDER BY 1",
        "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'ledger' ORDER BY 1",
        "columns": "SELECT table_name, column_name, data_type, is_nullable, column_default"
        " FROM information_schema.columns WHERE table_schema = 'ledger' ORDER BY 1, 2",
        "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'ledger'::regnamespace ORDER BY 1, 2",
        "triggers": "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled::text FROM pg_trigger"
        " WHERE NOT tgisinternal ORDER BY 1, 2",
        "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'ledger' ORDER BY 1",
    }
    with psycopg.connect(url) as connection:
        return {name: connection.execute(query.encode()).fetchall() for name, query in queries.items()}


def test_an_empty_database_gets_every_migration(empty_url: str) -> None:
    assert migrate(empty_url, empty_url) == ALL
    with psycopg.connect(empty_url, autocommit=True) as connection:
        calls = Calls(connection)
        calls.fund("10")
        assert calls.admit_verdicts(Intake("ord-1")) == ["admitted"]
        assert calls.violations() == set()


def test_migrating_again_changes_nothing_and_keeps_the_books(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        calls = Calls(connection)
        calls.fund("10")
        before = schema_of(database_url)
        assert migrate(database_url, database_url) == []
        assert schema_of(database_url) == before
        assert calls.balance() == (10, 0, 10)


def test_what_somebody_changed_in_a_function_or_a_grant_is_put_right(database_url: str) -> None:
    before = schema_of(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION ledger.refuse_change() RETURNS trigger"
            " LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
        )
        connection.execute("GRANT EXECUTE ON FUNCTION ledger.open_accounts TO PUBLIC, ledger_worker")
        connection.execute("GRANT ALL ON ledger.balance TO ledger_worker")
        migrate(database_url, database_url)
        assert schema_of(database_url) == before
        assert not connection.execute(
            "SELECT has_table_privilege('ledger_worker', 'ledger.balance', 'SELECT')"
        ).fetchall()[0][0]


def test_a_function_whose_parameters_have_changed_is_replaced(database_url: str) -> None:
    before = schema_of(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION ledger.claim(providers text[]) RETURNS integer LANGUAGE sql AS 'SELECT 1';"
            "CREATE FUNCTION ledger.long_gone() RETURNS integer LANGUAGE sql AS 'SELECT 1'"
        )
    migrate(database_url, database_url)
    assert schema_of(database_url) == before


def test_a_function_whose_result_has_gained_a_column_is_replaced(database_url: str) -> None:
    before = schema_of(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "DROP FUNCTION ledger.read_orders(text[]);"
            "CREATE FUNCTION ledger.read_orders(order_ids text[]) RETURNS TABLE (order_id text) LANGUAGE sql"
            " SECURITY DEFINER AS 'SELECT NULL::text'"
        )
    migrate(database_url, database_url)
    assert schema_of(database_url) == before


def test_a_view_that_has_lost_a_column_is_replaced_and_what_stands_on_it_is_kept(database_url: str) -> None:
    before = schema_of(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "DROP VIEW ledger.entry_line; ALTER VIEW ledger.numbered_line RENAME TO entry_line;"
            "CREATE VIEW public.report AS SELECT order_id, line FROM ledger.entry_line"
        )
        migrate(database_url, database_url)
        assert schema_of(database_url) == before
        assert connection.execute("SELECT order_id, line FROM public.report").fetchall() == []


def test_a_migration_that_cannot_be_written_down_is_not_applied(database_url: str) -> None:
    before = schema_of(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "DROP INDEX ledger.deposit_scan_unread;"
            "DELETE FROM ledger._yoyo_migration WHERE migration_id = '0013.unread-lists';"
            "CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RAISE EXCEPTION ''killed''; END';"
            "CREATE TRIGGER die BEFORE INSERT ON ledger._yoyo_migration FOR EACH ROW EXECUTE FUNCTION public.die()"
        )
        with pytest.raises(WorkerError, match="killed"):
            migrate(database_url, database_url)
        connection.execute("DROP TRIGGER die ON ledger._yoyo_migration")
    assert migrate(database_url, database_url) == ["0013.unread-lists"]
    assert schema_of(database_url) == before


def test_a_worker_goes_on_calling_while_its_functions_are_said_again(database_url: str) -> None:
    functions = "SELECT oid FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace ORDER BY oid"
    with psycopg.connect(database_url, autocommit=True, prepare_threshold=0) as connection:
        calls = Calls(connection)
        calls.fund("10")
        before = connection.execute(functions).fetchall()
        assert calls.admit_verdicts(Intake("ord-1")) == ["admitted"]
        migrate(database_url, database_url)
        assert connection.execute(functions).fetchall() == before, "replaced, not dropped under the caller's feet"
        assert calls.admit_verdicts(Intake("ord-2")) == ["admitted"]


def test_two_that_migrate_at_once_do_it_once(empty_url: str) -> None:
    barrier = Barrier(2)

    def run(_number: int) -> list[str]:
        barrier.wait()
        return migrate(empty_url, empty_url)

    with ThreadPoolExecutor(2) as threads:
        applied = list(threads.map(run, range(2)))
    assert sorted(applied) == [[], ALL]
    with psycopg.connect(empty_url, autocommit=True) as connection:
        assert Calls(connection).violations() == set()


def test_migrating_waits_for_one_that_is_migrating(empty_url: str) -> None:
    with psycopg.connect(empty_url, autocommit=True) as first, ThreadPoolExecutor(1) as thread:
        first.execute("SELECT pg_advisory_lock(%s)", (0x1ED6E2,))
        second = thread.submit(migrate, empty_url, empty_url)
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database ="
        waiting += " (SELECT oid FROM pg_database WHERE datname = current_database())"
        while first.execute(waiting.encode()).fetchall() == [(0,)]:
            assert not second.done()
        assert first.execute("SELECT to_regnamespace('ledger')").fetchall() == [(None,)]
        first.execute("SELECT pg_advisory_unlock(%s)", (0x1ED6E2,))
        assert second.result() == ALL


def test_the_user_of_the_worker_becomes_a_member_of_the_role(empty_url: str) -> None:
    user = f"ledger_test_{secrets.token_hex(6)}"
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {user}".encode())
        try:
            assert not connection.execute("SELECT pg_has_role(%s, 'ledger_worker', 'MEMBER')", (user,)).fetchall()[0][
                0
            ]
            migrate(empty_url, f"postgresql://{user}@localhost/anything")
            assert connection.execute("SELECT pg_has_role(%s, 'ledger_worker', 'MEMBER')", (user,)).fetchall()[0][0]
        finally:
            connection.execute(f"DROP OWNED BY {user}".encode())
            connection.execute(f"DROP ROLE {user}".encode())


def test_an_owner_that_may_not_create_a_schema_is_refused_in_one_line(empty_url: str) -> None:
    user = f"ledger_test_{secrets.token_hex(6)}"
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'hush-hush'".encode())
        try:
            parts = connection.info
            url = f"postgresql://{user}:hush-hush@{parts.host}:{parts.port}/{parts.dbname}"
            with pytest.raises(WorkerError) as refused:
                migrate(url, url)
        finally:
            connection.execute(f"DROP ROLE {user}".encode())
    assert "permission denied" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("postgresql://somebody:hush-hush@127.0.0.1:1/nothing", id="nobody listens"),
        pytest.param("postgresql://somebody:hush-hush@127.0.0.1:port/nothing", id="no port"),
    ],
)
def test_a_database_that_cannot_be_reached_is_said_without_its_password(url: str) -> None:
    with pytest.raises(WorkerError) as refused:
        migrate(url, url)
    assert "hush" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_url_that_cannot_be_read_is_refused_by_the_variables_name(empty_url: str) -> None:
    with pytest.raises(BadSettings, match="LEDGER_DATABASE_URL") as refused:
        migrate(empty_url, "postgresql://user:hush-hush@host/%zz?nothing=1")
    assert "hush" not in str(refused.value)
