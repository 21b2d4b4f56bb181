"""`migrate`, `run`, `sandbox`, `demo`: what goes on, and what it needs first."""

from typing import Annotated

import typer

from worker import console, demo
from worker.boot import ROLES, check_roles
from worker.boot import run as run_worker
from worker.cli.options import Json
from worker.cli.running import wait_for
from worker.migrate import migrate as apply_migrations
from worker.sandbox_desk import serve_sandbox
from worker.settings import read_settings, required


def migrate(as_json: Json = False) -> None:
    """Apply the schema; safe to repeat, safe when two run at once."""
    settings = read_settings()
    worker_url = settings.database_url or settings.database_owner_url
    owner_url = settings.database_owner_url or settings.database_url
    applied = apply_migrations(
        required(owner_url, "LEDGER_DATABASE_URL"), required(worker_url, "LEDGER_DATABASE_URL")
    )
    if as_json:
        console.print_json({"applied": applied})
        return
    typer.echo(f"applied {', '.join(applied)}" if applied else "the schema is up to date")


def run(
    role: Annotated[
        str | None,
        typer.Option(help=f"A comma-separated part of {','.join(ROLES)}; all by default."),
    ] = None,
    declare: Annotated[
        bool, typer.Option("--topology/--no-topology", help="Declare exchanges and queues first.")
    ] = True,
) -> None:
    """Work until SIGTERM, then finish what is in flight and exit 0."""
    settings = read_settings()
    roles = check_roles(role)
    wait_for(run_worker(settings, roles, declare))


def sandbox(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 8090,
    fund: Annotated[
        list[str] | None,
        typer.Option(help="Give a user coins at the start: userId/coinId/amount. Repeatable."),
    ] = None,
    webhooks_to: Annotated[
        str | None,
        typer.Option(help="Send webhooks to this server, for example http://127.0.0.1:8080."),
    ] = None,
) -> None:
    """Simulate the providers on one port, with the credentials from the settings or well-known ones."""
    wait_for(serve_sandbox(read_settings(), host, port, fund or [], webhooks_to))


def show_demo() -> None:
    """Show the whole road on empty servers: commands, events, balances, entries and the audit."""
    wait_for(demo.show(read_settings()))
