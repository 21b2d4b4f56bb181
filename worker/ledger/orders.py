"""Orders: read, taken on, tried again, and put right by hand."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

import asyncpg
import structlog

from schemas.event import Event
from schemas.registry import COMMANDS
from worker.ledger.session import Session
from worker.order import Order
from worker.providers.protocol import Prepared

log = structlog.get_logger()


class Orders:
    """The orders, one by one."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def claim(self, providers: Sequence[str], types: Sequence[str], most: int) -> list[Order]:
        """Orders whose lease ran out or whose time has come, with a lease for us."""
        rows = await self._session.fetch_at(
            "SELECT ledger.claim($1,$2,$3,$4,$5)",
            lambda now: (list(providers), list(types), now, now + self._session.lease, most),
        )
        return await self.read_orders([row[0] for row in rows]) if rows else []

    async def read_orders(self, order_ids: Sequence[str]) -> list[Order]:
        """Orders as they are now. One whose command this version cannot read is left to another, and told."""
        orders = []
        for row in await self._session.fetch("SELECT * FROM ledger.read_orders($1)", list(order_ids)):
            try:
                orders.append(read_order(row))
            except (KeyError, ValueError):
                log.exception("a stored command cannot be read", order_id=row["order_id"])
        return orders

    async def start_attempt(
        self, order: Order, prepared: Prepared, payee: str | None
    ) -> Literal["started", "stale", "busy"]:
        """Write down the next attempt, and whom it goes to, before it is sent. Only `started` may be sent."""
        rows = await self._session.fetch_at(
            "SELECT ledger.start_attempt($1,$2,$3,$4,$5,$6,$7,$8)",
            lambda now: (
                order.order_id,
                order.revision,
                prepared.body,
                prepared.signed_at,
                prepared.signature,
                now,
                now + self._session.lease,
                payee,
            ),
        )
        verdict: Literal["started", "stale", "busy"] = rows[0][0]
        return verdict

    async def hasten(
        self, provider: str, *, order_id: str | None = None, provider_ref: str | None = None, payee: str | None = None
    ) -> int:
        """Have orders of which a provider has told something looked at soon; how many."""
        rows = await self._session.fetch_at(
            "SELECT ledger.hasten($1,$2,$3,$4,$5)", lambda now: (provider, order_id, provider_ref, payee, now)
        )
        return int(rows[0][0])

    async def contradict(self, order: Order, detail: str, event: Event) -> None:
        """Remember evidence against how an order ended, and tell of it, once."""
        await self._session.fetch_at(
            "SELECT ledger.contradict($1,$2,$3,$4,$5,$6,$7,$8,$9)",
            lambda now: (
                order.order_id,
                detail,
                event.event_id,
                event.sequence,
                event.routing_key,
                event.body,
                event.correlation_id,
                order.traceparent,
                now,
            ),
        )

    async def close_violations(self, subject: str, closed_by: str, reason: str) -> list[str]:
        """What a provider says against an order or deposit, and a person has understood; what was closed by that."""
        rows = await self._session.fetch_at(
            "SELECT ledger.close_violations($1,$2,$3,$4)", lambda now: (subject, closed_by, reason, now)
        )
        return [row[0] for row in rows]

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
        rows = await self._session.fetch_at(
            "SELECT ledger.adjust($1,$2,$3,$4,$5,$6,$7,$8)",
            lambda now: (order_id, fingerprint, account, provider, coin, amount, reason, now),
        )
        return str(rows[0][0])


def read_order(row: asyncpg.Record) -> Order:
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
        app_id=row["app_id"],
        created_at=row["created_at"],
        payee=row["payee"],
    )
