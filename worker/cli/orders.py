"""`orders`: what was asked, and how far it is."""

from typing import Annotated

import typer

from worker import console, reads
from worker.cli.options import Json, Limit
from worker.cli.running import read_rows
from worker.errors import Finding
from worker.order import State

orders = typer.Typer(no_args_is_help=True, help="Orders: what was asked, and how far it is.")


@orders.command("list")
def orders_list(
    state: Annotated[State | None, typer.Option(help="Only orders in this state.")] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List orders, newest first."""
    console.print_rows(read_rows(reads.orders(state, limit)), as_json, "no orders")


@orders.command("show")
def orders_show(order_id: str, as_json: Json = False) -> None:
    """Show an order: its state, what was learned of it, and what was posted."""
    order, evidence, lines = (
        read_rows(query) for query in (reads.order(order_id), reads.evidence(order_id), reads.lines_of(order_id))
    )
    if not order:
        raise Finding(f"no order {order_id}")
    if as_json:
        console.print_json({**order[0], "evidence": evidence, "entries": lines})
        return
    console.print_rows(order, False, "")
    console.print_rows(evidence, False, "nothing was learned of it yet", title="evidence")
    console.print_rows(lines, False, "nothing was posted for it", title="entries")
