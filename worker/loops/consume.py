"""Consume: take commands from a provider's queue, as many at once as there are slots."""

from worker.errors import BadSettings, SchemaMissing
from worker.flow import execute
from worker.loops.slots import PAUSE_SECONDS, Slots
from worker.message import Delivery
from worker.world import World


class Consume:
    """Hands each delivery to the flow."""

    def __init__(self, world: World, slots: Slots) -> None:
        self._world = world
        self._slots = slots

    async def handle(self, delivery: Delivery) -> None:
        """Wait for a slot and start. A delivery that is left alone goes back when its channel closes."""
        if await self._slots.take():
            self._slots.start(self._execute(delivery))

    async def _execute(self, delivery: Delivery) -> None:
        try:
            await execute(delivery, self._world)
        except (SchemaMissing, BadSettings):
            raise  # nothing is wrong with the message: it stays unacked, uncounted, and goes to another worker
        except Exception:
            # Before the ack the broker must hear of it: it counts, and after enough tries dead-letters. Not at once:
            # what passes in a moment must not use up all the tries.
            await self._world.clock.sleep(PAUSE_SECONDS)
            await delivery.requeue()
            raise
