"""Scheduled jobs: taken by one worker at a time."""

from datetime import timedelta

from worker.ledger.session import Session


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

    async def end_job(self, name: str, run: int, seconds_to_next: float, result: str) -> None:
        """Say how the run ended and when the next is due."""
        await self._session.fetch_at(
            "SELECT ledger.end_job($1,$2,$3,$4,$5)",
            lambda now: (name, run, now, now + timedelta(seconds=seconds_to_next), result),
        )
