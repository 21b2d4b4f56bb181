"""`rescan`, `reconcile`, `jobs`: what runs by itself, now."""

import typer

from worker import console, reads, run_now
from worker.cli.options import Json
from worker.cli.running import read_rows, wait_for
from worker.errors import Finding
from worker.settings import read_settings


def rescan_now(as_json: Json = False) -> None:
    """Run every open rescan once, now."""
    rows = wait_for(run_now.rescan_all(read_settings()))
    if as_json:
        console.print_rows(rows, as_json, "")
        return
    typer.echo(
        "\n".join("{provider}: {result}".format(**row) for row in rows) or "no provider has deposits to look for"
    )


def reconcile_now(as_json: Json = False) -> None:
    """Compare every provider's books with the ledger, now; exit 1 and print what differs. Nothing is booked."""
    reports = wait_for(run_now.reconcile_now(read_settings()))
    rows = [row for report in reports for row in run_now.rows_of(report)]
    if not as_json:
        for report in reports:
            typer.echo(f"{report.provider}: {report.words}")
    console.print_rows(rows, as_json, "everything agrees")
    differing = sum(report.drift_count for report in reports)
    if differing:
        raise Finding(f"{differing} differences")


def jobs(as_json: Json = False) -> None:
    """List the scheduled jobs: when each last ran, what it did, and when it is due."""
    console.print_rows(read_rows(reads.jobs()), as_json, "no job has run yet")
