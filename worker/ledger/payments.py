"""Payments without an order id at the provider: whose a withdrawal is, and which was refused."""

from collections.abc import Sequence
from dataclasses import dataclass

from worker.ledger.orders import Orders
from worker.ledger.session import Session
from worker.order import Order, State


class UnreadableOrder(Exception):
    """An order's command is of a newer version than this; other workers can read it."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What is known of a withdrawal: whose it is (None: nobody's), and whether it was refused."""

    order_id: str | None
    state: State | None
    refused: bool


class Payments:
    """What ties withdrawals to orders."""

    def __init__(self, session: Session, orders: Orders) -> None:
        self._session = session
        self._orders = orders

    async def bound(self, provider: str, provider_refs: Sequence[str]) -> set[str]:
        """Those of the provider's ids that belong to orders without order ids there."""
        rows = await self._session.fetch("SELECT ledger.bound($1,$2)", provider, list(provider_refs))
        return {row[0] for row in rows}

    async def confirmation(self, provider: str, provider_ref: str) -> Confirmation:
        """What is known of a withdrawal that the provider asks to confirm."""
        rows = await self._session.fetch("SELECT * FROM ledger.confirmation($1,$2)", provider, provider_ref)
        return Confirmation(rows[0]["order_id"], rows[0]["state"], rows[0]["refused"])

    async def payment_in_doubt(self, provider: str, payee: str) -> Order | None:
        """The one payment without an order id that may have led to a withdrawal of this payee."""
        rows = await self._session.fetch("SELECT ledger.payment_in_doubt($1,$2)", provider, payee)
        if not rows or not rows[0][0]:
            return None
        orders = await self._orders.read_orders([rows[0][0]])
        if not orders:
            raise UnreadableOrder(rows[0][0])
        return orders[0]

    async def refuse_confirmation(self, provider: str, provider_ref: str, payee: str, reason: str) -> bool:
        """Refuse a withdrawal for ever. False: it has meanwhile become an order's."""
        rows = await self._session.fetch_at(
            "SELECT ledger.refuse_confirmation($1,$2,$3,$4,$5)",
            lambda now: (provider, provider_ref, payee, reason, now),
        )
        return bool(rows[0][0])
