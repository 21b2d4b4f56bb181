"""The SQL functions as Python calls, with what a test does not care about filled in."""

import uuid
from collections.abc import Sequence
from dataclasses import astuple, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.sql.books import Books
from tests.sql.items import LEASE, MINE, NOW, Coin, Event, Intake, Rejection, Settlement, event_of

# The types of the parameters: which of them is which only the functions know.
_ADMIT_TYPES = [
    *("text[]", "text[]", "text[]", "bytea[]", "text[]::jsonb[]"),
    *("text[]", "text[]", "numeric[]", "bytea[]", "timestamptz[]"),
    *("text[]", "text[]", "timestamptz[]", "text[]", "text[]"),
    *("text[]", "text[]"),
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
]
_EVENT_TYPES = ["integer[]", "uuid[]", "integer[]", "boolean[]", "text[]", "text[]", "text[]"]
_LINE_TYPES = ["integer[]", "text[]", "text[]", "numeric[]", "text[]"]
_COIN_TYPES = ["text[]", "text[]", "integer[]", "boolean[]", "numeric[]", "numeric[]"]


class Calls(Books):
    """The functions, on one connection. Each call is a transaction, or a savepoint within the caller's."""

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
        signed_at: datetime | None = None,
        signature: str | None = None,
        payee: str | None = None,
    ) -> str:
        """The verdict. Signed at the moment of the call when nothing else is said."""
        return str(
            self.value(
                "SELECT ledger.start_attempt(%s, %s::integer, %s, %s, %s, %s, %s, %s)",
                order_id,
                revision,
                body,
                signed_at or now,
                signature or f"signature {order_id}/{revision}",
                now,
                lease_until or now + LEASE,
                payee,
            )
        )

    def settle(
        self, *items: Settlement, now: datetime = NOW, token: uuid.UUID = MINE, lease_until: datetime | None = None
    ) -> list[str]:
        """The verdict per item."""
        events = [(number, *astuple(event)) for number, item in enumerate(items, start=1) for event in item.events]
        lines = [
            (number, line.account, line.coin, line.amount, line.purpose)
            for number, item in enumerate(items, start=1)
            for line in item.lines
        ]
        casts = _casts([*_SETTLE_TYPES, *_EVENT_TYPES, *_LINE_TYPES])
        rows = self._rows(
            f"SELECT verdict FROM ledger.settle({casts}, %s, %s, %s) ORDER BY item",
            *_columns(items, len(_SETTLE_TYPES)),
            *_transposed(events, len(_EVENT_TYPES)),
            *_transposed(lines, len(_LINE_TYPES)),
            now,
            token,
            lease_until or now + LEASE,
        )
        return [verdict for (verdict,) in rows]

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

    def bound(self, provider: str, *provider_refs: str) -> set[str]:
        rows = self._rows("SELECT ledger.bound(%s, %s::text[])", provider, list(provider_refs))
        return {provider_ref for (provider_ref,) in rows}

    def read(self, *order_ids: str) -> list[dict[str, Any]]:
        return self.dicts("SELECT * FROM ledger.read_orders(%s::text[])", list(order_ids))

    def announce(self, event_id: uuid.UUID, now: datetime = NOW, body: str = "{}") -> None:
        self.value(
            "SELECT ledger.announce(%s, %s, %s, %s, %s, %s, %s)",
            *(event_id, "unknown.rejected", body, "c", None, "shop", now),
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

    def contradict(self, order_id: str, detail: str, event: Event | None = None) -> bool:
        told = event or Event(event_of(f"{order_id}/{detail}"), 2, routing_key="order.contradicted")
        return bool(
            self.value(
                "SELECT ledger.contradict(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                order_id,
                detail,
                told.event_id,
                told.sequence,
                told.routing_key,
                told.body,
                told.correlation_id,
                "trace",
                NOW,
            )
        )

    def confirmation(self, provider_ref: str, provider: str = "ccpayment") -> tuple[str | None, str | None, bool]:
        """Whose the withdrawal is, how far that order is, and whether it was refused before."""
        [(order_id, state, refused)] = self._rows(
            "SELECT order_id, state, refused FROM ledger.confirmation(%s, %s)", provider, provider_ref
        )
        return order_id, state, refused

    def payment_in_doubt(self, payee: str, provider: str = "ccpayment") -> str | None:
        order_id: str | None = self.value("SELECT ledger.payment_in_doubt(%s, %s)", provider, payee)
        return order_id

    def refuse_confirmation(self, provider_ref: str, payee: str, provider: str = "ccpayment") -> bool:
        return bool(
            self.value(
                "SELECT ledger.refuse_confirmation(%s, %s, %s, %s, %s)",
                provider,
                provider_ref,
                payee,
                "a reason",
                NOW,
            )
        )

    def hasten(
        self,
        *,
        order_id: str | None = None,
        provider_ref: str | None = None,
        payee: str | None = None,
        provider: str = "ccpayment",
        now: datetime = NOW,
    ) -> int:
        """How many orders are looked at now instead of later."""
        return int(
            self.value("SELECT ledger.hasten(%s, %s, %s, %s, %s)", provider, order_id, provider_ref, payee, now)
        )

    def remember_webhook(self, digest: bytes, provider: str = "ccpayment") -> bool:
        return bool(
            self.value("SELECT ledger.remember_webhook(%s, %s, %s, %s, %s)", provider, digest, "deposit", "rec", NOW)
        )

    def store_coins(self, provider: str, *coins: Coin, now: datetime = NOW) -> None:
        self.value(
            f"SELECT ledger.store_coins(%s, {_casts(_COIN_TYPES)}, %s)",
            provider,
            *_columns(coins, len(_COIN_TYPES)),
            now,
        )

    def take_job(self, name: str = "job", now: datetime = NOW, lease_until: datetime | None = None) -> int | None:
        """The number of the run; None when it is not the caller's."""
        number: int | None = self.value("SELECT ledger.take_job(%s, %s, %s)", name, now, lease_until or now + LEASE)
        return number

    def end_job(self, run: int, now: datetime, next_at: datetime, result: str = "done", name: str = "job") -> None:
        self.value("SELECT ledger.end_job(%s, %s, %s, %s, %s)", name, run, now, next_at, result)


def _casts(types: Sequence[str]) -> str:
    return ", ".join(f"%s::{type_}" for type_ in types)


def _columns(items: Sequence[Any], width: int) -> list[list[Any]]:
    # Not astuple: it would take the lines of a settlement apart.
    rows = [tuple(getattr(item, field.name) for field in fields(item)[:width]) for item in items]
    return _transposed(rows, width)


def _transposed(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [[row[column] for row in rows] for column in range(width)]
