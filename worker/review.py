"""The desk of whoever decides on orders in review: what is known, what the provider says now, and the decision."""

from typing import Any

from worker.desk import patience
from worker.desk_world import open_desk
from worker.providers.protocol import Candidates
from worker.settings import Settings
from worker.steps.resolve import Resolution, resolve
from worker.steps.submit import look_up_raw


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
    return type(found).__name__.lower() + (f": {message}" if message else "")
