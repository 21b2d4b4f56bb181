"""Decisions on orders, applied whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from worker.ledger.columns import as_sparse_columns
from worker.ledger.session import Session
from worker.order import Decision, Order


@dataclass(frozen=True, slots=True)
class Settlement:
    """A decision to apply to one revision of an order."""

    order: Order
    decision: Decision


# What became of a decision: applied; the order had moved on; the provider's id belongs to another order.
Applied = Literal["settled", "stale", "taken"]


class Settlements:
    """What applies decisions, batch by batch."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def settle(self, items: Sequence[Settlement]) -> list[Applied]:
        """Apply decisions, each whole or not at all."""
        columns = (
            as_sparse_columns(_settlement_row(item) for item in items) + _event_columns(items) + _line_columns(items)
        )
        rows = await self._session.fetch_at(
            "SELECT verdict FROM ledger.settle"
            "($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24,"
            "$25,$26::text[]::numeric[],$27,$28,$29,$30) ORDER BY item",
            lambda now: (*columns, now, self._session.token, now + self._session.event_lease),
        )
        return [row["verdict"] for row in rows]


def _settlement_row(item: Settlement) -> tuple[object, ...]:
    order, decision = item.order, item.decision
    return (
        order.order_id,
        order.revision,
        decision.state,
        decision.due_at,
        decision.provider_ref,
        decision.error_code,
        "{" + ",".join(map(str, decision.doubtful)) + "}",
        decision.doubt_since,
        decision.absent_at,
        decision.polls,
        decision.evidence.attempt,
        decision.evidence.source,
        decision.evidence.verdict,
        decision.evidence.provider_code,
        decision.evidence.message,
    )


def _event_columns(items: Sequence[Settlement]) -> list[Sequence[Any]]:
    events = [
        (
            number,
            event.event_id,
            event.sequence,
            event.terminal,
            event.routing_key,
            event.body,
            event.correlation_id,
        )
        for number, item in enumerate(items, start=1)
        for event in item.decision.events
    ]
    return as_sparse_columns(events) or [()] * 7


def _line_columns(items: Sequence[Settlement]) -> list[Sequence[Any]]:
    lines = [
        (number, line.account, line.coin, str(line.amount), line.purpose)
        for number, item in enumerate(items, start=1)
        for line in item.decision.lines
    ]
    return as_sparse_columns(lines) or [()] * 5
