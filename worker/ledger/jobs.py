"""Scheduled jobs: taken by one worker at a time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from worker.ledger.session import Session

# How the result of a run begins that was not done.
FAILED = "failed: "


@dataclass(frozen=True, slots=True)
class Lease:
    """A run that is ours, by its number, and until when nobody else begins another."""

    run: int
    until: datetime


@dataclass(frozen=True, slots=True)
class LastRun:
    """When a job's last run ended, how long it took, and what it did, in words."""

    name: str
    finished_at: datetime
    seconds: float
    result: str

    @property
    def failed(self) -> bool:
        """Whether it was not done."""
        return self.result.startswith(FAILED)


class Jobs:
    """The schedule's rows."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def take_job(self, name: str, lease_seconds: float) -> Lease | None:
        """The run that is now ours; None when the job is not due, or another has it."""
        until: list[datetime] = []
        rows = await self._session.fetch_at(
            "SELECT ledger.take_job($1,$2,$3)", lambda now: (name, now, _end(until, now, lease_seconds))
        )
        return None if not rows or rows[0][0] is None else Lease(rows[0][0], until[-1])

    async def keep_job(self, name: str, run: int, lease_seconds: float) -> Lease | None:
        """Have the run for longer; None: its time was over, and another has begun."""
        until: list[datetime] = []
        rows = await self._session.fetch_at(
            "SELECT ledger.keep_job($1,$2,$3)", lambda now: (name, run, _end(until, now, lease_seconds))
        )
        return Lease(run, until[-1]) if rows[0][0] else None

    async def end_job(self, name: str, run: int, seconds_to_next: float, result: str) -> None:
        """Say how the run ended and when the next is due."""
        await self._session.fetch_at(
            "SELECT ledger.end_job($1,$2,$3,$4,$5)",
            lambda now: (name, run, now, now + timedelta(seconds=seconds_to_next), result),
        )

    async def last_runs(self) -> list[LastRun]:
        """Of every job, the last run that has ended."""
        rows = await self._session.fetch(
            "SELECT name, finished_at, seconds::float8, result FROM ledger.job_status WHERE finished_at IS NOT NULL"
        )
        return [LastRun(row["name"], row["finished_at"], row["seconds"], row["result"]) for row in rows]


def _end(until: list[datetime], now: datetime, lease_seconds: float) -> datetime:
    """When a lease that is written now ends; kept, for whoever holds it: of several tries the last is answered."""
    until.append(now + timedelta(seconds=lease_seconds))
    return until[-1]
