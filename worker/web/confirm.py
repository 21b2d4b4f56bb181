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
from worker.steps.settle import apply
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
        return await _bind(record, provider, world)
    except UnreadableOrder:
        return "unknown"  # a worker of another version answers the next time


async def _bind(record: Withdrawal, provider: CoinQPay, world: World) -> Answer:
    """Bind the one order that it can be, durably; or refuse it for ever."""
    while True:  # each turn more means that somebody else went on with the order; the route's time is limited
        order = await world.ledger.payment_in_doubt(provider.name, payee_of(record))
        if order is None or not _is_in_doubt(order):
            return await _refuse(record, "no open payment of ours is equal to it", provider, world)
        if record.status != WAITS_FOR_APPROVAL:
            return await _refuse(record, f"its status is {record.status}", provider, world)
        if not provider.is_in_time(record, order.attempted_at):
            # Another's, or our clock is wrong: then the answer to our own request binds it. So this is not for ever.
            log.error("withdrawal was not created while our request could be carried out", withdrawal_id=record.id)
            return "refused"
        # That it is this order's is our guess, the provider has not said so. While we looked, it may have become an
        # equal order's, and this one have got an id of its own: that speaks against the guess, and must not put an
        # order in review whose own withdrawal would then be refused.
        if await apply(order, Processing(record.id), "record", world) != "stale":
            answer = await _known(record.id, provider, world)
            return answer or await _refuse(record, "its order has moved on", provider, world)


def _is_in_doubt(order: Order) -> bool:
    """Still: between finding and reading it, it may have been bound, refused or ended."""
    return order.provider_ref is None and bool(order.doubtful) and not order.is_terminal


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
