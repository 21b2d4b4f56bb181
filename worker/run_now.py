"""Scheduled jobs, run once by hand."""

from worker.desk_world import open_desk
from worker.jobs.rescans import run_rescans
from worker.settings import Settings


async def rescan_all(settings: Settings) -> str:
    """Run every open rescan once; what came of it, in words. Raises WorkerError."""
    done = []
    async with open_desk(settings) as world:
        for name, provider in world.providers.items():
            if provider.deposits is not None:
                await world.ledger.hasten_rescans(name, None)
                done.append(f"{name}: {await run_rescans(provider.deposits, world)}")
    return "\n".join(done) or "no provider has deposits to look for"
