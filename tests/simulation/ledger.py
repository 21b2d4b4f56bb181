"""The ledger port of one worker on the shared store: the methods of worker.ledger.Ledger that the worker uses."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, Protocol
from uuid import UUID

from schemas.event import Event
from tests.simulation.rows import Commit
from tests.simulation.store import Store
from worker.clock import Clock
from worker.ledger import Admission, Applied, Confirmation, Intake, Rejection, Settlement, Stored
from worker.order import Order
from worker.providers.protocol import Coin, Prepared

# By which road a call comes, where its arguments do not say: the oracle counts what a confirmation has bound.
ROAD: ContextVar[str] = ContextVar("road", default="flow")


class Port(Protocol):
    """What stands between a worker and the store: it may be slow, and the worker may die at it."""

    async def around(self, name: str, call: Callable[[], Any]) -> Any:
        """The result of the call, which is made at one moment."""
        ...


Watch = Callable[[Commit], None]


class StoredLedger:
    """The store as the flow sees it. `watch` hears of every commit at once."""

    def __init__(
        self, store: Store, clock: Clock, lease_seconds: float, token: object, port: Port, watch: Watch | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._lease = timedelta(seconds=lease_seconds)
        self._token = token
        self._port = port
        self._watch = watch

    async def admit(self, item: Intake) -> Admission:
        order_id = item.command.order_id
        return await self._commit("admit", order_id, lambda now: self._store.admit(item, now, now + self._lease))

    async def reject(self, item: Rejection) -> Admission:
        order_id = item.command.order_id
        return await self._commit(
            "reject", order_id, lambda now: self._store.reject(item, now, self._token, now + self._lease)
        )

    async def settle(self, item: Settlement) -> Applied:
        return await self._commit(
            "settle",
            item.order.order_id,
            lambda now: self._store.settle(item, now, self._token, now + self._lease),
            item.decision,
        )

    async def start_attempt(
        self, order: Order, prepared: Prepared, payee: str | None
    ) -> Literal["started", "stale", "busy"]:
        return await self._commit(
            "start_attempt",
            order.order_id,
            lambda now: self._store.start_attempt(order, prepared, payee, now, now + self._lease),
        )

    async def claim(self, providers: Sequence[str], types: Sequence[str], most: int) -> list[Order]:
        claimed = await self._commit(
            "claim", None, lambda now: self._store.claim(providers, types, most, now, now + self._lease)
        )
        return await self.read_orders(claimed) if claimed else []

    async def read_orders(self, order_ids: Sequence[str]) -> list[Order]:
        return await self._port.around("read_orders", lambda: self._store.read_orders(order_ids))

    async def bound(self, provider: str, provider_refs: Sequence[str]) -> set[str]:
        return await self._port.around("bound", lambda: self._store.bound(provider, provider_refs))

    async def confirmation(self, provider: str, provider_ref: str) -> Confirmation:
        return await self._port.around("confirmation", lambda: self._store.confirmation(provider, provider_ref))

    async def payment_in_doubt(self, provider: str, payee: str) -> Order | None:
        row = await self._port.around("payment_in_doubt", lambda: self._store.in_doubt(provider, payee))
        orders = await self.read_orders([row.order_id]) if row else []
        return orders[0] if orders else None

    async def refuse_confirmation(self, provider: str, provider_ref: str, payee: str, reason: str) -> bool:
        return await self._commit(
            "refuse_confirmation",
            None,
            lambda _: self._store.refuse_confirmation(provider, provider_ref, payee, reason),
            provider_ref=provider_ref,
        )

    async def hasten(
        self, provider: str, *, order_id: str | None = None, provider_ref: str | None = None, payee: str | None = None
    ) -> int:
        return await self._commit(
            "hasten", None, lambda now: self._store.hasten(provider, order_id, provider_ref, payee, now)
        )

    async def remember_webhook(self, provider: str, digest: bytes, _kind: str, _record_id: str | None) -> bool:
        return await self._commit("remember_webhook", None, lambda _: self._store.remember_webhook(provider, digest))

    async def announce(self, event: Event, traceparent: str | None, app_id: str | None) -> None:
        await self._commit("announce", None, lambda now: self._store.announce(event, traceparent, app_id, now))

    async def replay(self, event_id: UUID) -> None:
        await self._commit("replay", None, lambda now: self._store.replay(event_id, now))

    async def take_outbox(self, most: int) -> list[Stored]:
        return await self._commit(
            "take_outbox", None, lambda now: self._store.take_outbox(most, now, self._token, now + self._lease)
        )

    async def mark_outbox(self, event_ids: Sequence[UUID]) -> None:
        await self._commit("mark_outbox", None, lambda now: self._store.mark_outbox(event_ids, now, self._token))

    async def postpone_outbox(self, event_ids: Sequence[UUID]) -> None:
        await self._commit(
            "postpone_outbox", None, lambda now: self._store.postpone_outbox(event_ids, now, self._token)
        )

    async def contradict(self, order: Order, detail: str, event: Event) -> None:
        await self._commit(
            "contradict", order.order_id, lambda now: self._store.contradict(order, detail, event, now)
        )

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
        key = (provider, coin, account)
        return await self._commit(
            "adjust", None, lambda now: self._store.adjust(order_id, fingerprint, key, amount, now)
        )

    async def store_coins(self, provider: str, coins: Sequence[Coin]) -> None:
        await self._commit("store_coins", None, lambda now: self._store.store_coins(provider, coins, now))

    async def read_coins(self) -> list[tuple[str, Coin, datetime]]:
        return await self._port.around("read_coins", self._store.read_coins)

    async def _commit(
        self,
        function: str,
        order_id: str | None,
        call: Callable[[datetime], Any],
        decision: Any = None,
        provider_ref: str | None = None,
    ) -> Any:
        """One transaction, at the time at which it really runs."""

        def run() -> Any:
            row = None if order_id is None else self._store.orders.get(order_id)
            before = None if row is None or row.command is None else row.read()
            result = call(self._clock.now())
            if self._watch is not None:
                self._watch(Commit(function, order_id, provider_ref, before, decision, result, ROAD.get()))
            return result

        return await self._port.around(function, run)
