"""`schemas`: the contract as documents."""

from pathlib import Path
from typing import Annotated

import typer

from worker.contract import FOLDER, check_contract, write_contract
from worker.errors import BadInput, Finding

schemas = typer.Typer(no_args_is_help=True, help="The contract as JSON Schema and AsyncAPI.")


@schemas.command("export")
def schemas_export(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when one is stale.")] = False,
    release: Annotated[
        bool, typer.Option("--release", help="Also make them what later ones must be compatible with.")
    ] = False,
    folder: Annotated[Path, typer.Option(help="Where they are.")] = FOLDER,
) -> None:
    """Write the JSON Schema of every command and event, and the AsyncAPI document."""
    if check and release:
        raise BadInput("--check or --release: one of the two")
    if not check:
        changed = write_contract(folder, release)
        typer.echo("\n".join(changed) or "the documents are up to date")
        return
    problems = check_contract(folder)
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise Finding(f"{len(problems)} findings; `ledger-worker schemas export` writes what is stale")
    typer.echo("the documents are up to date, and compatible with the released ones")
