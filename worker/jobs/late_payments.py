"""The late payments job: pay orders that ended unpaid, and may be paid all the same."""

import structlog

from worker.errors import BadSettings, SchemaMissing
from worker.jobs.deposits import WATCH_FOR, later
from worker.order import Order
from worker.providers.protocol import Provider
from worker.steps.settle import settle
from worker.steps.submit import look_up_raw
from worker.world import World

log = structlog.get_logger()

WATCHED_MAX = 200


async def take_late_payments(provider: Provider, world: World) -> str:
    """One run; what it did, in words."""
    watched = await world.ledger.take_deposits(provider.name, WATCHED_MAX)
    for one in watched:
        order_id = one.deposit.order_id
        for order in await world.ledger.read_orders([order_id] if order_id else []):
            await _look_safely(order, world)
        now = world.clock.now()
        age = now - one.seen_at
        # After a week only a webhook makes us look again.
        await world.ledger.postpone_deposit(one.deposit, None if age > WATCH_FOR else now + later(age))
    return f"{len(watched)} pay orders looked at"


async def _look_safely(order: Order, world: World) -> None:
    """Settle what the provider says of it. One that cannot be settled must not keep the others from being paid."""
    looked_at = world.clock.now()
    try:
        found = await look_up_raw(order, world)
        await settle(order, found, "record", world, looked_at)  # type: ignore[arg-type]  # a pay order has no candidates
    except (SchemaMissing, BadSettings):
        raise
    except Exception:
        log.exception("pay order cannot be settled", order_id=order.order_id)
