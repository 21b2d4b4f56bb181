"""Events, written with the facts and published afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from schemas.event import Event
from worker.ledger.session import Session


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as the outbox holds it."""

    event_id: UUID
    routing_key: str
    body: str
    correlation_id: str | None
    traceparent: str | None
    app_id: str | None = None


def stored(event: Event, traceparent: str | None, app_id: str | None) -> Stored:
    """The outbox row of an event, for whoever publishes it without reading it first."""
    return Stored(event.event_id, event.routing_key, event.body, event.correlation_id, traceparent, app_id)


class Outbox:
    """What is still to be published, or to be published again."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def announce(self, event: Event, traceparent: str | None, app_id: str | None) -> None:
        """Put an event about a message that never became an order into the outbox; again if it was there."""
        await self._session.fetch_at(
            "SELECT ledger.announce($1,$2,$3,$4,$5,$6,$7)",
            lambda now: (
                event.event_id,
                event.routing_key,
                event.body,
                event.correlation_id,
                traceparent,
                app_id,
                now,
            ),
        )

    async def replay(self, event_id: UUID) -> None:
        """Have a stored event published again."""
        await self._session.fetch_at("SELECT ledger.replay($1,$2)", lambda now: (event_id, now))

    async def take_outbox(self, most: int) -> list[Stored]:
        """Unpublished events that nobody is publishing."""
        rows = await self._session.fetch_at(
            "SELECT * FROM ledger.take_outbox($1,$2,$3,$4)",
            lambda now: (now, self._session.token, now + self._session.lease, most),
        )
        return [Stored(**row) for row in rows]

    async def mark_outbox(self, event_ids: Sequence[UUID]) -> None:
        """Remember that the broker has confirmed these events."""
        await self._session.fetch_at(
            "SELECT ledger.mark_outbox($1,$2,$3)", lambda now: (list(event_ids), self._session.token, now)
        )

    async def postpone_outbox(self, event_ids: Sequence[UUID]) -> None:
        """Park events that no queue takes, until one of their kind is taken."""
        await self._session.fetch_at(
            "SELECT ledger.postpone_outbox($1,$2,$3)", lambda now: (list(event_ids), self._session.token, now)
        )

    async def unbound_events(self) -> dict[str, int]:
        """How many events wait for a queue to be bound, by routing key; more than 10,000 are not counted."""
        rows = await self._session.fetch("SELECT routing_key, events FROM ledger.unbound_event")
        return {row["routing_key"]: row["events"] for row in rows}
