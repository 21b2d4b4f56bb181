"""Schedule: jobs that run once per period, in whichever process takes them first. The database is the judge."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import structlog

from worker.clock import Clock
from worker.errors import BadSettings, SchemaMissing, WorkerError
from worker.ledger import FAILED, Lease, Ledger
from worker.providers.protocol import ReadFailed

log = structlog.get_logger()

# How often to ask whether a job is due: a tenth of its period, within these.
LOOK_SECONDS_MIN = 1.0
LOOK_SECONDS_MAX = 30.0
# After a run that failed; not the whole period, which may be an hour.
AGAIN_SECONDS = 60.0
# A run is killed when nothing is heard of it for so long; another begins. One that lasts is heard of in time.
LEASE_SECONDS = 300.0
# How often a run's lease is looked at. More often than it is renewed: a machine that slept must not go on for long.
GLANCE_SECONDS = 1.0
# What has not ended by then hangs, and is begun anew.
RUN_SECONDS_MAX = 3600.0
# A run that is told to end is given so long for it.
STOP_SECONDS = 5.0
# A database that does not answer must not keep a worker from stopping; the lease then ends by itself.
GIVE_BACK_SECONDS = 2.0

Ended = Literal["done", "lost", "hung"]
# Its result in words, and after how many seconds the job is due again.
Running = asyncio.Task[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Job:
    """What to do, how often; `run` returns what it did, in words for an operator, or raises ReadFailed."""

    name: str
    period_seconds: float
    run: Callable[[], Awaitable[str]]
    lease_seconds: float = LEASE_SECONDS
    run_seconds_max: float = RUN_SECONDS_MAX


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
        lease = await self._ledger.take_job(job.name, job.lease_seconds)
        if lease is None:
            return False
        running = asyncio.create_task(self._run(job, lease.run))
        try:
            ended = await self._hold(job, lease, running)
        except asyncio.CancelledError:
            await _stop(running, job)
            await self._give_back(job, lease)
            raise
        finally:
            await _stop(running, job)
        if ended == "lost":
            # This process stood still for longer than the lease, or did not reach the database.
            log.warning("job may be run by another, this run ends", job=job.name, run=lease.run)
            return True
        if ended == "hung":
            log.error("job hangs, and is begun anew", job=job.name, run=lease.run)
            result, wait = f"{FAILED}it did not end within {job.run_seconds_max / 3600:g} hours", again_after(job)
        else:
            result, wait = running.result()
        await self._ledger.end_job(job.name, lease.run, wait, result)
        return True

    async def _hold(self, job: Job, lease: Lease, running: Running) -> Ended:
        """Have the job for as long as the run goes on; why no longer."""
        glance_seconds = min(GLANCE_SECONDS, job.lease_seconds / 3)
        hangs_at = self._clock.now() + timedelta(seconds=job.run_seconds_max)
        while not (await asyncio.wait({running}, timeout=glance_seconds))[0]:
            now, left = self._clock.now(), lease.until - self._clock.now()
            if now >= hangs_at:
                return "hung"
            is_set_back = left > timedelta(seconds=job.lease_seconds)  # our clock; by the others' it ends before that
            if is_set_back or left <= timedelta(seconds=job.lease_seconds * 2 / 3):
                kept = await self._renew(job, lease, left.total_seconds())
                if kept is None or kept.until <= self._clock.now():
                    return "done" if running.done() else "lost"
                lease = kept
        return "done"

    async def _renew(self, job: Job, lease: Lease, left_seconds: float) -> Lease | None:
        """The same run for longer; None when the lease is over, or no answer comes while it lasts."""
        if left_seconds <= 0:
            return None
        try:
            async with asyncio.timeout(min(left_seconds, job.lease_seconds)):
                return await self._ledger.keep_job(job.name, lease.run, job.lease_seconds)
        except TimeoutError:
            return None

    async def _give_back(self, job: Job, lease: Lease) -> None:
        """The worker stops: another goes on at once, and not only when the lease is over."""
        with suppress(TimeoutError, WorkerError):
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                await self._ledger.end_job(job.name, lease.run, 0, "stopped with its worker")

    async def _run(self, job: Job, number: int) -> tuple[str, float]:
        """What it did, and when it is due again."""
        try:
            result = await job.run()
        except ReadFailed as error:
            log.warning("job failed", job=job.name, run=number, reason=str(error))
            return f"{FAILED}{error}", again_after(job)
        except (SchemaMissing, BadSettings):
            raise
        except Exception as error:
            # A bug, or a state nobody thought of: the orders must not stop for it.
            log.exception("job failed", job=job.name, run=number)
            return f"{FAILED}{type(error).__name__}", again_after(job)
        log.debug("job done", job=job.name, run=number, result=result)
        return result, job.period_seconds


def again_after(job: Job) -> float:
    """How many seconds after a run that failed the next is due."""
    return min(AGAIN_SECONDS, job.period_seconds)


async def _stop(running: Running, job: Job) -> None:
    """Have a run end that has not; one that does not must not keep this process from its other work."""
    running.cancel()
    if (await asyncio.wait({running}, timeout=STOP_SECONDS))[1]:
        log.error("job does not end", job=job.name)
