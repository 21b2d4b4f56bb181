"""Schedule: jobs that run once per period, in whichever process takes them first. The database is the judge."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from worker.clock import Clock
from worker.ledger import Ledger
from worker.providers.protocol import ReadFailed

log = structlog.get_logger()

# How often to ask whether a job is due.
LOOK_SECONDS = 1.0
# After a run that failed; not the whole period, which may be an hour.
AGAIN_SECONDS = 60.0
# A run that has not ended by then was killed; another begins.
LEASE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Job:
    """What to do, how often; `run` returns what it did, in words for an operator, or raises ReadFailed."""

    name: str
    period_seconds: float
    run: Callable[[], Awaitable[str]]


class Schedule:
    """Takes jobs that are due and runs them, one after the other."""

    def __init__(self, jobs: Sequence[Job], ledger: Ledger, clock: Clock) -> None:
        self._jobs = jobs
        self._ledger = ledger
        self._clock = clock

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.run_once()
            await self._clock.sleep(LOOK_SECONDS)

    async def run_once(self) -> int:
        """Run what is due and not taken; how many that were."""
        ran = 0
        for job in self._jobs:
            number = await self._ledger.take_job(job.name, LEASE_SECONDS)
            if number is not None:
                await self._run(job, number)
                ran += 1
        return ran

    async def _run(self, job: Job, number: int) -> None:
        try:
            result, wait = await job.run(), job.period_seconds
            log.info("job done", job=job.name, run=number, result=result)
        except ReadFailed as error:
            result, wait = f"failed: {error}", min(AGAIN_SECONDS, job.period_seconds)
            log.warning("job failed", job=job.name, run=number, reason=str(error))
        await self._ledger.end_job(job.name, number, wait, result)
