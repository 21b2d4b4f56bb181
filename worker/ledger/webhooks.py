"""Signed webhooks: seen once, looked into, forgotten."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from worker.ledger.session import Session


@dataclass(frozen=True, slots=True)
class Webhook:
    """A signed webhook that is to be looked into: what it is about, and since when it is known."""

    digest: bytes
    kind: str
    record_id: str | None
    received_at: datetime


class Webhooks:
    """What providers told by themselves."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def remember_webhook(self, provider: str, digest: bytes, kind: str, record_id: str | None) -> bool:
        """Remember a signed webhook. False: it was seen before."""
        rows = await self._session.fetch_at(
            "SELECT ledger.remember_webhook($1,$2,$3,$4,$5)", lambda now: (provider, digest, kind, record_id, now)
        )
        return bool(rows[0][0])

    async def take_webhooks(self, provider: str, most: int) -> list[Webhook]:
        """Webhooks that are still to be looked into, with a lease for us."""
        rows = await self._session.fetch_at(
            "SELECT * FROM ledger.take_webhooks($1,$2,$3,$4)",
            lambda now: (provider, now, now + self._session.lease, most),
        )
        return [Webhook(row["digest"], row["kind"], row["record_id"], row["received_at"]) for row in rows]

    async def end_webhook(self, provider: str, digest: bytes, due_at: datetime | None) -> None:
        """It has been looked into (None), or is to be again then."""
        await self._session.fetch_at("SELECT ledger.end_webhook($1,$2,$3)", lambda _now: (provider, digest, due_at))

    async def forget_webhooks(self, age: timedelta) -> int:
        """Forget those that are older and have been looked into; how many."""
        rows = await self._session.fetch_at("SELECT ledger.forget_webhooks($1)", lambda now: (now - age,))
        return int(rows[0][0])
