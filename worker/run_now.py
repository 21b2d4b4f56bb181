"""Scheduled jobs, run once by hand."""

from collections.abc import Sequence
from typing import Any

from worker.desk_world import open_desk
from worker.errors import WorkerError
from worker.jobs.rescans import run_rescans
from worker.providers.protocol import ReadFailed
from worker.reconcile.findings import Passed
from worker.reconcile.run import Report, reconcile
from worker.settings import Settings


async def rescan_all(settings: Settings) -> list[dict[str, str]]:
    """Run every open rescan once; what came of it, a row for each provider. Raises WorkerError."""
    done = []
    async with open_desk(settings) as world:
        for name, provider in world.providers.items():
            if provider.deposits is not None:
                await world.ledger.hasten_rescans(name, None)
                done.append({"provider": name, "result": await run_rescans(provider.deposits, world)})
    return done


def rows_of(report: Report) -> list[dict[str, Any]]:
    """What differs, what was under way, and what could not be compared, a row each."""
    passed = [
        *_rows_of_passed("busy", report.busy, report.busy_count),
        *_rows_of_passed("skipped", report.skipped, report.skipped_count),
    ]
    drift = [{"result": "drift", **row} for row in report.drift]
    return [{"result": row["result"], "provider": report.provider, **row} for row in (*drift, *passed)]


def _rows_of_passed(result: str, first: Sequence[Passed], count: int) -> list[dict[str, Any]]:
    """The first of what was passed over, and how many more there are."""
    nothing = dict.fromkeys(("ledger_amount", "provider_amount", "order_id", "record_id"))
    more = [Passed("and more", None, None, f"{count - len(first)} more were {result}")] if count > len(first) else []
    return [
        {
            "result": result,
            "what": one.what,
            "account": one.account,
            "coin": one.coin,
            **nothing,
            "message": one.message,
            "since": None,
        }
        for one in (*first, *more)
    ]


async def reconcile_now(settings: Settings) -> list[Report]:
    """Compare every configured provider's books with ours, once. Raises WorkerError when one cannot be read."""
    reports = []
    async with open_desk(settings) as world:
        for name, provider in world.providers.items():
            try:
                reports.append(await reconcile(provider, world))
            except ReadFailed as error:
                raise WorkerError(f"{name}: {error}") from None
    return reports
