"""Resume: go on with orders whose lease ran out or whose time has come."""

from datetime import timedelta

import structlog

from worker.commands.registry import RULES, SCHEDULED
from worker.flow import go_on
from worker.loops.slots import Slots
from worker.order import Order
from worker.providers.protocol import Deferred
from worker.steps.settle import apply
from worker.world import World

log = structlog.get_logger()

# A scheduled job goes on with the others. Only types that this version knows.
RESUMED = [name for name in RULES if name not in SCHEDULED]
# One claim; the next comes at once when this many were due.
CLAIM_ORDERS_MAX = 64
# How often to look. Orders are due at the earliest after LEDGER_POLL_SECONDS.
LOOK_SECONDS = 0.5
# No more are claimed than can have their turn within this: what waits longer should be left for others to claim.
TURNS_WITHIN = timedelta(seconds=5)


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
        most = self._most()
        orders = await self._world.ledger.claim(self._providers, RESUMED, most) if most else []
        for order in orders:
            if not await self._slots.take():
                break
            self._slots.start(self._go_on(order))
        return len(orders)

    def _most(self) -> int:
        """As many as can be asked about soon. Of a provider that is down, all: nobody waits to ask it."""
        lines = [self._world.line(provider) for provider in self._providers]
        return min(
            CLAIM_ORDERS_MAX if line.is_down else line.turns_within(TURNS_WITHIN, CLAIM_ORDERS_MAX) for line in lines
        )

    async def _go_on(self, order: Order) -> None:
        """As the story says; but nothing is begun with a provider that is down.

        Look-ups are not sent then and count as failed, so that expiry and review come when they are due. An order
        that is not in doubt would be signed and written down, and then not sent.
        """
        if self._world.line(order.provider).is_down and self._waits(order):
            waits = Deferred("provider_unreachable", "the provider is down, and was not asked")
            # To this revision alone, never decided anew: whoever went on with the order meanwhile knows more.
            await apply(order, waits, "record", self._world)
        else:
            await go_on(order, self._world)

    def _waits(self, order: Order) -> bool:
        """Nothing of it is in doubt, and it may still be begun later."""
        return order.state == "held" and not order.doubtful and not order.has_expired(self._world.clock.now())
