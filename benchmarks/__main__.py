"""Runs every measurement on a database of its own and prints the tables that the README shows."""

import asyncio
import os
import secrets
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
    name = f"ledger_bench_{secrets.token_hex(4)}"
    parts = urlsplit(server)
    url = urlunsplit((*parts[:2], f"/{name}", *parts[3:]))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        try:
            migrate(url, url)
            _describe(connection)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                _show("the ledger alone", runner.run(ledger_alone.measure(url)))
                _show("end to end, one worker process", runner.run(end_to_end.measure(url, amqp_url)))
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _describe(connection: psycopg.Connection[Any]) -> None:
    shown = {name: connection.info.parameter_status(name) for name in ("server_version",)}
    fsync = connection.execute("SHOW fsync").fetchone()
    print(
        f"{os.cpu_count()} cores shared by PostgreSQL {shown['server_version']} (fsync {fsync[0] if fsync else '?'}),"
        " RabbitMQ, the provider's sandbox, the load and the worker"
    )


def _show(title: str, rows: list[dict[str, Any]]) -> None:
    console.print_rows(rows, as_json=False, nothing="", title=title)


main()
