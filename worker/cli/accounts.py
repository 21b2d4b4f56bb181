"""`accounts`: balances and statements."""

from typing import Annotated

import typer

from worker import console, reads
from worker.cli.options import Json, Limit
from worker.cli.running import read_rows
from worker.errors import Finding

accounts = typer.Typer(no_args_is_help=True, help="Accounts and their balances.")


@accounts.command("list")
def accounts_list(limit: Limit = 1000, as_json: Json = False) -> None:
    """List accounts with what they have, what is held, and what is left."""
    console.print_rows(read_rows(reads.accounts(limit)), as_json, "no accounts")


@accounts.command("show")
def accounts_show(
    account: str,
    at: Annotated[
        str | None, typer.Option(help="As of this moment, RFC 3339, for example 2026-11-20T10:00:00Z.")
    ] = None,
    coin: Annotated[str | None, typer.Option(help="Only this coin.")] = None,
    provider: Annotated[str | None, typer.Option(help="Only at this provider.")] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show an account's balances and its statement: the last entries, oldest first, with the balance after each."""
    part = reads.Part(None if at is None else reads.read_moment(at, "--at"), coin, provider)
    if not read_rows(reads.account(account)):
        raise Finding(f"no account {account}")
    balances, lines = (
        read_rows(query) for query in (reads.balances(account, part), reads.statement(account, part, limit))
    )
    if as_json:
        console.print_json({"balances": balances, "entries": lines})
        return
    console.print_rows(balances, False, "no balance")
    console.print_rows(
        [reads.statement_line(line) for line in lines], False, "no entries", title="entries, oldest first"
    )
