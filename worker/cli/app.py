"""All commands in one place, and how the program ends: exit 0, 1 for a finding, 2 for bad input."""

import sys
from typing import NoReturn

import typer

from worker import console
from worker.cli import (
    accounts,
    books,
    dead,
    deposits,
    messages,
    orders,
    providers,
    review,
    schedule,
    schemas,
    topology,
    work,
)
from worker.errors import BadInput, WorkerError
from worker.logs import set_up_logging

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Carries payment commands from RabbitMQ to payment providers and keeps a double-entry ledger.",
)

app.add_typer(topology.topology, name="topology")
app.add_typer(orders.orders, name="orders")
app.add_typer(accounts.accounts, name="accounts")
app.add_typer(deposits.deposits, name="deposits")
app.add_typer(review.review, name="review")
app.add_typer(providers.providers, name="providers")
app.add_typer(dead.dead_letters, name="dead")
app.add_typer(schemas.schemas, name="schemas")

app.command()(work.migrate)
app.command()(work.run)
app.command()(work.sandbox)
app.command("demo")(work.show_demo)
app.command()(messages.publish)
app.command()(messages.events)
app.command()(books.entries)
app.command("export")(books.export_ledger)
app.command()(books.adjust)
app.command("rescan")(schedule.rescan_now)
app.command("reconcile")(schedule.reconcile_now)
app.command()(schedule.jobs)
app.command()(books.audit)


def main() -> NoReturn:
    """Run the command line: exit 0, 1 for a finding, 2 for bad input."""
    set_up_logging()
    try:
        app(standalone_mode=False)
    except typer.Abort:
        sys.exit(130)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except WorkerError as error:
        console.complain(str(error))
        sys.exit(2 if isinstance(error, BadInput) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        # What typer's parser raises is told apart by its own method; anything else is a bug and keeps its trace.
        if not hasattr(error, "format_message"):
            raise
        console.complain(error.format_message() or "a command is missing")  # none when the help was the answer
        sys.exit(2)
    sys.exit(0)
