"""`topology`: exchanges and queues."""

import typer

from worker import console
from worker.broker import answered, apply_topology, check_topology, visit
from worker.cli.options import Json
from worker.cli.running import amqp_url, wait_for
from worker.errors import Finding
from worker.providers.registry import configured
from worker.settings import read_settings

topology = typer.Typer(no_args_is_help=True, help="Exchanges and queues in RabbitMQ.")


@topology.command("apply")
def topology_apply() -> None:
    """Declare exchanges, queues and bindings; harmless when they are there."""
    settings = read_settings()

    async def apply() -> None:
        async with visit(amqp_url(settings)) as channel, answered():
            await apply_topology(channel, configured(settings))

    wait_for(apply())
    typer.echo("exchanges, queues and bindings are in place")


@topology.command("check")
def topology_check(as_json: Json = False) -> None:
    """Verify exchanges and queues; exit 1 when one is missing or has other arguments."""
    settings = read_settings()
    problems = wait_for(check_topology(amqp_url(settings), configured(settings)))
    if as_json:
        console.print_rows([{"problem": problem} for problem in problems], as_json, "")
    else:
        typer.echo("\n".join(problems) or "exchanges and queues are as they should be")
    if problems:
        raise Finding(f"{len(problems)} of the exchanges and queues are not as they should be")
