"""Runs every measurement on a database of its own and prints the tables that the README shows."""

import argparse
import asyncio
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import uvloop

from benchmarks import chart, end_to_end, ledger_alone
from worker import console
from worker.migrate import migrate
from worker.settings import read_settings, required

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    plan = _plan()
    settings = read_settings()
    server = required(settings.database_url, "LEDGER_DATABASE_URL")
    amqp_url = required(settings.amqp_url, "LEDGER_AMQP_URL")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        with _fresh_database(server) as url:
            _describe(url)
            _show("the ledger alone", runner.run(ledger_alone.measure(url)))
        with _fresh_database(server) as url:
            rows = runner.run(end_to_end.measure(url, amqp_url, plan))
            _show("end to end, one worker process", rows)
            _draw(rows)


def _plan() -> end_to_end.Plan:
    """How much to measure: less on a machine with little time."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    usual = end_to_end.Plan()
    parser.add_argument("--rounds", type=int, default=usual.rounds)
    parser.add_argument("--commands", type=int, default=usual.commands, help="of each worker, per round")
    arguments = parser.parse_args()
    return end_to_end.Plan(arguments.rounds, arguments.commands)


def _draw(rows: list[dict[str, Any]]) -> None:
    RESULTS.mkdir(exist_ok=True)
    for column, name in (("commands/s", "rate"), ("CPU per command, µs", "cpu")):
        drawn = chart.bars(f"end to end, {column}", [(row["worker"], row[column]) for row in rows])
        (RESULTS / f"{name}.svg").write_text(drawn, encoding="utf-8")


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
        " the gateway, the load and the worker"
    )


def _show(title: str, rows: list[dict[str, Any]]) -> None:
    console.print_rows(rows, as_json=False, nothing="", title=title)


main()
