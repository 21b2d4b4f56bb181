"""The ledger port, the only user of asyncpg: one short method per SQL function.

Every method waits for a database that is away and goes on when it is back: each function may safely run twice.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID, uuid4

import asyncpg
import structlog

from schemas.command import Command
from schemas.event import Event
from schemas.registry import COMMANDS
from worker.clock import Clock
from worker.database import Database
from worker.group_commit import GroupCommit
from worker.message import Incoming
from worker.order import Decision, Hold, Order

log = structlog.get_logger()

Verdict = Literal["admitted", "rejected", "duplicate", "conflict", "insufficient_funds"]


@dataclass(frozen=True, slots=True)
class Intake:
    """A command to admit: what it holds, and the first attempt as it will be sent."""

    command: Command
    message: Incoming
    fingerprint: bytes
    hold: Hold | None
    body: bytes


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


@dataclass(frozen=True, slots=True)
class Settlement:
    """A decision to apply to one revision of an order."""

    order: Order
    decision: Decision


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as the outbox holds it."""

    event_id: UUID
    routing_key: str
    body: str
    correlation_id: str | None
    traceparent: str | None


def stored(event: Event, traceparent: str | None) -> Stored:
    """The outbox row of an event, for whoever publishes it without reading it first."""
    return Stored(event.event_id, event.routing_key, event.body, event.correlation_id, traceparent)


class Ledger:
    """The database as the flow sees it."""

    def __init__(self, database: Database, clock: Clock, lease_seconds: float) -> None:
        self._database = database
        self._clock = clock
        # How long an order is left to the worker that took it, and an event to the one that wrote it.
        self._lease = timedelta(seconds=lease_seconds)
        self._event_lease = self._lease
        self._token = uuid4()  # this process's name on the outbox rows it publishes
        self.admit = GroupCommit(self._admit)
        self.reject = GroupCommit(self._reject)
        self.settle = GroupCommit(self._settle)

    def leave_events(self) -> None:
        """This process has no relay: what it writes is for others to publish, at once and not after a lease."""
        self._event_lease = timedelta(0)

    async def _fetch_at(self, query: str, arguments: Callable[[datetime], Sequence[object]]) -> list[Any]:
        """The rows of a function that is told the time at which it really runs."""
        return await self._database.fetch_anew(query, lambda: arguments(self._clock.now()))

    async def _admit(self, items: Sequence[Intake]) -> list[Admission]:
        """Order, hold and first attempt; the lease is ours until it runs out."""
        columns = _columns(_intake_row(item) for item in items)
        rows = await self._fetch_at(
            "SELECT verdict, events FROM ledger.admit"
            "($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16) ORDER BY item",
            lambda now: (*columns, now, now + self._lease),
        )
        return [Admission(row["verdict"], row["events"] or 0) for row in rows]

    async def _reject(self, items: Sequence[Rejection]) -> list[Admission]:
        """A terminal order and its event."""
        columns = _columns(_rejection_row(item) for item in items)
        rows = await self._fetch_at(
            "SELECT verdict, events FROM ledger.reject"
            "($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18) ORDER BY item",
            lambda now: (*columns, now, self._token, now + self._event_lease),
        )
        return [Admission(row["verdict"], row["events"]) for row in rows]

    async def _settle(self, items: Sequence[Settlement]) -> list[bool]:
        """Apply decisions; False where the order had moved on."""
        columns = _columns(_settlement_row(item) for item in items) + _line_columns(items)
        rows = await self._fetch_at(
            "SELECT settled FROM ledger.settle"
            "($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24,"
            "$25,$26,$27) ORDER BY item",
            lambda now: (*columns, now, self._token, now + self._event_lease),
        )
        return [row["settled"] for row in rows]

    async def start_attempt(self, order: Order, body: bytes) -> bool:
        """Write down the next attempt before it is sent. False: somebody else went on with the order."""
        rows = await self._fetch_at(
            "SELECT ledger.start_attempt($1,$2,$3,$4,$5)",
            lambda now: (order.order_id, order.revision, body, now, now + self._lease),
        )
        return bool(rows[0][0])

    async def claim(self, providers: Sequence[str], most: int) -> list[Order]:
        """Orders whose lease ran out or whose time has come, with a lease for us. Only types that we know."""
        rows = await self._fetch_at(
            "SELECT ledger.claim($1,$2,$3,$4,$5)",
            lambda now: (list(providers), list(COMMANDS), now, now + self._lease, most),
        )
        return await self.read_orders([row[0] for row in rows]) if rows else []

    async def read_orders(self, order_ids: Sequence[str]) -> list[Order]:
        """Orders as they are now. One whose command this version cannot read is left to another, and told."""
        orders = []
        for row in await self._database.fetch("SELECT * FROM ledger.read_orders($1)", list(order_ids)):
            try:
                orders.append(_order(row))
            except (KeyError, ValueError):
                log.exception("a stored command cannot be read", order_id=row["order_id"])
        return orders

    async def announce(self, event: Event, traceparent: str | None) -> None:
        """Put an event about a message that never became an order into the outbox; again if it was there."""
        await self._fetch_at(
            "SELECT ledger.announce($1,$2,$3,$4,$5,$6)",
            lambda now: (event.event_id, event.routing_key, event.body, event.correlation_id, traceparent, now),
        )

    async def replay(self, event_id: UUID) -> None:
        """Have a stored event published again."""
        await self._fetch_at("SELECT ledger.replay($1,$2)", lambda now: (event_id, now))

    async def take_outbox(self, most: int) -> list[Stored]:
        """Unpublished events that nobody is publishing."""
        rows = await self._fetch_at(
            "SELECT * FROM ledger.take_outbox($1,$2,$3,$4)",
            lambda now: (now, self._token, now + self._lease, most),
        )
        return [Stored(**row) for row in rows]

    async def mark_outbox(self, event_ids: Sequence[UUID]) -> None:
        """Remember that the broker has confirmed these events."""
        await self._fetch_at("SELECT ledger.mark_outbox($1,$2,$3)", lambda now: (list(event_ids), self._token, now))

    async def postpone_outbox(self, event_ids: Sequence[UUID]) -> None:
        """Offer events that nobody takes again later, after as long as they have waited already."""
        await self._fetch_at(
            "SELECT ledger.postpone_outbox($1,$2,$3)", lambda now: (list(event_ids), self._token, now)
        )

    async def contradict(self, order_id: str, detail: str) -> None:
        """Remember evidence against how an order ended."""
        await self._fetch_at("SELECT ledger.contradict($1,$2,$3)", lambda now: (order_id, detail, now))

    async def adjust(
        self,
        *,
        order_id: str,
        fingerprint: bytes,
        account: str,
        provider: str,
        coin: str,
        amount: Decimal,
        reason: str,
    ) -> str:
        """A manual journal against custody: adjusted | duplicate | conflict | insufficient_funds."""
        rows = await self._fetch_at(
            "SELECT ledger.adjust($1,$2,$3,$4,$5,$6,$7,$8)",
            lambda now: (order_id, fingerprint, account, provider, coin, amount, reason, now),
        )
        return str(rows[0][0])


