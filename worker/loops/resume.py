"""Resume: go on with orders whose lease ran out or whose time has come."""

import structlog

from worker.commands.registry import RULES, SCHEDULED
from worker.flow import go_on
from worker.loops.slots import Slots
from worker.world import World

log = structlog.get_logger()

# A scheduled job goes on with the others. Only types that this version knows.
RESUMED = [name for name in RULES if name not in SCHEDULED]
# One claim; the next comes at once when this many were due.
CLAIM_ORDERS_MAX = 64
# How often to look. Orders are due at the earliest after LEDGER_POLL_SECONDS.
LOOK_SECONDS = 0.5


class Resume:
    """Claims due orders of some providers (of all when none are named) and goes on with each."""

    def __init__(self, world: World, slots: Slots, *providers: str) -> None:
        self._world = world
        self._slots = slots
        self._providers = list(providers or world.providers)

    async def run(self) -> None:
        """Look until cancelled."""
        while not self._slots.closing:
            if await self.run_once() < CLAIM_ORDERS_MAX:
                await self._world.clock.sleep(LOOK_SECONDS)

    async def run_once(self) -> int:
        """Claim what is due and start it; how many that were. Each waits for a slot under its lease."""
        orders = await self._world.ledger.claim(self._providers, RESUMED, CLAIM_ORDERS_MAX)
        for order in orders:
            if not await self._slots.take():
                break
            self._slots.start(go_on(order, self._world))
        return len(orders)
