"""`publish`, `events`: what services do, by hand."""

from typing import Annotated

import typer

from worker import console, desk
from worker.cli.options import Json
from worker.cli.running import amqp_url, read_file, wait_for
from worker.settings import read_settings


def publish(
    command_type: Annotated[str, typer.Argument(metavar="TYPE", help="For example: transfer.")],
    fields: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="The command's fields.")
    ] = None,
    file: Annotated[str | None, typer.Option(help="Read the fields from a JSON file; - is standard input.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait for the terminal event and print it.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for it.")] = 60,
    as_json: Json = False,
) -> None:
    """Validate a command and publish it with confirm."""
    body = desk.compose(command_type, fields or [], read_file(file))
    event = wait_for(desk.publish(amqp_url(read_settings()), body, wait, timeout))
    if event is not None:
        console.print_event(event, as_json)
    elif as_json:
        console.print_json({"published": body.order_id})
    else:
        typer.echo(f"published {body.order_id}")


def events(
    count: Annotated[int | None, typer.Option(min=1, help="Stop after this many.")] = None,
    as_json: Json = False,
) -> None:
    """Print result events as they come."""
    wait_for(desk.follow_events(amqp_url(read_settings()), count, lambda event: console.print_event(event, as_json)))
