"""`providers`: whether they accept what is configured."""

import typer

from worker import console
from worker.check_providers import check_providers
from worker.cli.options import Json
from worker.cli.running import wait_for
from worker.errors import Finding
from worker.settings import read_settings

providers = typer.Typer(no_args_is_help=True, help="Payment providers, as configured.")


@providers.command("check")
def providers_check(as_json: Json = False) -> None:
    """Sign and send one harmless read to each configured provider; exit 1 when one does not accept it."""
    rows = wait_for(check_providers(read_settings()))
    console.print_rows(rows, as_json, "no provider is configured")
    failing = [row["provider"] for row in rows if not row["accepted"]]
    if failing:
        raise Finding(f"not accepted by {', '.join(failing)}")
