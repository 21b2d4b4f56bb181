"""Schedule: jobs that run once per period, in whichever process takes them first. The database is the judge."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from worker.clock import Clock
from worker.errors import BadSettings, SchemaMissing, WorkerError
from worker.ledger import FAILED, Ledger
from worker.providers.protocol import ReadFailed

log = structlog.get_logger()

# How often to ask whether a job is due: a tenth of its period, within these.
LOOK_SECONDS_MIN = 1.0
LOOK_SECONDS_MAX = 30.0
# After a run that failed; not the whole period, which may be an hour.
AGAIN_SECONDS = 60.0
# A run is killed when nothing is heard of it for so long; another begins. One that lasts is heard of in time.
LEASE_SECONDS = 300.0
# A database that does not answer must not keep a worker from stopping; the lease then ends by itself.
GIVE_BACK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Job:
    """What to do, how often; `run` returns what it did, in words for an operator, or raises ReadFailed."""

    name: str
    period_seconds: float
    run: Callable[[], Awaitable[str]]
    lease_seconds: float = LEASE_SECONDS


class Schedule:
    """Takes jobs that are due and runs them; a long one does not keep the others waiting."""

    def __init__(self, jobs: Sequence[Job], ledger: Ledger, clock: Clock) -> None:
        self._jobs = jobs
        self._ledger = ledger
        self._clock = clock

    async def run(self) -> None:
        """Look until cancelled."""
        await asyncio.gather(*(self._keep(job) for job in self._jobs))

    async def run_once(self) -> int:
        """Run what is due and not taken; how many that were."""
        return sum([await self._take(job) for job in self._jobs])

    async def _keep(self, job: Job) -> None:
        look_seconds = min(max(job.period_seconds / 10, LOOK_SECONDS_MIN), LOOK_SECONDS_MAX)
        while True:
            await self._take(job)
            await self._clock.sleep(look_seconds)

    async def _take(self, job: Job) -> bool:
        number = await self._ledger.take_job(job.name, job.lease_seconds)
        if number is None:
            return False
        running = asyncio.create_task(self._run(job, number))
        try:
            while not (await asyncio.wait({running}, timeout=job.lease_seconds / 3))[0]:
                if not await self._ledger.keep_job(job.name, number, job.lease_seconds):
                    # This process stood still for longer than the lease, and another has the job.
                    log.warning("job is run by another, this run ends", job=job.name, run=number)
                    return True
            result, wait = await running
        except asyncio.CancelledError:
            await _ended(running)
            await self._give_back(job, number)
            raise
        finally:
            await _ended(running)
        await self._ledger.end_job(job.name, number, wait, result)
        return True

    async def _give_back(self, job: Job, number: int) -> None:
        """The worker stops: another goes on at once, and not only when the lease is over."""
        with suppress(TimeoutError, WorkerError):
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                await self._ledger.end_job(job.name, number, 0, "stopped with its worker")

    async def _run(self, job: Job, number: int) -> tuple[str, float]:
        """What it did, and when it is due again."""
        again = min(AGAIN_SECONDS, job.period_seconds)
        try:
            result = await job.run()
        except ReadFailed as error:
            log.warning("job failed", job=job.name, run=number, reason=str(error))
            return f"{FAILED}{error}", again
        except (SchemaMissing, BadSettings):
            raise
        except Exception as error:
            # A bug, or a state nobody thought of: the orders must not stop for it.
            log.exception("job failed", job=job.name, run=number)
            return f"{FAILED}{type(error).__name__}", again
        log.debug("job done", job=job.name, run=number, result=result)
        return result, job.period_seconds


async def _ended(work: asyncio.Task[Any]) -> None:
    work.cancel()
    await asyncio.wait({work})
