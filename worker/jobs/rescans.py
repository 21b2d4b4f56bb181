"""The rescan job: every open rescan whose time has come."""

from collections import Counter

from worker.providers.protocol import DepositSource
from worker.steps.rescan import rescan
from worker.world import World

# Of one claim; each is a call or two of the provider.
RESCANS_MAX = 50


async def run_rescans(source: DepositSource, world: World) -> str:
    """One run; what it did, in words."""
    counts: Counter[str] = Counter()
    while orders := await world.ledger.claim([source.name], ["rescan"], RESCANS_MAX):
        for order in orders:
            counts[await rescan(order, source, world)] += 1
        if len(orders) < RESCANS_MAX:
            break
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items())) or "nothing due"
