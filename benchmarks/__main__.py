"""Runs the measurements, each on a database of its own, and prints the tables that the README shows."""

import argparse
import asyncio
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import uvloop

from benchmarks import chart, end_to_end, growth, idle, latency, ledger_alone, profile
from worker import console
from worker.migrate import migrate
from worker.settings import read_settings, required

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Bench:
    """Where is measured, and how much."""

    runner: asyncio.Runner
    url: str
    amqp_url: str
    plan: end_to_end.Plan
    memory_commands: int


def main() -> None:
    arguments = _arguments()
    settings = read_settings()
    server = required(settings.database_url, "LEDGER_DATABASE_URL")
    amqp_url = required(settings.amqp_url, "LEDGER_AMQP_URL")
    plan = end_to_end.Plan(arguments.rounds, arguments.commands)
    _describe(server)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for name in arguments.parts or PARTS:
            with _fresh_database(server) as url:
                PARTS[name](Bench(runner, url, amqp_url, plan, arguments.memory_commands))


def _ledger(bench: Bench) -> None:
    _show("the ledger alone, transfers per second", bench.runner.run(ledger_alone.measure(bench.url)))


def _drain(bench: Bench) -> None:
    bench.runner.run(end_to_end.prepare(bench.url, bench.amqp_url))
    rows = bench.runner.run(end_to_end.measure(bench.url, bench.amqp_url, bench.plan))
    _show("end to end, one worker process, commands that wait in the queue", rows)
    for column, name in (("commands/s", "rate"), ("CPU per command, µs", "cpu")):
        _keep(name, chart.bars(f"end to end, {column}", [(row["worker"], row[column]) for row in rows]))


def _latency(bench: Bench) -> None:
    bench.runner.run(end_to_end.prepare(bench.url, bench.amqp_url))
    found = bench.runner.run(latency.measure(bench.url, bench.amqp_url))
    _show("from publish to terminal event, at a part of the rate at most", [each.row() for each in found])
    lines = {
        f"the gateway answers after {milliseconds} ms": {
            name: [
                (f"{each.share:.0%}", getattr(each, name))
                for each in found
                if each.gateway_milliseconds == milliseconds
            ]
            for name in ("p50", "p95", "p99")
        }
        for milliseconds in latency.GATEWAY_MILLISECONDS
    }
    _keep("latency", chart.panels("from publish to terminal event, by part of the rate at most", "ms", lines))


def _idle(bench: Bench) -> None:
    bench.runner.run(end_to_end.prepare(bench.url, bench.amqp_url))
    _show("nothing to do", bench.runner.run(idle.measure(bench.url)))


def _growth(bench: Bench) -> None:
    bench.runner.run(end_to_end.prepare(bench.url, bench.amqp_url))
    _show("with a history", bench.runner.run(growth.measure(bench.url, bench.amqp_url, bench.plan)))


def _memory(bench: Bench) -> None:
    bench.runner.run(end_to_end.prepare(bench.url, bench.amqp_url))
    seen = bench.runner.run(growth.memory(bench.url, bench.amqp_url, bench.memory_commands))
    _show("resident memory", [{"commands": count, "MB": f"{megabytes:.0f}"} for count, megabytes in seen])
    line = [(f"{count // 1000}k", megabytes) for count, megabytes in seen]
    _keep("memory", chart.panels("one worker's memory, by commands executed", "MB", {"resident": {"MB": line}}))


def _profile(bench: Bench) -> None:
    bench.runner.run(end_to_end.prepare(bench.url, bench.amqp_url))
    RESULTS.mkdir(exist_ok=True)
    bench.runner.run(profile.measure(bench.url, bench.amqp_url, RESULTS / "flame.svg"))


PARTS: dict[str, Callable[[Bench], None]] = {
    "ledger": _ledger,
    "drain": _drain,
    "latency": _latency,
    "idle": _idle,
    "growth": _growth,
    "memory": _memory,
    "profile": _profile,
}


def _arguments() -> argparse.Namespace:
    """What to measure, and how much: less on a machine with little time."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    usual = end_to_end.Plan()
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="part", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=usual.rounds)
    parser.add_argument("--commands", type=int, default=usual.commands, help="of each worker, per round")
    parser.add_argument("--memory-commands", type=int, default=200_000)
    return parser.parse_args()


def _keep(name: str, drawn: str) -> None:
    RESULTS.mkdir(exist_ok=True)
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
        " the gateway, the load and the worker",
        flush=True,
    )


def _show(title: str, rows: list[dict[str, Any]]) -> None:
    console.print_rows(rows, as_json=False, nothing="", title=title)


main()
