"""Every scheduled job. A new job is a file and a line here."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from worker.coins import REFRESH_SECONDS
from worker.jobs.deposits import take_deposits
from worker.jobs.late_payments import take_late_payments
from worker.jobs.reconcile import run_reconcile
from worker.jobs.rescans import run_rescans
from worker.loops.schedule import Job
from worker.settings import Settings
from worker.world import World

DEPOSITS_SECONDS = 15.0
RESCANS_SECONDS = 5.0
FORGET_SECONDS = 3600.0
# To reconcile a hundred thousand users takes some hours.
RECONCILE_SECONDS_MAX = 12 * 3600.0
# Longer than any provider repeats a webhook.
WEBHOOKS_KEPT = timedelta(days=30)


def make_jobs(settings: Settings, world: World) -> Iterator[Job]:
    """The jobs of the configured providers."""
    for name, provider in world.providers.items():
        yield Job(f"coins.{name}", REFRESH_SECONDS, partial(_refresh_coins, name, world))
        reconciling = partial(run_reconcile, provider, world)
        yield Job(
            f"reconcile.{name}",
            settings.reconcile_seconds,
            reconciling,
            run_seconds_max=RECONCILE_SECONDS_MAX,
        )
        if provider.deposits is None:
            yield Job(f"late-payments.{name}", DEPOSITS_SECONDS, partial(take_late_payments, provider, world))
        else:
            yield Job(f"deposits.{name}", DEPOSITS_SECONDS, partial(take_deposits, provider.deposits, world))
            yield Job(f"rescan.{name}", RESCANS_SECONDS, partial(run_rescans, provider.deposits, world))
    yield Job("forget-webhooks", FORGET_SECONDS, partial(_forget_webhooks, world))


async def _refresh_coins(provider: str, world: World) -> str:
    return f"{await world.coins.refresh(provider)} coins"


async def _forget_webhooks(world: World) -> str:
    return f"{await world.ledger.forget_webhooks(WEBHOOKS_KEPT)} forgotten"
