"""Schedule: a job that is due and not taken is run, and its end says when the next is due."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from worker.clock import Clock
from worker.errors import BadSettings, SchemaMissing
from worker.ledger import Lease, Ledger
from worker.loops.schedule import (
    AGAIN_SECONDS,
    LEASE_SECONDS,
    LOOK_SECONDS_MAX,
    LOOK_SECONDS_MIN,
    Job,
    Schedule,
)
from worker.providers.protocol import ReadFailed


@dataclass
class Jobs:
    """The ledger's side: the number of the run that each job that is due would be."""

    due: dict[str, int]
    taken: list[tuple[str, float]] = field(default_factory=list)
    ended: list[tuple[str, int, float, str]] = field(default_factory=list)
    kept: list[tuple[str, int, float]] = field(default_factory=list)
    kept_enough: asyncio.Event = field(default_factory=asyncio.Event)
    keeps: int = 1000  # how often a run may be kept, before another has the job
    is_away: bool = False  # the database does not answer

    async def keep_job(self, name: str, run: int, lease_seconds: float) -> Lease | None:
        self.kept.append((name, run, lease_seconds))
        if len(self.kept) == 3:
            self.kept_enough.set()
        if self.is_away:
            await asyncio.Event().wait()
        return Lease(run, in_seconds(lease_seconds)) if len(self.kept) <= self.keeps else None

    async def take_job(self, name: str, lease_seconds: float) -> Lease | None:
        self.taken.append((name, lease_seconds))
        number = self.due.pop(name, None)
        return None if number is None else Lease(number, in_seconds(lease_seconds))

    async def end_job(self, name: str, run: int, seconds_to_next: float, result: str) -> None:
        self.ended.append((name, run, seconds_to_next, result))


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


class Ended(Exception):
    """The time that a test gives to the loop."""


