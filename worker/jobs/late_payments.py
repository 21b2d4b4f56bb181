"""The late payments job: pay orders that ended unpaid, and may be paid all the same."""

from datetime import datetime, timedelta

from worker.ledger import Watched
from worker.providers.protocol import Provider
from worker.steps.settle import settle
from worker.steps.submit import look_up_raw
from worker.world import World

WATCHED_MAX = 200
# Looked at after half of the time since the order ended, within these; then no more.
LOOK_MIN = timedelta(seconds=30)
LOOK_MAX = timedelta(hours=1)
WATCH_FOR = timedelta(days=7)


async def take_late_payments(provider: Provider, world: World) -> str:
    """One run; what it did, in words."""
    watched = await world.ledger.take_deposits(provider.name, WATCHED_MAX)
    for one in watched:
        order_id = one.deposit.order_id
        for order in await world.ledger.read_orders([order_id] if order_id else []):
            found = await look_up_raw(order, world)
            await settle(order, found, "record", world)  # type: ignore[arg-type]  # a pay order has no candidates
        await world.ledger.postpone_deposit(one.deposit, _next_look(one, world.clock.now()))
    return f"{len(watched)} pay orders looked at"


def _next_look(one: Watched, now: datetime) -> datetime | None:
    age = now - one.seen_at
    return None if age > WATCH_FOR else now + min(max(age / 2, LOOK_MIN), LOOK_MAX)
