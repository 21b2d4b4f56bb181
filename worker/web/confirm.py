"""The second confirmation of a withdrawal: the commit point of a payment that the provider takes no order id for.

Confirmed only when exactly one open payment of ours is, durably, bound to the withdrawal; a refused id stays refused.
"""

from typing import Literal

import structlog

from schemas.money import show
from worker.ledger import UnreadableOrder
from worker.order import Order
from worker.providers.coinqpay.judge import payee_of
from worker.providers.coinqpay.provider import CoinQPay
from worker.providers.coinqpay.records import Withdrawal
from worker.providers.protocol import Processing, ReadFailed
from worker.steps.settle import settle
from worker.world import World

log = structlog.get_logger()

Answer = Literal["confirmed", "refused", "unknown"]

# The provider waits for our approval in this status alone.
WAITS_FOR_APPROVAL = 1
# Orders in these states are bound to their withdrawal by evidence in which every field agreed.
CONFIRMABLE = frozenset({"processing", "succeeded"})


async def confirm(withdrawal_id: str, provider: CoinQPay, world: World) -> Answer:
    """Whether to approve. `unknown`: the database or the provider cannot tell now."""
    answer = await _known(withdrawal_id, provider, world)
    if answer is not None:
        return answer
    try:
        record = await provider.withdrawal(withdrawal_id)
    except ReadFailed as error:
        log.warning("withdrawal cannot be read back", withdrawal_id=withdrawal_id, reason=str(error))
        return "unknown"
    if record is None:
        # Not remembered: whoever guesses ids could otherwise have coming payments refused beforehand.
        log.warning("asked to confirm a withdrawal that the provider does not show", withdrawal_id=withdrawal_id)
        return "refused"

    try:
        order = await world.ledger.payment_in_doubt(provider.name, payee_of(record))
    except UnreadableOrder:
        return "unknown"  # a worker of another version answers the next time
    return await _decide(record, order, provider, world)


async def _decide(record: Withdrawal, order: Order | None, provider: CoinQPay, world: World) -> Answer:
    """Bind the one order that it can be, durably; or refuse it for ever."""
    if order is None:
        return await _refuse(record, "no open payment of ours is equal to it", provider, world)
    if record.status != WAITS_FOR_APPROVAL:
        return await _refuse(record, f"its status is {record.status}", provider, world)
    if not provider.is_in_time(record, order.attempted_at):
        # Another's, or our clock is wrong: then the answer to our own request will bind it. So this is not for ever.
        log.error("withdrawal was not created while our request could be carried out", withdrawal_id=record.id)
        return "refused"
    await settle(order, Processing(record.id), "record", world)
    answer = await _known(record.id, provider, world)
    return answer or await _refuse(record, "its order has moved on", provider, world)


async def _known(withdrawal_id: str, provider: CoinQPay, world: World) -> Answer | None:
    """The answer by what is durable already; asked again after binding, for another may have refused meanwhile."""
    known = await world.ledger.confirmation(provider.name, withdrawal_id)
    if known.refused:
        return "refused"
    return "confirmed" if known.state in CONFIRMABLE else None


async def _refuse(record: Withdrawal, reason: str, provider: CoinQPay, world: World) -> Answer:
    refused = await world.ledger.refuse_confirmation(provider.name, record.id, payee_of(record), reason)
    if not refused:  # a copy of the question has bound it meanwhile
        return "confirmed"
    log.error(
        "withdrawal refused",
        withdrawal_id=record.id,
        reason=reason,
        coin=record.coin,
        amount=show(record.withdraw_amount),
    )
    return "refused"
