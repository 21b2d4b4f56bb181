"""Runs every measurement on a database of its own and prints the tables that the README shows."""

import asyncio
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import uvloop

from benchmarks import end_to_end, ledger_alone
from worker import console
from worker.migrate import migrate
from worker.settings import read_settings, required


def main() -> None:
    settings = read_settings()
    server = required(settings.database_url, "LEDGER_DATABASE_URL")
    amqp_url = required(settings.amqp_url, "LEDGER_AMQP_URL")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        with _fresh_database(server) as url:
            _describe(url)
            _show("the ledger alone", runner.run(ledger_alone.measure(url)))
        with _fresh_database(server) as url:
            _show("end to end, one worker process", runner.run(end_to_end.measure(url, amqp_url)))


@contextmanager
def _fresh_database(server: str) -> Iterator[str]:
    """A migrated database of its own, dropped afterwards."""
    name = f"ledger_bench_{secrets.token_hex(4)}"
    parts = urlsplit(server)
    url = urlunsplit((*parts[:2], f"/{name}", *parts[3:]))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        try:
            migrate(url, url)
            yield url
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _describe(url: str) -> None:
    with psycopg.connect(url) as connection:
        version, fsync = connection.execute(
            "SELECT current_setting('server_version'), current_setting('fsync')"
        ).fetchone() or ("?", "?")
    print(
        f"{os.cpu_count()} cores, shared by PostgreSQL {version.split()[0]} (fsync {fsync}), RabbitMQ,"
        " the sandbox, the load and the worker"
    )


def _show(title: str, rows: list[dict[str, Any]]) -> None:
    console.print_rows(rows, as_json=False, nothing="", title=title)


main()
