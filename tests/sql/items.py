"""What the SQL functions are called with: one value per item of a batch, with what a test does not care about."""

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
LEASE = timedelta(seconds=30)
MINE = uuid.UUID(int=1)
THEIRS = uuid.UUID(int=2)


def later(seconds: float) -> datetime:
    """That many seconds after the tests' now."""
    return NOW + timedelta(seconds=seconds)


def event_of(order_id: str, sequence: int = 1) -> uuid.UUID:
    """An event id that no other order has."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{order_id}/{sequence}")


@dataclass(frozen=True)
class Intake:
    """One item of ledger.admit, in the order of its parameters."""

    order_id: str
    type: str = "transfer"
    provider: str = "ccpayment"
    fingerprint: bytes = b"content"
    command: str = "{}"
    account: str | None = "user:alice1"
    coin: str | None = "1280"
    amount: Decimal | None = Decimal(1)
    body: bytes | None = b"body"
    signed_at: datetime | None = NOW
    signature: str | None = "signature"
    payee: str | None = None
    expires_at: datetime | None = None
    message_id: str | None = None
    correlation_id: str | None = None
    app_id: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True)
class Rejection:
    """One item of ledger.reject."""

    order_id: str
    type: str = "transfer"
    provider: str = "ccpayment"
    fingerprint: bytes = b"content"
    command: str = "{}"
    error_code: str = "insufficient_funds"
    expires_at: datetime | None = None
    message_id: str | None = None
    correlation_id: str | None = None
    app_id: str | None = None
    traceparent: str | None = None
    event_id: uuid.UUID | None = None  # its own when left out
    routing_key: str = "transfer.rejected"
    event_body: str = "{}"
    event_correlation_id: str = "correlation"


@dataclass(frozen=True)
class Line:
    """One ledger line of a settlement."""

    account: str
    amount: Decimal
    coin: str = "1280"
    purpose: str = "transfer"


@dataclass(frozen=True)
class Event:
    """One event of a settlement."""

    event_id: uuid.UUID
    sequence: int = 1
    terminal: bool = False
    routing_key: str = "transfer.processing"
    body: str = "{}"
    correlation_id: str | None = None


@dataclass(frozen=True)
class Settlement:
    """One item of ledger.settle; the order of its scalar fields is that of the parameters."""

    order_id: str
    revision: int
    state: str
    due_at: datetime | None = None
    provider_ref: str | None = None
    error_code: str | None = None
    doubtful: str = "{}"
    doubt_since: datetime | None = None
    absent_at: datetime | None = None
    polls: int = 0
    attempt: int = 1
    source: str = "answer"
    verdict: str = "succeeded"
    provider_code: str | None = None
    message: str | None = None
    events: tuple[Event, ...] = ()
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Coin:
    """One coin of ledger.store_coins, in the order of its parameters."""

    coin: str
    symbol: str = "USDT"
    decimals: int = 6
    enabled: bool = True
    minimum: Decimal | None = Decimal("0.5")
    price_usd: Decimal | None = Decimal("1.0001")


def succeeds(order_id: str, revision: int = 1, *, lines: tuple[Line, ...], **changes: Any) -> Settlement:
    """The order is done: posted, and told."""
    return ended(order_id, revision, "succeeded", **{"lines": lines, "provider_ref": f"ref-{order_id}", **changes})


def fails(order_id: str, revision: int = 1, **changes: Any) -> Settlement:
    """The order is definitely not done: its hold is released, and it is told."""
    return ended(order_id, revision, "failed", **{"error_code": "refused", "verdict": "refused", **changes})


def ended(order_id: str, revision: int, state: str, **changes: Any) -> Settlement:
    """The order is over, and its first event says so."""
    event = Event(event_of(order_id), 1, True, f"transfer.{state}", correlation_id=order_id)
    return Settlement(order_id, revision, state, **{"events": (event,), **changes})


def told_as(item: Settlement, event_id: uuid.UUID) -> Settlement:
    """The same decision, with another id of its event."""
    [event] = item.events
    return replace(item, events=(replace(event, event_id=event_id),))


def waits(order_id: str, revision: int, state: str, **changes: Any) -> Settlement:
    """The order is looked at again in two seconds; its first attempt is still in doubt."""
    return Settlement(order_id, revision, state, **{"due_at": later(2), "doubtful": "{1}", **changes})


def moves(
    amount: Decimal, sender: str = "user:alice1", receiver: str = "user:bob123", coin: str = "1280"
) -> tuple[Line, Line]:
    """The two lines of a transfer."""
    return Line(sender, amount.copy_negate(), coin), Line(receiver, amount, coin)
