"""What reconciliation reads of the books, and where it writes down what differs."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from schemas.event import Event
from worker.clock import Clock
from worker.database import Database
from worker.ledger.booked import (
    Booked,
    Difference,
    OpenPayment,
    Position,
    difference_row,
    read_booked_deposit,
    read_booked_order,
)
from worker.ledger.columns import as_columns


class ReconcileLedger:
    """What reconciliation reads of the books, and where it writes down what differs. It posts nothing."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def positions(
        self, provider: str, accounts: Collection[str], merchant_user_id: str
    ) -> dict[str, dict[str, Position]]:
        """What each account has, by coin; also coins of which an open order may bring it the first."""
        rows = await self._database.fetch(
            "SELECT * FROM ledger.positions($1,$2,$3)", provider, list(accounts), merchant_user_id
        )
        positions: dict[str, dict[str, Position]] = {account: {} for account in accounts}
        for row in rows:
            positions[row["account"]][row["coin"]] = Position(row["posted"], row["version"], row["is_touched"])
        return positions

    async def owned(self, provider: str) -> dict[str, Position]:
        """What all accounts but custody have together, by coin."""
        rows = await self._database.fetch("SELECT * FROM ledger.owned($1)", provider)
        return {row["coin"]: Position(row["posted"], int(row["version"]), is_busy=False) for row in rows}

    async def account_names(self, provider: str, after: str, most: int) -> list[str]:
        """A page of the accounts but custody, by name."""
        rows = await self._database.fetch("SELECT ledger.account_names($1,$2,$3)", provider, after, most)
        return [row[0] for row in rows]

    async def open_payments(self, provider: str) -> list[OpenPayment]:
        """What may change the provider's balance without having changed ours yet, or the other way round."""
        rows = await self._database.fetch("SELECT * FROM ledger.open_payments($1)", provider)
        return [OpenPayment(**row) for row in rows]

    async def booked_orders(
        self, provider: str, *, order_ids: Sequence[str] = (), provider_refs: Sequence[str] = ()
    ) -> list[Booked]:
        """Orders by their ids, and payments by the provider's ids."""
        rows = await self._database.fetch(
            "SELECT * FROM ledger.booked_orders($1,$2,$3)", provider, list(order_ids), list(provider_refs)
        )
        return [read_booked_order(row) for row in rows]

    async def booked_deposits(self, provider: str, record_ids: Sequence[str]) -> dict[str, Booked]:
        """Deposits by the provider's ids."""
        rows = await self._database.fetch("SELECT * FROM ledger.booked_deposits($1,$2)", provider, list(record_ids))
        return {row["record_id"]: read_booked_deposit(row) for row in rows}

    async def count_ended(self, provider: str, since: datetime, until: datetime) -> int:
        """About how much ended in this time; never less than did."""
        rows = await self._database.fetch("SELECT ledger.count_ended($1,$2,$3)", provider, since, until)
        return int(rows[0][0])

    async def ended_orders(
        self, provider: str, types: Sequence[str], since: datetime, until: datetime, after: str, most: int
    ) -> list[str]:
        """A page of the orders that were sent, and ended in this time, by id."""
        rows = await self._database.fetch(
            "SELECT ledger.ended_orders($1,$2,$3,$4,$5,$6)", provider, list(types), since, until, after, most
        )
        return [row[0] for row in rows]

    async def credited_in(self, provider: str, since: datetime, until: datetime, after: str, most: int) -> list[str]:
        """A page of the deposits that were credited in this time, by the provider's id."""
        rows = await self._database.fetch(
            "SELECT ledger.credited_in($1,$2,$3,$4,$5)", provider, since, until, after, most
        )
        return [row[0] for row in rows]

    async def note_drift(
        self, provider: str, compared: Sequence[str], found: Sequence[tuple[Difference, Event]], now: datetime
    ) -> list[str]:
        """Write down what differs, and that the rest of what was compared does not; the kinds of what is new."""
        columns = as_columns(difference_row(difference, event) for difference, event in found) or [[]] * 13
        rows = await self._database.fetch(
            "SELECT ledger.note_drift($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16)",
            provider,
            list(compared),
            *columns,
            now,
        )
        return [row[0] for row in rows]

    async def open_drift(
        self, provider: str, whats: Sequence[str], seen_before: datetime, after: str, most: int
    ) -> list[str]:
        """A page of the subjects that still differ and were not compared since, in their order."""
        rows = await self._database.fetch(
            "SELECT subject FROM ledger.open_drift($1,$2,$3,$4,$5)", provider, list(whats), seen_before, after, most
        )
        return [row["subject"] for row in rows]

    async def drift(self, provider: str, most: int) -> list[dict[str, Any]]:
        """What differs as of now, oldest first."""
        rows = await self._database.fetch(
            "SELECT what, account, coin, ledger_amount, provider_amount, order_id, record_id, message, since"
            " FROM ledger.drift WHERE provider = $1 AND closed_at IS NULL"
            " ORDER BY since, what, account, coin, record_id, order_id LIMIT $2",
            provider,
            most,
        )
        return [dict(row) for row in rows]

    async def count_drift(self, provider: str) -> int:
        """How much differs as of now."""
        rows = await self._database.fetch(
            "SELECT count(*) FROM ledger.drift WHERE provider = $1 AND closed_at IS NULL", provider
        )
        return int(rows[0][0])

    async def reconciled_until(self, provider: str) -> datetime | None:
        """Up to when the provider's records have been compared; None: never."""
        rows = await self._database.fetch("SELECT ledger.reconciled_until($1)", provider)
        until: datetime | None = rows[0][0]
        return until

    async def end_reconcile(self, provider: str, read_until: datetime) -> None:
        """They have been, up to then."""
        await self._database.fetch("SELECT ledger.end_reconcile($1,$2)", provider, read_until)
