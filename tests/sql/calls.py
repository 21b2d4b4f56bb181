"""The SQL functions as Python calls, with what a test does not care about filled in."""

import uuid
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg

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
    event_id: uuid.UUID | None = None
    routing_key: str | None = None
    event_body: str | None = None
    correlation_id: str | None = None
    lines: tuple[Line, ...] = ()


def succeeds(order_id: str, revision: int = 1, *, lines: tuple[Line, ...], **changes: Any) -> Settlement:
    """The order is done: posted, and told."""
    return ended(order_id, revision, "succeeded", lines=lines, provider_ref=f"ref-{order_id}", **changes)


def fails(order_id: str, revision: int = 1, **changes: Any) -> Settlement:
    """The order is definitely not done: its hold is released, and it is told."""
    return ended(order_id, revision, "failed", error_code="refused", verdict="refused", **changes)


def ended(order_id: str, revision: int, state: str, **changes: Any) -> Settlement:
    event = {
        "event_id": event_of(order_id),
        "routing_key": f"transfer.{state}",
        "event_body": "{}",
        "correlation_id": order_id,
    }
    return Settlement(order_id, revision, state, **{**event, **changes})


def moves(
    amount: Decimal, sender: str = "user:alice1", receiver: str = "user:bob123", coin: str = "1280"
) -> tuple[Line, Line]:
    """The two lines of a transfer."""
    return Line(sender, amount.copy_negate(), coin), Line(receiver, amount, coin)


# The types of the parameters: which of them is which only the functions know.
_ADMIT_TYPES = [
    *("text[]", "text[]", "text[]", "bytea[]", "text[]::jsonb[]"),
    *("text[]", "text[]", "numeric[]", "bytea[]", "timestamptz[]"),
    *("text[]", "text[]", "text[]", "text[]"),
]
_REJECT_TYPES = [
    *("text[]", "text[]", "text[]", "bytea[]", "text[]::jsonb[]"),
    *("text[]", "timestamptz[]", "text[]", "text[]", "text[]"),
    *("text[]", "uuid[]", "text[]", "text[]", "text[]"),
]
_SETTLE_TYPES = [
    *("text[]", "integer[]", "text[]", "timestamptz[]", "text[]"),
    *("text[]", "text[]", "timestamptz[]", "timestamptz[]", "integer[]"),
    *("integer[]", "text[]", "text[]", "text[]", "text[]"),
    *("uuid[]", "text[]", "text[]", "text[]"),
]
_LINE_TYPES = ["integer[]", "text[]", "text[]", "numeric[]", "text[]"]


