"""`entries`, `export`, `adjust`, `audit`: the ledger itself."""

from dataclasses import asdict
from typing import Annotated, Literal

import typer

from schemas.money import show
from worker import console, desk, reads
from worker.cli.options import Json, OptionalLimit
from worker.cli.running import read_rows, wait_for
from worker.errors import Finding
from worker.export import FORMATS, written
from worker.settings import read_settings


def entries(
    account: Annotated[str | None, typer.Option(help="Only this account.")] = None,
    order_id: Annotated[str | None, typer.Option(help="Only this order.")] = None,
    form: Annotated[
        Literal["table", "csv", "json"],
        typer.Option("--format", help="A table of the last 50, or all as CSV or JSON lines."),
    ] = "table",
    limit: OptionalLimit = None,
    as_json: Json = False,
) -> None:
    """List ledger lines, newest first."""
    if form == "table" and not as_json:
        rows = read_rows(reads.entries(account, order_id, limit or 50))
        console.print_rows(rows, False, "no entries")
        return
    stream = reads.stream(read_settings(), reads.entries(account, order_id, limit))
    wait_for(
        console.print_json_lines(stream) if as_json or form == "json" else console.print_csv(stream, reads.ENTRY)
    )


def export_ledger(
    form: Annotated[Literal["beancount", "hledger"], typer.Option("--format", help="For which program.")],
) -> None:
    """Print the whole ledger as a plain text accounting file, with the balances it must come to."""
    rows = reads.stream(read_settings(), reads.journals())
    wait_for(console.print_lines(written(rows, FORMATS[form]())))


def adjust(
    order_id: Annotated[str, typer.Option(help="A new id: the adjustment happens once.")],
    account: Annotated[str, typer.Option(help="user:<userId> or merchant.")],
    provider: Annotated[str, typer.Option(help="For example: ccpayment.")],
    coin: Annotated[str, typer.Option(help="The coin as events name it, for example 1280.")],
    amount: Annotated[str, typer.Option(help="Decimal; negative takes from the account.")],
    reason: Annotated[str, typer.Option(help="Why, for whoever reads the books.")],
    as_json: Json = False,
) -> None:
    """Post a manual journal against custody: opening balances, corrections."""
    adjustment = desk.read_adjustment(order_id, account, provider, coin, amount, reason)
    outcome = wait_for(desk.adjust(read_settings(), adjustment))
    if as_json:
        console.print_json({**asdict(adjustment), "amount": show(adjustment.amount), "outcome": outcome})
    elif outcome == "duplicate":
        typer.echo(f"{order_id}: was done before, nothing changed")
    else:
        typer.echo(f"{order_id}: {account} {show(adjustment.amount)}")


def audit(as_json: Json = False) -> None:
    """Check every invariant; exit 1 and print the rows when one is broken."""
    violations = read_rows(reads.violations())
    console.print_rows(violations, as_json, "every invariant holds")
    if violations:
        raise Finding(f"{len(violations)} violations")
