"""Commands that come in: admitted, or rejected."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.command import Command
from schemas.event import Event
from worker.ledger.columns import as_columns, as_sparse_columns
from worker.ledger.session import Session
from worker.message import Incoming
from worker.order import Hold
from worker.providers.protocol import Prepared

Verdict = Literal["admitted", "waiting", "rejected", "duplicate", "conflict", "insufficient_funds"]


@dataclass(frozen=True, slots=True)
class Intake:
    """A command to admit: what it holds, and the first attempt as it will be sent."""

    command: Command
    message: Incoming
    fingerprint: bytes
    hold: Hold | None
    prepared: Prepared | None  # None: nothing is sent at once
    payee: str | None  # of a payment without an order id: at most one such is in doubt at a time


@dataclass(frozen=True, slots=True)
class Rejection:
    """A command to reject, and the event that says so."""

    command: Command
    message: Incoming
    fingerprint: bytes
    error_code: str
    event: Event


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of a command; for a duplicate, the sequence of the order's last event (0: none yet)."""

    verdict: Verdict
    events: int


class Intakes:
    """What makes a command an order, batch by batch."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def admit(self, items: Sequence[Intake]) -> list[Admission]:
        """Order, hold and first attempt; the lease is ours until it runs out."""
        columns = as_sparse_columns(_intake_row(item) for item in items)
        rows = await self._session.fetch_at(
            "SELECT verdict, events FROM ledger.admit"
            "($1,$2,$3,$4,$5,$6,$7,$8::text[]::numeric[],$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19) ORDER BY item",
            lambda now: (*columns, now, now + self._session.lease),
        )
        return [Admission(row["verdict"], row["events"] or 0) for row in rows]

    async def reject(self, items: Sequence[Rejection]) -> list[Admission]:
        """A terminal order and its event."""
        columns = as_columns(_rejection_row(item) for item in items)
        rows = await self._session.fetch_at(
            "SELECT verdict, events FROM ledger.reject"
            "($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18) ORDER BY item",
            lambda now: (*columns, now, self._session.token, now + self._session.event_lease),
        )
        return [Admission(row["verdict"], row["events"]) for row in rows]


def _intake_row(item: Intake) -> tuple[object, ...]:
    command, message, hold = item.command, item.message, item.hold
    return (
        command.order_id,
        command.type,
        message.provider,
        item.fingerprint,
        command.content(),
        hold and hold.account,
        hold and hold.coin,
        hold and hold.amount,  # as text: PostgreSQL reads it in a fraction of the time that encoding a Decimal takes
        item.prepared and item.prepared.body,
        item.prepared and item.prepared.signed_at,
        item.prepared and item.prepared.signature,
        item.payee,
        command.expires_at,
        message.message_id,
        message.correlation_id,
        message.app_id,
        message.traceparent,
    )


def _rejection_row(item: Rejection) -> tuple[object, ...]:
    command, message, event = item.command, item.message, item.event
    return (
        command.order_id,
        command.type,
        message.provider,
        item.fingerprint,
        command.content(),
        item.error_code,
        command.expires_at,
        message.message_id,
        message.correlation_id,
        message.app_id,
        message.traceparent,
        event.event_id,
        event.routing_key,
        event.body,
        event.correlation_id,
    )
