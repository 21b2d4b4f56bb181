"""`review`: orders that need a person."""

from typing import Annotated

import typer

from worker import console, desk, reads
from worker.cli.options import Json
from worker.cli.running import read_rows, wait_for
from worker.errors import BadInput, Finding
from worker.review import ask_provider, resolve_order
from worker.settings import read_settings

review = typer.Typer(no_args_is_help=True, help="What needs a person: outcomes no machine can know, contradictions.")


@review.command("list")
def review_list(as_json: Json = False) -> None:
    """List the orders that need a person, oldest first."""
    console.print_rows(read_rows(reads.review()), as_json, "no order needs a person")


@review.command("show")
def review_show(order_id: str, as_json: Json = False) -> None:
    """Show all that is known of an order: attempts byte for byte, evidence, and what the provider says now."""
    settings = read_settings()
    order, attempts, evidence = (
        read_rows(query) for query in (reads.detail(order_id), reads.attempts(order_id), reads.evidence(order_id))
    )
    if not order:
        raise Finding(f"no order {order_id}")
    says = wait_for(ask_provider(settings, order_id))
    if as_json:
        known = {**order[0], "attempts": attempts, "evidence": evidence, "provider_says": says}
        console.print_json(known)
        return
    console.print_facts(order[0])
    console.print_rows(attempts, False, "nothing was sent", title="attempts")
    console.print_rows(evidence, False, "nothing was learned of it yet", title="evidence")
    console.print_rows(says, False, "the provider shows nothing that can be this order", title="the provider now")


@review.command("resolve")
def review_resolve(
    order_id: str,
    by: Annotated[str, typer.Option(help="Who decides.")],
    reason: Annotated[str, typer.Option(help="Why: the evidence, for whoever reads it later.")],
    executed: Annotated[
        str | None, typer.Option(help="It was executed: the provider's id of it. Read back before it is believed.")
    ] = None,
    differing: Annotated[
        str | None,
        typer.Option(help="With --executed: the fields in which the record differs, for which you answer."),
    ] = None,
    not_executed: Annotated[
        bool,
        typer.Option("--not-executed", help="It was not executed, and never will be: release its funds."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Decide on an order in review, with evidence; who and why is recorded."""
    if (executed is not None) == not_executed:
        raise BadInput("--executed or --not-executed: one of the two is required")
    resolution = desk.read_resolution(executed, differing, by, reason)
    words = wait_for(resolve_order(read_settings(), order_id, resolution))
    if as_json:
        console.print_json({"order_id": order_id, "result": words})
    else:
        typer.echo(words)


@review.command("close")
def review_close(
    subject: Annotated[
        str, typer.Argument(help="An order, or deposit:<provider>:<record id>, as the audit names it.")
    ],
    by: Annotated[str, typer.Option(help="Who has understood it.")],
    reason: Annotated[str, typer.Option(help="What was found and done, for whoever reads it later.")],
    as_json: Json = False,
) -> None:
    """Close what a provider says against how an order ended, or a credited deposit; recorded, and nothing is booked.

    The audit shows it no more. What the provider says later in other words is shown again.
    """
    desk.check_word(by, reason)
    closed = wait_for(desk.close_violations(read_settings(), subject, by, reason))
    if as_json:
        console.print_rows([{"subject": subject, "detail": detail} for detail in closed], as_json, "")
    else:
        typer.echo("\n".join(f"closed: {detail}" for detail in closed))


@review.command("closed")
def review_closed(as_json: Json = False) -> None:
    """List what was closed, newest first: by whom, and why."""
    console.print_rows(read_rows(reads.closed_violations()), as_json, "nothing was closed")
