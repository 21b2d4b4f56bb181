"""What a person sees: tables on a terminal, plain columns in a pipe, JSON where a machine asks for it."""

import csv
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

# In a pipe or a log nothing tells the width; a table that is folded to 80 columns is no use there.
WIDTH_IN_A_PIPE = 160

out = Console(
    highlight=False,
    width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDTH_IN_A_PIPE,
)

RESULT_STYLES = {"succeeded": "green", "failed": "red", "rejected": "yellow", "review": "magenta"}


def complain(message: str) -> None:
    """One line on stderr, whatever is in the message."""
    print(f"ledger-worker: {' '.join(message.split())}", file=sys.stderr)


def print_json(value: Mapping[str, Any]) -> None:
    """One object on one line; decimals as text, never as JSON numbers."""
    print(json.dumps(value, default=_plain, ensure_ascii=False), flush=True)


def print_rows(rows: Sequence[Mapping[str, Any]], as_json: bool, nothing: str, title: str | None = None) -> None:
    """Rows as a table, or as JSON lines."""
    if as_json:
        for row in rows:
            print_json(row)
    elif rows:
        out.print(make_table(rows, title))
    else:
        out.print(nothing)


async def print_csv(rows: AsyncIterator[Mapping[str, Any]], names: Sequence[str]) -> None:
    """Comma-separated values by RFC 4180, with a header; decimals and times as JSON has them."""
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow(names)
    async for row in rows:
        writer.writerow(["" if row[name] is None else _plain(row[name]) for name in names])
    sys.stdout.flush()


async def print_json_lines(rows: AsyncIterator[Mapping[str, Any]]) -> None:
    """An object a line, as they come."""
    async for row in rows:
        print(json.dumps(row, default=_plain, ensure_ascii=False))
    sys.stdout.flush()


async def print_lines(lines: AsyncIterator[str]) -> None:
    """Text as it is."""
    async for line in lines:
        print(line)
    sys.stdout.flush()


def print_facts(facts: Mapping[str, Any]) -> None:
    """One thing's facts, a line each."""
    table = Table(show_header=False, box=None)
    for name, value in facts.items():
        if value is not None:
            table.add_row(name, _cell(value))
    out.print(table)


def make_table(rows: Sequence[Mapping[str, Any]], title: str | None = None) -> Table:
    """A table with a column per key; numbers stand to the right."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for name, value in rows[0].items():
        is_number = isinstance(value, int | Decimal)
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    return table


def print_event(event: Mapping[str, Any], as_json: bool) -> None:
    """An event as JSON, or as a line that a person can read."""
    if as_json:
        print_json(event)
        return
    data = event["data"]
    style = RESULT_STYLES.get(data["result"], "default")
    error = data.get("error")
    told = f"{error['code']}: {error['message']}" if error else data.get("providerRef") or ""
    words = [event["time"], data["orderId"], data["type"]]
    out.print(*map(escape, words), f"[{style}]{escape(data['result'])}[/]", escape(told))
    for line in data.get("entries") or []:
        out.print("   ", *(escape(line[name]) for name in ("account", "amount", "coin", "purpose")))


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return "" if value is None else escape(str(_plain(value)))


def _plain(value: object) -> object:
    match value:
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case _:
            return value
