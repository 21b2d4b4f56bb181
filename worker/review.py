"""The desk of whoever decides on orders in review: what is known, what the provider says now, and the decision."""

from dataclasses import replace
from typing import Any

from worker.desk import patience
from worker.desk_world import open_desk
from worker.order import Order
from worker.providers.protocol import Candidates, Disputed, Finding
from worker.settings import Settings
from worker.steps.resolve import Resolution, resolve
from worker.steps.submit import look_up_raw
from worker.world import World


async def resolve_order(settings: Settings, order_id: str, resolution: Resolution) -> str:
    """Apply a person's decision; what it led to, in words. Raises BadInput, WorkerError."""
    async with open_desk(settings) as world, patience("the database or the provider"):
        return await resolve(order_id, resolution, world)


async def ask_provider(settings: Settings, order_id: str) -> list[dict[str, Any]]:
    """What the provider says of an order now, in rows; nothing is changed. Raises WorkerError."""
    async with open_desk(settings) as world, patience("the database or the provider"):
        read = await world.ledger.read_orders([order_id])
        if not read or read[0].attempts == 0:
            return []
        order = read[0]
        if order.is_sent_once and order.provider_ref is None and not order.doubtful:
            return []  # every attempt was definitely refused; what a list shows would be another's
        found = await look_up_raw(order, world)
        rows = await _rows(order, found, world)
        if isinstance(found, Disputed) and found.differing and order.is_sent_once and order.doubtful:
            # The record may be another's: then the order's own is among those that it is not bound to.
            unbound = replace(order, provider_ref=None)
            rows += await _rows(unbound, await look_up_raw(unbound, world), world)
        return rows


async def _rows(order: Order, found: Finding | Candidates, world: World) -> list[dict[str, Any]]:
    if not isinstance(found, Candidates):
        return [{"provider_ref": getattr(found, "provider_ref", None), "says": _says(found), "belongs_to": None}]
    bound = await world.ledger.bound(order.provider, [ref for ref, _ in found.found])
    return [
        {
            "provider_ref": ref,
            "says": _says(outcome),
            "belongs_to": "another order" if ref in bound else "nobody yet",
        }
        for ref, outcome in found.found
    ]


def _says(found: object) -> str:
    message = getattr(found, "message", None)
    apart = f"; apart from that: {_says(found.apart)}" if isinstance(found, Disputed) and found.apart else ""
    return type(found).__name__.lower() + (f": {message}" if message else "") + apart
