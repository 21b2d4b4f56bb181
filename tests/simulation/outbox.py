"""The outbox in memory: events, and who is publishing them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from schemas.event import Event
from tests.simulation.books import Violated
from tests.simulation.rows import OrderRow, OutboxRow
from worker.ledger import Stored, stored

# As good as for ever: 'infinity' in PostgreSQL.
PARKED = datetime.max.replace(tzinfo=UTC)


@dataclass
class Unbound:
    """A kind of events that no queue takes."""

    since: datetime
    due_at: datetime
    is_bound: bool = False


class Outbox:
    """Every event that was ever written. Times and tokens are arguments, as they are in SQL."""

    def __init__(self) -> None:
        self.outbox: dict[UUID, OutboxRow] = {}
        self.unbound: dict[str, Unbound] = {}

    def announce(self, event: Event, traceparent: str | None, app_id: str | None, now: datetime) -> None:
        """An event about a message that never became an order; again if it was there."""
        row = self.outbox.get(event.event_id)
        if row is None:
            kept = stored(event, traceparent, app_id)
            self.outbox[event.event_id] = OutboxRow(kept, None, 0, False, now, None, now)
        else:
            row.published_at, row.lease_token, row.lease_until = None, None, now

    def replay(self, event_id: UUID, now: datetime) -> None:
        """Publish a stored event again."""
        row = self.outbox.get(event_id)
        if row is not None:
            row.published_at, row.lease_token, row.lease_until = None, None, now

    def take_outbox(self, most: int, now: datetime, token: object, lease_until: datetime) -> list[Stored]:
        """Unpublished events that nobody is publishing, after those that were parked and may be tried again."""
        for routing_key in [key for key, kind in self.unbound.items() if kind.due_at <= now]:
            self._release(routing_key, most, now)
        rows = [row for row in self.outbox.values() if row.published_at is None and row.lease_until <= now]
        rows.sort(key=lambda row: row.lease_until)
        for row in rows[:most]:
            row.lease_token, row.lease_until = token, lease_until
        return [row.event for row in rows[:most]]

    def mark_outbox(self, event_ids: Sequence[UUID], now: datetime, token: object) -> None:
        """The broker has confirmed them."""
        for row in self._leased(event_ids, token):
            row.published_at = now
            kind = self.unbound.get(row.event.routing_key)
            if kind is not None and not kind.is_bound:
                kind.is_bound, kind.due_at = True, now

    def postpone_outbox(self, event_ids: Sequence[UUID], now: datetime, token: object) -> None:
        """Nobody takes them: parked, until somebody does."""
        for row in self._leased(event_ids, token):
            row.lease_until = PARKED
            kind = self.unbound.get(row.event.routing_key)
            if kind is None or kind.is_bound:
                self.unbound[row.event.routing_key] = Unbound(now, now + timedelta(seconds=2))

    def _release(self, routing_key: str, most: int, now: datetime) -> None:
        kind = self.unbound[routing_key]
        parked = [row for row in self.outbox.values() if row.published_at is None and row.lease_until == PARKED]
        parked = [row for row in parked if row.event.routing_key == routing_key]
        parked.sort(key=lambda row: (row.created_at, row.event.event_id))
        for row in parked[: most if kind.is_bound else 1]:
            row.lease_until = now
        if not parked:
            del self.unbound[routing_key]
        elif not kind.is_bound:
            kind.due_at = now + min(max(now - kind.since, timedelta(seconds=2)), timedelta(minutes=1))

    def tell(
        self,
        event: Event,
        row: OrderRow,
        now: datetime,
        token: object,
        lease_until: datetime,
        traceparent: str | None = None,
    ) -> None:
        """Write an event of an order, under a lease. Raises Violated for a second one of its id, or a second end."""
        if event.event_id in self.outbox:
            raise Violated("outbox_pkey")
        if event.terminal and any(o.terminal and o.order_id == row.order_id for o in self.outbox.values()):
            raise Violated("outbox_terminal_once")
        kept = stored(event, traceparent or row.traceparent, row.app_id)
        self.outbox[event.event_id] = OutboxRow(
            kept, row.order_id, event.sequence, event.terminal, now, token, lease_until
        )

    def _leased(self, event_ids: Sequence[UUID], token: object) -> list[OutboxRow]:
        rows = [self.outbox[event_id] for event_id in event_ids if event_id in self.outbox]
        return [row for row in rows if row.lease_token == token]
