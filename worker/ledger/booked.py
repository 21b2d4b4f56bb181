"""What the ledger has booked, as reconciliation compares it."""

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import asyncpg

from schemas.event import Event, Line


@dataclass(frozen=True, slots=True)
class Position:
    """What an account has of a coin. The same version, the same books; busy: an open order may change it."""

    posted: Decimal
    version: int
    is_busy: bool


@dataclass(frozen=True, slots=True)
class OpenPayment:
    """A payment or pay order that has not ended, or a pay order that may still be paid.

    In doubt: it may have been sent, and no id of the provider says so yet.
    """

    order_id: str
    type: str
    coin: str
    amount: Decimal
    provider_ref: str | None
    in_doubt: bool
    revision: int


@dataclass(frozen=True, slots=True)
class Booked:
    """What the ledger has of something that the provider keeps a record of: an order, or a deposit.

    Open: it may still become posted. `account` is who pays or is paid where the provider's record does not say it.
    """

    type: str
    state: str
    is_posted: bool
    is_open: bool
    order_id: str | None
    provider_ref: str | None
    account: str | None
    lines: tuple[Line, ...]
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which a provider's books and ours differ; None where there is no such thing."""

    subject: str
    what: str
    account: str | None
    coin: str | None
    ledger_amount: Decimal | None
    provider_amount: Decimal | None
    order_id: str | None
    record_id: str | None
    message: str


def read_booked_order(row: asyncpg.Record) -> Booked:
    return Booked(
        type=row["type"],
        state=row["state"],
        is_posted=row["state"] == "succeeded",
        is_open=row["is_open"],
        order_id=row["order_id"],
        provider_ref=row["provider_ref"],
        account=json.loads(row["command"]).get("account"),
        lines=_booked_lines(row["lines"]),
        created_at=row["created_at"],
    )


def read_booked_deposit(row: asyncpg.Record) -> Booked:
    return Booked(
        type="deposit",
        state=row["state"],
        is_posted=row["state"] == "credited",
        is_open=row["is_open"],
        order_id=row["order_id"],
        provider_ref=row["record_id"],
        account=None,
        lines=_booked_lines(row["lines"]),
        created_at=None,
    )


def _booked_lines(text: str) -> tuple[Line, ...]:
    return tuple(Line(account, coin, Decimal(amount), purpose) for account, coin, amount, purpose in json.loads(text))


def difference_row(difference: Difference, event: Event) -> tuple[object, ...]:
    return (
        difference.subject,
        difference.what,
        difference.account,
        difference.coin,
        difference.ledger_amount,
        difference.provider_amount,
        difference.order_id,
        difference.record_id,
        difference.message,
        event.event_id,
        event.routing_key,
        event.body,
        event.correlation_id,
    )