def _intake_row(item: Intake) -> tuple[object, ...]:
    command, message, hold = item.command, item.message, item.hold
    return (
        command.order_id,
        command.type,
        message.provider,
        item.fingerprint,
        json.dumps(command.content()),
        hold and hold.account,
        hold and hold.coin,
        hold and Decimal(hold.amount),
        item.body,
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
        json.dumps(command.content()),
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


def _settlement_row(item: Settlement) -> tuple[object, ...]:
    order, decision, event = item.order, item.decision, item.decision.event
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
        event and event.event_id,
        event and event.routing_key,
        event and event.body,
        event and event.correlation_id,
    )


def _line_columns(items: Sequence[Settlement]) -> list[list[Any]]:
    lines = [
        (number, line.account, line.coin, line.amount, line.purpose)
        for number, item in enumerate(items, start=1)
        for line in item.decision.lines
    ]
    return _columns(lines) if lines else [[], [], [], [], []]


def _columns(rows: Any) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _order(row: asyncpg.Record) -> Order:
    return Order(
        command=COMMANDS[row["type"]].model_validate(json.loads(row["command"])),
        provider=row["provider"],
        state=row["state"],
        revision=row["revision"],
        attempts=row["attempts"],
        doubtful=tuple(row["doubtful"]),
        polls=row["polls"],
        due_at=row["due_at"],
        doubt_since=row["doubt_since"],
        absent_at=row["absent_at"],
        attempted_at=row["attempted_at"],
        provider_ref=row["provider_ref"],
        error_code=row["error_code"],
        events=row["events"],
        correlation_id=row["correlation_id"],
        traceparent=row["traceparent"],
    )
