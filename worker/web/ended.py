"""A webhook that speaks against how an order has ended: the provider is asked, and what is true is kept and told.

Nobody looks at an order that has ended, and nobody signs these webhooks: only one that says otherwise than the books
is worth a question. The books are never edited.
"""

import asyncio

import structlog

from worker.order import Order
from worker.providers.coinqpay.judge import NOT_PAID, PAID, SUCCESS, UNPAID
from worker.providers.coinqpay.records import PayOrder, Withdrawal
from worker.providers.protocol import Unknown
from worker.steps.settle import settle
from worker.steps.submit import look_up_raw
from worker.world import World

log = structlog.get_logger()

# Anybody can post these, and each may cost a call of the provider.
QUESTIONS_MAX = 8


class Ended:
    """Looks at ended orders of which something else is said."""

    def __init__(self, provider: str, world: World) -> None:
        self._provider = provider
        self._world = world
        self._asking = asyncio.Semaphore(QUESTIONS_MAX)

    async def withdrawal(self, notice: Withdrawal) -> bool:
        """False: the provider could not be asked, and should tell again."""
        if notice.status != SUCCESS and notice.status not in NOT_PAID:
            return True
        known = await self._world.ledger.confirmation(self._provider, notice.id)
        if known.order_id is None or not _contradicts(notice.status == SUCCESS, known.state):
            return True
        return await self._look(known.order_id)

    async def pay_order(self, notice: PayOrder) -> bool:
        """As above. One that failed is watched by a job; one that succeeded has its money in the books."""
        if notice.status not in UNPAID and notice.status not in PAID:
            return True
        read = await self._world.ledger.read_orders([notice.order_id])
        if not read or read[0].command.type != "payOrder":
            return True  # whoever posts this may name any order
        if not _contradicts(notice.status in PAID, read[0].state) or read[0].state != "succeeded":
            return True
        return await self._look(notice.order_id)

    async def _look(self, order_id: str) -> bool:
        if self._asking.locked():
            return False
        async with self._asking:
            for order in await self._world.ledger.read_orders([order_id]):
                if order.is_terminal and not await self._ask(order):
                    return False
        return True

    async def _ask(self, order: Order) -> bool:
        looked_at = self._world.clock.now()
        found = await look_up_raw(order, self._world)
        if isinstance(found, Unknown):
            log.warning("ended order cannot be looked at", order_id=order.order_id, reason=found.message)
            return False
        await settle(order, found, "record", self._world, looked_at)  # type: ignore[arg-type]  # by its id: no candidates
        return True


def _contradicts(is_done: bool, state: str | None) -> bool:
    """Done there and failed here, or the other way round."""
    return (is_done and state == "failed") or (not is_done and state == "succeeded")
