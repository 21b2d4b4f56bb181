"""`dead`: dead letters, shown and replayed."""

import getpass
import sys
from typing import Annotated

import typer

from worker import console, dead, dead_replay
from worker.cli.options import Json, Looked, OfOrder, OfProvider, OfReason
from worker.cli.running import read_file, read_rows, wait_for
from worker.errors import BadInput, Finding
from worker.providers.registry import configured
from worker.settings import read_settings

dead_letters = typer.Typer(no_args_is_help=True, help="Messages that are no commands, or that were given up.")


@dead_letters.command("list")
def dead_list(
    provider: OfProvider = None,
    reason: OfReason = None,
    order_id: OfOrder = None,
    limit: Looked = 1000,
    replayed: Annotated[bool, typer.Option("--replayed", help="List what was replayed instead.")] = False,
    as_json: Json = False,
) -> None:
    """List dead letters, oldest first; they stay where they are."""
    if replayed:
        console.print_rows(read_rows(dead_replay.replays(limit)), as_json, "nothing was replayed")
        return
    wanted = _wanted(provider, limit, reason=reason, order_id=order_id)
    console.print_rows(wait_for(dead.list_letters(read_settings(), wanted)), as_json, "no dead letters")


@dead_letters.command("show")
def dead_show(
    letter: Annotated[str, typer.Argument(help="Its id in the list, or its message id.")],
    provider: OfProvider = None,
    limit: Looked = 1000,
    raw: Annotated[bool, typer.Option("--raw", help="Only its body, byte for byte: to be edited.")] = False,
    as_json: Json = False,
) -> None:
    """Show a dead letter: headers, history and body."""
    wanted = _wanted(provider, limit, letter=letter)
    if raw:
        sys.stdout.buffer.write(wait_for(dead.raw_body(read_settings(), wanted)))
        return
    letters = wait_for(dead.show_letters(read_settings(), wanted))
    if not letters:
        raise Finding("no dead letter matches")
    for one in letters:
        if as_json:
            console.print_json(one)
            continue
        parts = {name: one.pop(name) for name in ("headers", "history", "body")}
        console.print_facts(one | parts["headers"])
        console.print_rows(parts["history"], False, "the broker has no history of it", title="history")
        typer.echo(parts["body"])


@dead_letters.command("replay")
def replay_dead(
    letter: Annotated[str | None, typer.Argument(help="Its id in the list, or its message id.")] = None,
    provider: OfProvider = None,
    reason: OfReason = None,
    order_id: OfOrder = None,
    limit: Looked = 1000,
    edit: Annotated[str | None, typer.Option(help="This file's content instead; - is standard input.")] = None,
    by: Annotated[str | None, typer.Option(help="Who replays; the name of the login by default.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: Json = False,
) -> None:
    """Publish dead letters again as commands; who and when is recorded. Exit 1 when one had to be kept."""
    if letter is None and reason is None and order_id is None and provider is None:
        raise BadInput("LETTER, --reason, --order-id or --provider: one is required")
    wanted = _wanted(provider, limit, letter=letter, reason=reason, order_id=order_id)
    replayer = dead_replay.read_replayer(by or _login(), read_file(edit, "--edit"), dry_run)
    rows = wait_for(dead_replay.replay_letters(read_settings(), wanted, replayer))
    console.print_rows(rows, as_json, "")
    kept = [row for row in rows if row["outcome"].startswith("kept")]
    if kept:
        raise Finding(f"{len(kept)} of {len(rows)} dead letters were kept: the worker would refuse them again")


def _wanted(provider: str | None, limit: int, **which: str | None) -> dead.Wanted:
    return dead.read_wanted(configured(read_settings()), provider, limit, **which)


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        raise BadInput("--by: is required, this login has no name") from None
