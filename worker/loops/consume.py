"""Consume: take commands from a provider's queue, as many at once as there are slots, while the provider is there."""

from worker.errors import BadSettings, SchemaMissing
from worker.flow import execute
from worker.loops.slots import PAUSE_SECONDS, Slots
from worker.message import Delivery
from worker.providers.line import Line
from worker.world import FREE, World


class Consume:
    """Hands each delivery to the flow."""

    def __init__(self, world: World, slots: Slots, line: Line = FREE) -> None:
        self._world = world
        self._slots = slots
        self._line = line

    async def handle(self, delivery: Delivery) -> None:
        """Wait for a slot and start. A delivery that is left alone goes back when its channel closes.

        While the provider is down it is not even admitted: nothing is held for it, signed, or written down.
        """
        while await self._slots.take():
            if await self._may_begin():
                self._slots.start(self._execute(delivery))
                return
            self._slots.give_back()
            if self._slots.closing:
                return
            await self._line.until_up()

    async def _may_begin(self) -> bool:
        """Wait for the turn, before anything is signed; whether it may still begin then."""
        has_begun = False
        try:
            await self._line.turn()
            has_begun = True
        finally:
            if not has_begun:  # cancelled with its channel
                self._slots.give_back()
        return not (self._line.is_down or self._slots.closing)

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