class Calls:
    """The functions, on one connection. Each call is a transaction, or a savepoint within the caller's."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection

    def admit(
        self, *items: Intake, now: datetime = NOW, lease_until: datetime | None = None
    ) -> list[tuple[str, str | None, int | None]]:
        """Verdict, state and number of events, per item."""
        return self._rows(
            f"SELECT verdict, state, events FROM ledger.admit({_casts(_ADMIT_TYPES)}, %s, %s) ORDER BY item",
            *_columns(items, len(_ADMIT_TYPES)),
            now,
            lease_until or now + LEASE,
        )

    def admit_verdicts(self, *items: Intake) -> list[str]:
        return [verdict for verdict, _, _ in self.admit(*items)]

    def reject(
        self, *items: Rejection, now: datetime = NOW, token: uuid.UUID = MINE
    ) -> list[tuple[str, str | None, int | None]]:
        """Verdict, state and number of events, per item."""
        whole = [
            (*row[:11], row[11] or event_of(f"{row[0]}/{number}"), *row[12:])
            for number, row in enumerate(map(astuple, items))
        ]
        return self._rows(
            f"SELECT verdict, state, events FROM ledger.reject({_casts(_REJECT_TYPES)}, %s, %s, %s) ORDER BY item",
            *_transposed(whole, len(_REJECT_TYPES)),
            now,
            token,
            now + LEASE,
        )

    def start_attempt(
        self,
        order_id: str,
        revision: int,
        body: bytes = b"again",
        now: datetime = NOW,
        lease_until: datetime | None = None,
    ) -> bool:
        return bool(
            self.value(
                "SELECT ledger.start_attempt(%s, %s::integer, %s, %s, %s)",
                order_id,
                revision,
                body,
                now,
                lease_until or now + LEASE,
            )
        )

    def settle(
        self, *items: Settlement, now: datetime = NOW, token: uuid.UUID = MINE, lease_until: datetime | None = None
    ) -> list[bool]:
        lines = [
            (number, line.account, line.coin, line.amount, line.purpose)
            for number, item in enumerate(items, start=1)
            for line in item.lines
        ]
        casts = f"{_casts(_SETTLE_TYPES)}, {_casts(_LINE_TYPES)}"
        rows = self._rows(
            f"SELECT settled FROM ledger.settle({casts}, %s, %s, %s) ORDER BY item",
            *_columns(items, len(_SETTLE_TYPES)),
            *_transposed(lines, len(_LINE_TYPES)),
            now,
            token,
            lease_until or now + LEASE,
        )
        return [settled for (settled,) in rows]

    def claim(
        self,
        *providers: str,
        types: tuple[str, ...] = ("transfer",),
        now: datetime = NOW,
        lease_until: datetime | None = None,
        most: int = 100,
    ) -> set[str]:
        rows = self._rows(
            "SELECT ledger.claim(%s::text[], %s::text[], %s, %s, %s)",
            list(providers or ("ccpayment",)),
            list(types),
            now,
            lease_until or now + LEASE,
            most,
        )
        claimed = [order_id for (order_id,) in rows]
        assert len(set(claimed)) == len(claimed)
        return set(claimed)

    def read(self, *order_ids: str) -> list[dict[str, Any]]:
        return self._dicts("SELECT * FROM ledger.read_orders(%s::text[])", list(order_ids))

    def announce(self, event_id: uuid.UUID, now: datetime = NOW, body: str = "{}") -> None:
        self.value(
            "SELECT ledger.announce(%s, %s, %s, %s, %s, %s)", event_id, "unknown.rejected", body, "c", None, now
        )

    def replay(self, event_id: uuid.UUID, now: datetime = NOW) -> None:
        self.value("SELECT ledger.replay(%s, %s)", event_id, now)

    def take_outbox(
        self,
        now: datetime = NOW,
        token: uuid.UUID = MINE,
        lease_until: datetime | None = None,
        most: int = 100,
    ) -> set[uuid.UUID]:
        rows = self._rows(
            "SELECT event_id FROM ledger.take_outbox(%s, %s, %s, %s)", now, token, lease_until or now + LEASE, most
        )
        return {event_id for (event_id,) in rows}

    def mark_outbox(self, *event_ids: uuid.UUID, token: uuid.UUID = MINE, now: datetime = NOW) -> int:
        return int(self.value("SELECT ledger.mark_outbox(%s::uuid[], %s, %s)", list(event_ids), token, now))

    def postpone_outbox(self, *event_ids: uuid.UUID, token: uuid.UUID = MINE, now: datetime = NOW) -> None:
        self.value("SELECT ledger.postpone_outbox(%s::uuid[], %s, %s)", list(event_ids), token, now)

    def adjust(
        self,
        order_id: str,
        amount: Decimal,
        account: str = "user:alice1",
        coin: str = "1280",
        provider: str = "ccpayment",
        fingerprint: bytes = b"content",
    ) -> str:
        return str(
            self.value(
                "SELECT ledger.adjust(%s, %s, %s, %s, %s, %s, %s, %s)",
                order_id,
                fingerprint,
                account,
                provider,
                coin,
                amount,
                "a reason",
                NOW,
            )
        )

    def fund(
        self, amount: str, account: str = "user:alice1", coin: str = "1280", provider: str = "ccpayment"
    ) -> None:
        """An opening balance."""
        order_id = f"fund-{uuid.uuid4().hex}"
        assert self.adjust(order_id, Decimal(amount), account, coin, provider) == "adjusted"

    def contradict(self, order_id: str, detail: str) -> None:
        self.value("SELECT ledger.contradict(%s, %s, %s)", order_id, detail, NOW)

    def balance(
        self, account: str = "user:alice1", coin: str = "1280", provider: str = "ccpayment"
    ) -> tuple[Any, Any, Any] | None:
        """Posted, held, available; None when there is no such account."""
        rows = self._rows(
            "SELECT posted, held, available FROM ledger.account_balance"
            " WHERE account = %s AND coin = %s AND provider = %s",
            account,
            coin,
            provider,
        )
        return rows[0] if rows else None

    def held(self, account: str = "user:alice1") -> Decimal:
        balance = self.balance(account)
        assert balance is not None
        held: Decimal = balance[1]
        return held

    def order(self, order_id: str) -> dict[str, Any] | None:
        """The whole row."""
        rows = self._dicts("SELECT * FROM ledger.orders WHERE order_id = %s", order_id)
        return rows[0] if rows else None

    def state(self, order_id: str) -> str | None:
        row = self.order(order_id)
        return None if row is None else str(row["state"])

    def lines(self, order_id: str) -> list[tuple[str, Any, str, Any]]:
        """Account, amount, purpose and the balance after it, in the journal's order."""
        return self._rows(
            "SELECT account, amount, purpose, balance_after FROM ledger.entry_line WHERE order_id = %s ORDER BY line",
            order_id,
        )

    def outbox(self, order_id: str) -> list[tuple[int, bool, str]]:
        """Sequence, whether terminal, and routing key of the order's events."""
        return self._rows(
            "SELECT sequence, terminal, routing_key FROM ledger.outbox WHERE order_id = %s ORDER BY sequence",
            order_id,
        )

    def violations(self) -> set[str]:
        """The invariants that are broken."""
        return {invariant for (invariant,) in self._rows("SELECT invariant FROM ledger.violation")}

    def value(self, statement: str, *arguments: object) -> Any:
        """The first column of the first row."""
        rows = self._rows(statement, *arguments)
        return rows[0][0] if rows else None

    def count(self, table: str) -> int:
        return int(self.value(f"SELECT count(*) FROM ledger.{table}"))

    def _rows(self, statement: str, *arguments: object) -> list[Any]:
        with self.connection.transaction():
            return self.connection.execute(statement.encode(), arguments).fetchall()

    def _dicts(self, statement: str, *arguments: object) -> list[dict[str, Any]]:
        with self.connection.transaction(), self.connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            return cursor.execute(statement.encode(), arguments).fetchall()


def _casts(types: Sequence[str]) -> str:
    return ", ".join(f"%s::{type_}" for type_ in types)


def _columns(items: Sequence[Any], width: int) -> list[list[Any]]:
    # Not astuple: it would take the lines of a settlement apart.
    rows = [tuple(getattr(item, field.name) for field in fields(item)[:width]) for item in items]
    return _transposed(rows, width)


def _transposed(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [[row[column] for row in rows] for column in range(width)]
