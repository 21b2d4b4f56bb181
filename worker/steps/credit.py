"""Credit: a deposit at a provider becomes money in the books, once, whoever finds it; or is remembered with a reason.

Webhook, poll, rescan and pay order all end here.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Literal

import structlog

from schemas.event import Line
from worker.commands.accounts import CUSTODY, pair
from worker.ledger import stored
from worker.order import Order
from worker.providers.protocol import Deposit
from worker.steps.tell import deposit_credited
from worker.world import World

log = structlog.get_logger()

Credited = Literal["credited", "known", "changed", "repeated"]

# A deposit that is not final is looked at again after this, then after as long as it has been known, to an hour.
FIRST_LOOK = timedelta(seconds=5)
# Final for the provider; it may think again: a flag is lifted, an expired pay order is paid after all.
SECOND_THOUGHTS = timedelta(minutes=10)


async def take(deposit: Deposit, world: World, order: Order | None = None) -> Credited | None:
    """Credit what is money, remember what is not (None). `order`: the pay order that it belongs to."""
    match deposit.state:
        case "final":
            return await credit(deposit, world, order)
        case "pending":
            await world.ledger.note_deposit(deposit, world.clock.now() + FIRST_LOOK)
        case "risky" | "failed":
            if await world.ledger.note_deposit(deposit, world.clock.now() + SECOND_THOUGHTS):
                log.warning("deposit not credited", record_id=deposit.record_id, reason=deposit.note)
    return None


async def credit(deposit: Deposit, world: World, order: Order | None = None) -> Credited:
    """Post it and tell of it, once. Told with the order that it ends: a pay order, or an open rescan of it."""
    if order is None:
        order = await _rescan_for(deposit, world)
    while (verdict := await _post(deposit, order, world)) == "moved":
        assert order is not None, "only an order moves"
        read = await world.ledger.read_orders([order.order_id])
        order = read[0] if read else None
    if verdict == "changed":
        log.error("deposit is credited, and the provider now says another amount", record_id=deposit.record_id)
    elif verdict == "repeated":
        note = "another record of the same payment is credited; a person must look"
        if await world.ledger.note_deposit(replace(deposit, state="repeated", note=note), None):
            log.error("deposit is listed twice", record_id=deposit.record_id, tx_id=deposit.tx_id)
    return verdict


async def _post(deposit: Deposit, order: Order | None, world: World) -> Credited | Literal["moved"]:
    """With the event of its crediting, which is the order's next while that is open."""
    order_id = None if order is None or order.is_terminal else order.order_id
    sequence = order.events + 1 if order is not None and order_id is not None else 0
    lines = deposit_lines(deposit)
    correlation_id = None if order is None else order.correlation_id
    event = deposit_credited(deposit, lines, order_id, sequence, world.clock.now(), correlation_id)
    traceparent = None if order is None else order.traceparent
    verdict = await world.ledger.credit_deposit(deposit, order_id, event, traceparent)
    if verdict == "credited":
        log.info("deposit credited", record_id=deposit.record_id, account=deposit.account, order_id=order_id)
        world.relay.offer(stored(event, traceparent, None if order is None else order.app_id))
        if deposit.tx_id is not None:
            await world.ledger.hasten_rescans(deposit.provider, deposit.tx_id)
    return verdict


async def _rescan_for(deposit: Deposit, world: World) -> Order | None:
    """The open rescan that waits for this payment."""
    order_id = await world.ledger.rescan_for(deposit)
    read = await world.ledger.read_orders([order_id]) if order_id is not None else []
    return read[0] if read else None


def deposit_lines(deposit: Deposit) -> tuple[Line, ...]:
    """What came in, gross, and what the provider kept of it."""
    assert deposit.amount is not None, "what is final has its amount"
    fee = () if not deposit.fee else pair(deposit.account, CUSTODY, deposit.coin, deposit.fee, "provider_fee")
    return (*pair(CUSTODY, deposit.account, deposit.coin, deposit.amount, "deposit"), *fee)
