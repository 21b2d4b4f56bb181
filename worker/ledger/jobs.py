"""Scheduled jobs: taken by one worker at a time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from worker.ledger.session import Session

# How the result of a run begins that was not done.
FAILED = "failed: "


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

    async def take_job(self, name: str, lease_seconds: float) -> int | None:
        """The number of the run that is now ours; None when the job is not due, or another has it."""
        rows = await self._session.fetch_at(
            "SELECT ledger.take_job($1,$2,$3)", lambda now: (name, now, now + timedelta(seconds=lease_seconds))
        )
        number: int | None = rows[0][0] if rows else None
        return number

    async def keep_job(self, name: str, run: int, lease_seconds: float) -> bool:
        """Have the run for longer; False: its time was over, and another has begun."""
        rows = await self._session.fetch_at(
            "SELECT ledger.keep_job($1,$2,$3)", lambda now: (name, run, now + timedelta(seconds=lease_seconds))
        )
        return bool(rows[0][0])

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
