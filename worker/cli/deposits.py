"""`deposits`: what came in."""

from typing import Annotated

import typer

from worker import console, reads
from worker.cli.options import Json, Limit
from worker.cli.running import read_rows

deposits = typer.Typer(no_args_is_help=True, help="What came in at the providers.")


@deposits.command("list")
def deposits_list(
    state: Annotated[str | None, typer.Option(help="Only deposits in this state.")] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List the deposits that providers have told of, newest first: credited, or why not."""
    console.print_rows(read_rows(reads.deposits(state, limit)), as_json, "no deposits")