class Naps:
    """A clock on which nobody sleeps for long."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == 2:
            raise Ended


def doing(result: str) -> Callable[[], Awaitable[str]]:
    async def run() -> str:
        return result

    return run


def failing(error: Exception) -> Callable[[], Awaitable[str]]:
    async def run() -> str:
        raise error

    return run


def schedule(jobs: Jobs, *all_jobs: Job, clock: Naps | None = None) -> Schedule:
    return Schedule(all_jobs, cast("Ledger", jobs), cast("Clock", clock or Naps()))


async def test_what_is_due_is_run_and_what_is_not_is_left() -> None:
    jobs = Jobs({"coins": 7, "rescan": 1})
    first, second = Job("coins", 300, doing("8 coins")), Job("rescan", 60, doing("nothing lost"))
    assert await schedule(jobs, first, Job("reconcile", 3600, doing("never")), second).run_once() == 2
    assert jobs.taken == [("coins", LEASE_SECONDS), ("reconcile", LEASE_SECONDS), ("rescan", LEASE_SECONDS)]
    assert jobs.ended == [("coins", 7, 300, "8 coins"), ("rescan", 1, 60, "nothing lost")]


async def test_nothing_is_run_when_nothing_is_due() -> None:
    jobs = Jobs({})
    assert await schedule(jobs, Job("coins", 300, doing("8 coins"))).run_once() == 0
    assert jobs.ended == []


@pytest.mark.parametrize(
    ("period", "wait"),
    [(3600, AGAIN_SECONDS), (AGAIN_SECONDS, AGAIN_SECONDS), (5, 5)],
    ids=["long", "equal", "short"],
)
async def test_a_run_that_failed_is_tried_again_soon(period: float, wait: float) -> None:
    jobs = Jobs({"coins": 3})
    assert await schedule(jobs, Job("coins", period, failing(ReadFailed("coins: no answer")))).run_once() == 1
    assert jobs.ended == [("coins", 3, wait, "failed: coins: no answer")]


async def test_a_run_that_failed_does_not_keep_the_next_job_from_its_own() -> None:
    jobs = Jobs({"coins": 3, "rescan": 1})
    failed, done = Job("coins", 300, failing(ReadFailed("x"))), Job("rescan", 60, doing("done"))
    assert await schedule(jobs, failed, done).run_once() == 2
    assert [name for name, *_ in jobs.ended] == ["coins", "rescan"]


async def test_a_bug_in_a_job_is_told_and_stops_nothing_else() -> None:
    jobs = Jobs({"coins": 3, "rescan": 1})
    buggy, done = Job("coins", 300, failing(ZeroDivisionError("secret"))), Job("rescan", 60, doing("done"))
    assert await schedule(jobs, buggy, done).run_once() == 2
    assert jobs.ended == [("coins", 3, AGAIN_SECONDS, "failed: ZeroDivisionError"), ("rescan", 1, 60, "done")]


async def test_a_run_that_is_stopped_with_its_worker_is_due_at_once() -> None:
    jobs, begun = Jobs({"deposits": 3}), asyncio.Event()

    async def run() -> str:
        begun.set()
        await asyncio.Event().wait()
        return "never"

    task = asyncio.create_task(schedule(jobs, Job("deposits", 300, run)).run_once())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert jobs.ended == [("deposits", 3, 0, "stopped with its worker")]


async def test_a_database_that_does_not_answer_keeps_no_worker_from_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.loops.schedule.GIVE_BACK_SECONDS", 0.01)
    begun = asyncio.Event()

    class Silent(Jobs):
        async def end_job(self, name: str, run: int, seconds_to_next: float, result: str) -> None:
            await asyncio.Event().wait()

    async def run() -> str:
        begun.set()
        await asyncio.Event().wait()
        return "never"

    task = asyncio.create_task(schedule(Silent({"deposits": 3}), Job("deposits", 300, run)).run_once())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("error", [SchemaMissing("migrate"), BadSettings("x")], ids=str)
async def test_what_only_an_operator_can_mend_ends_the_loop(error: Exception) -> None:
    with pytest.raises(type(error)):
        await schedule(Jobs({"coins": 3}), Job("coins", 300, failing(error))).run_once()


@pytest.mark.parametrize(
    ("period", "look"), [(5, LOOK_SECONDS_MIN), (300, LOOK_SECONDS_MAX), (150, 15)], ids=["short", "long", "between"]
)
async def test_it_looks_again_and_again_as_often_as_its_period_asks(period: float, look: float) -> None:
    jobs, clock = Jobs({"coins": 1}), Naps()
    with pytest.raises(Ended):
        await schedule(jobs, Job("coins", period, doing("x")), clock=clock).run()
    assert clock.slept == [look, look]
    assert len(jobs.taken) == 2


async def test_a_long_job_does_not_keep_the_others_waiting() -> None:
    jobs, clock = Jobs({"reconcile": 1, "coins": 1}), Naps()
    never: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def long() -> str:
        return await never

    with pytest.raises(Ended):
        await schedule(jobs, Job("reconcile", 3600, long), Job("coins", 300, doing("x")), clock=clock).run()
    assert [name for name, *_ in jobs.ended] == ["coins"]


# ---------------------------------------------------------------- a run that lasts

LEASE = 0.3


async def test_a_run_that_lasts_is_kept_until_it_ends() -> None:
    jobs = Jobs({"reconcile": 4})

    async def run() -> str:
        await jobs.kept_enough.wait()
        return "nothing differs"

    assert await schedule(jobs, Job("reconcile", 3600, run, LEASE)).run_once() == 1
    assert jobs.kept[:3] == [("reconcile", 4, LEASE)] * 3
    assert jobs.ended == [("reconcile", 4, 3600, "nothing differs")]


async def test_a_run_that_another_has_followed_ends_and_says_nothing() -> None:
    jobs = Jobs({"reconcile": 4}, keeps=2)
    stopped = asyncio.Event()

    async def run() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return "never"

    assert await schedule(jobs, Job("reconcile", 3600, run, LEASE)).run_once() == 1
    assert stopped.is_set()
    assert jobs.ended == []


class Never:
    """A job that does not end by itself."""

    def __init__(self) -> None:
        self.began, self.stopped = asyncio.Event(), asyncio.Event()

    async def run(self) -> str:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.stopped.set()
        return "never"


async def test_a_run_that_wakes_up_after_its_lease_ends_without_asking_whether_another_has_begun() -> None:
    jobs, job, clock = Jobs({"reconcile": 4}), Never(), Naps()
    working = asyncio.create_task(schedule(jobs, Job("reconcile", 3600, job.run, 1.5), clock=clock).run_once())
    await job.began.wait()
    clock.ahead = timedelta(seconds=2)  # the process stood still
    assert await working == 1
    assert job.stopped.is_set()
    assert (jobs.kept, jobs.ended) == ([], [])


async def test_a_run_whose_clock_is_set_back_asks_at_once_whether_another_has_begun() -> None:
    jobs, job, clock = Jobs({"reconcile": 4}, keeps=0), Never(), Naps()
    working = asyncio.create_task(schedule(jobs, Job("reconcile", 3600, job.run, LEASE), clock=clock).run_once())
    await job.began.wait()
    clock.ahead = timedelta(hours=-1)
    async with asyncio.timeout(10 * LEASE):
        assert await working == 1
    assert job.stopped.is_set()
    assert (len(jobs.kept), jobs.ended) == (1, [])


async def test_a_run_whose_lease_cannot_be_renewed_in_time_ends() -> None:
    jobs, job = Jobs({"reconcile": 4}, is_away=True), Never()
    assert await schedule(jobs, Job("reconcile", 3600, job.run, 0.6)).run_once() == 1
    assert job.stopped.is_set()
    assert (len(jobs.kept), jobs.ended) == (1, [])


async def test_a_run_that_hangs_is_ended_and_begun_anew_soon() -> None:
    jobs, job = Jobs({"reconcile": 4}), Never()
    hangs = Job("reconcile", 3600, job.run, LEASE, run_seconds_max=5 * LEASE)
    assert await schedule(jobs, hangs).run_once() == 1
    assert job.stopped.is_set()
    [(name, number, wait, result)] = jobs.ended
    assert (name, number, wait) == ("reconcile", 4, AGAIN_SECONDS)
    assert result.startswith("failed: it did not end within")


async def test_a_run_ends_with_the_worker() -> None:
    jobs, job = Jobs({"reconcile": 4}), Never()
    working = asyncio.create_task(schedule(jobs, Job("reconcile", 3600, job.run)).run())
    await job.began.wait()
    working.cancel()
    await asyncio.wait({working})
    assert job.stopped.is_set()
    assert jobs.ended == [("reconcile", 4, 0, "stopped with its worker")]
