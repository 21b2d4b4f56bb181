"""The rescan job: every open rescan whose time has come."""

from collections import Counter

import structlog

from worker.errors import BadSettings, SchemaMissing
from worker.order import Order
from worker.providers.protocol import DepositSource
from worker.steps.rescan import rescan
from worker.world import World

log = structlog.get_logger()

# Of one claim; each is a call or two of the provider.
RESCANS_MAX = 50


async def run_rescans(source: DepositSource, world: World) -> str:
    """One run; what it did, in words."""
    counts: Counter[str] = Counter()
    while orders := await world.ledger.claim([source.name], ["rescan"], RESCANS_MAX):
        for order in orders:
            counts[await _rescan_safely(order, source, world)] += 1
        if len(orders) < RESCANS_MAX:
            break
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items())) or "nothing due"


async def _rescan_safely(order: Order, source: DepositSource, world: World) -> str:
    """One that fails here is claimed again after its lease; it must not keep the others from their run."""
    try:
        return await rescan(order, source, world)
    except (SchemaMissing, BadSettings):
        raise
    except Exception:
        log.exception("rescan cannot be run", order_id=order.order_id)
        return "failed"
