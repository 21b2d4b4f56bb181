"""Deposits: what came in, credited once, or watched; and whose lists were read up to when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from schemas.event import Event
from worker.ledger.deposit_rows import deposit_columns, read_deposit
from worker.ledger.session import Session
from worker.providers.protocol import Deposit

# What became of a deposit that is no money, and of one that is: see the functions.
Noted = Literal["noted", "known", "credited"]
Posted = Literal["credited", "known", "changed", "repeated", "moved"]


@dataclass(frozen=True, slots=True)
class Watched:
    """A deposit that is not money (yet): known since when, and how often the provider was asked to look again."""

    deposit: Deposit
    seen_at: datetime
    rescans: int


class Deposits:
    """What came in at the providers."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def note_deposit(self, deposit: Deposit, read_at: datetime, due_at: datetime | None) -> Noted:
        """Remember what is not money (yet), and when to look again. `read_at`: when the provider was asked."""
        rows = await self._session.fetch_at(
            "SELECT ledger.note_deposit($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18)",
            lambda now: (
                deposit.provider,
                deposit.record_id,
                deposit.kind,
                deposit.state,
                *deposit_columns(deposit),
                deposit.note,
                deposit.order_id,
                due_at,
                read_at,
                now,
            ),
        )
        verdict: Noted = rows[0][0]
        return verdict

    async def credit_deposit(
        self, deposit: Deposit, read_at: datetime, order_id: str | None, event: Event, traceparent: str | None
    ) -> Posted:
        """Post a deposit and tell of it, once. Moved: the order is not as the event has it, and nothing was done."""
        rows = await self._session.fetch_at(
            "SELECT ledger.credit_deposit"
            "($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23)",
            lambda now: (
                deposit.provider,
                deposit.record_id,
                deposit.kind,
                *deposit_columns(deposit),
                order_id,
                event.event_id,
                event.sequence,
                event.routing_key,
                event.body,
                event.correlation_id,
                traceparent,
                read_at,
                now,
                self._session.token,
                now + self._session.event_lease,
            ),
        )
        verdict: Posted = rows[0][0]
        return verdict

    async def booked_deposit(self, provider: str, record_id: str) -> Deposit:
        """A deposit that is credited, as it was posted."""
        rows = await self._session.fetch(
            "SELECT * FROM ledger.deposit_line WHERE provider = $1 AND record_id = $2", provider, record_id
        )
        return read_deposit(rows[0])

    async def take_deposits(self, provider: str, most: int) -> list[Watched]:
        """Deposits that are to be looked at again, with a lease for us."""
        rows = await self._session.fetch_at(
            "SELECT * FROM ledger.take_deposits($1,$2,$3,$4)",
            lambda now: (provider, now, now + self._session.lease, most),
        )
        return [Watched(read_deposit(row), row["seen_at"], row["rescans"]) for row in rows]

    async def postpone_deposit(self, deposit: Deposit, due_at: datetime | None, *, rescanned: bool = False) -> None:
        """Look at it again then; None: never."""
        await self._session.fetch_at(
            "SELECT ledger.postpone_deposit($1,$2,$3,$4)",
            lambda _now: (deposit.provider, deposit.record_id, rescanned, due_at),
        )

    async def take_scans(self, provider: str, since: datetime, most: int) -> list[tuple[str, datetime]]:
        """Whose lists of deposits are to be read ("" the merchant's), and up to when they have been."""
        rows = await self._session.fetch_at(
            "SELECT * FROM ledger.take_scans($1,$2,$3,$4,$5)",
            lambda now: (provider, since, now, now + self._session.lease, most),
        )
        return [(row["of"], row["read_until"]) for row in rows]

    async def end_scan(self, provider: str, of: str, read_until: datetime, *, found: bool) -> None:
        """A list has been read, up to then; `found`: there was something new in it."""
        await self._session.fetch_at(
            "SELECT ledger.end_scan($1,$2,$3,$4,$5)", lambda now: (provider, of, read_until, found, now)
        )
