"""Credit: a deposit at a provider becomes money in the books, once, whoever finds it; or is remembered with a reason.

Webhook, poll, rescan and pay order all end here.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, assert_never

import structlog

from schemas.event import Line
from worker.commands.accounts import CUSTODY, pair
from worker.ledger import Posted, stored
from worker.order import Order
from worker.providers.protocol import Deposit
from worker.steps.tell import deposit_credited
from worker.world import World

log = structlog.get_logger()

Credited = Literal["credited", "known", "changed", "repeated"]
Taken = Credited | Literal["denied", "remembered"]  # denied: it is credited, and said to be no money

# A deposit that is not final is looked at again after this, then after as long as it has been known, to an hour.
FIRST_LOOK = timedelta(seconds=5)
# Final for the provider; it may think again: a flag is lifted, an expired pay order is paid after all.
SECOND_THOUGHTS = timedelta(minutes=10)


async def take(deposit: Deposit, read_at: datetime, world: World, order: Order | None = None) -> Taken:
    """Credit what is money, remember what is not. `order`: the pay order that it belongs to.

    `read_at`: before the provider was asked. What was credited since is not contradicted by an older reading.
    """
    match deposit.state:
        case "final":
            return await credit(deposit, read_at, world, order)
        case "pending":
            await world.ledger.note_deposit(deposit, read_at, world.clock.now() + FIRST_LOOK)
            return "remembered"
        case "risky" | "failed":
            noted = await world.ledger.note_deposit(deposit, read_at, world.clock.now() + SECOND_THOUGHTS)
            if noted == "noted":
                log.warning("deposit not credited", record_id=deposit.record_id, reason=deposit.note)
            return "denied" if noted == "credited" else "remembered"
        case "repeated":  # said by us alone
            return "remembered"
        case _:
            assert_never(deposit.state)


async def credit(deposit: Deposit, read_at: datetime, world: World, order: Order | None = None) -> Credited:
    """Post it and tell of it, once. Told with the order that it ends: a pay order, or an open rescan of it."""
    if order is None:
        order = await _rescan_for(deposit, world)
    while (verdict := await _post(deposit, read_at, order, world)) == "moved":
        assert order is not None, "only an order moves"
        read = await world.ledger.read_orders([order.order_id])
        order = read[0] if read else None
    if verdict == "changed":
        log.error("deposit is credited, and the provider now says another amount", record_id=deposit.record_id)
    elif verdict == "repeated":
        note = "another record of the same payment is credited; a person must look"
        repeated = replace(deposit, state="repeated", note=note)
        if await world.ledger.note_deposit(repeated, read_at, None) == "noted":
            log.error("deposit is listed twice", record_id=deposit.record_id, tx_id=deposit.tx_id)
    return verdict


async def _post(deposit: Deposit, read_at: datetime, order: Order | None, world: World) -> Posted:
    """With the event of its crediting, which is the order's next while that is open."""
    order_id = None if order is None or order.is_terminal else order.order_id
    sequence = order.events + 1 if order is not None and order_id is not None else 0
    lines = deposit_lines(deposit)
    correlation_id = None if order is None else order.correlation_id
    event = deposit_credited(deposit, lines, order_id, sequence, world.clock.now(), correlation_id)
    traceparent = None if order is None else order.traceparent
    verdict = await world.ledger.credit_deposit(deposit, read_at, order_id, event, traceparent)
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
