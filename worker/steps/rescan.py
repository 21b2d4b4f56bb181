"""Rescan: look for a payment that somebody says was sent; ask the provider to look again; until found, or given up.

A rescan never credits: what it brings to light comes as a deposit, and is credited like any other.
"""

from datetime import datetime, timedelta
from typing import Literal

import structlog

from schemas.rescan import Rescan
from worker.ledger import Settlement, stored
from worker.order import Decision, Evidence, Order
from worker.providers.protocol import Deposit, DepositSource, Found, ReadFailed, Refused, Succeeded, account_of
from worker.providers.trace import traced
from worker.steps.credit import take
from worker.steps.settle import settle
from worker.steps.tell import rescan_requested
from worker.world import World

log = structlog.get_logger()

Ran = Literal["found", "given up", "requested", "postponed"]

# Intervals double up to this.
INTERVAL_SECONDS_MAX = 3600.0
# At first, after a run in which the provider could not be asked, or refused.
AGAIN_SECONDS = 30.0
# Somebody reports a payment after having waited for it.
LOOK_BACK = timedelta(days=30)


async def rescan(order: Order, source: DepositSource, world: World) -> Ran:
    """One run for one order, which must be claimed; what came of it."""
    with traced(order.traceparent):
        return await _run(order, source, world)


async def _run(order: Order, source: DepositSource, world: World) -> Ran:
    command = order.command
    assert isinstance(command, Rescan)
    assert order.created_at is not None
    now = world.clock.now()
    is_over = now >= order.created_at + timedelta(seconds=world.policy.rescan_give_up_seconds)
    try:
        found = await _find(command, order, source, world)
        if found is not None:
            await settle(order, Succeeded(found.record_id, Found(found)), "record", world, now)
            return "found"
        if is_over:
            return await _give_up(order, now, world)
        description = await source.rescan(command.chain, command.to_address, command.tx_id, command.memo)
    except ReadFailed as error:
        log.warning("rescan could not be run", order_id=order.order_id, reason=str(error))
        if is_over:
            return await _give_up(order, now, world)
        evidence = Evidence(order.attempts, "record", "unknown", message=str(error))
        due_at = now + again_after(now - order.created_at, world.policy.rescan_seconds)
        await world.ledger.settle(Settlement(order, Decision("held", evidence, due_at=due_at, polls=order.polls)))
        return "postponed"
    await _requested(order, description, world)
    return "requested"


def again_after(age: timedelta, first_seconds: float) -> timedelta:
    """How long after a run that did not come about the next follows, for a rescan of this age.

    What is refused today, a wrong chain for example, is refused all week: each time later, after half of the age, but
    never later than when the provider would be asked had it taken every request.
    """
    age_seconds = age.total_seconds()
    asked_at, interval_seconds = 0.0, first_seconds
    while asked_at < age_seconds + 1:  # a run that is due within a second has been made with this one
        asked_at += min(interval_seconds, INTERVAL_SECONDS_MAX)
        interval_seconds *= 2
    later_seconds = min(max(age_seconds / 2, AGAIN_SECONDS), INTERVAL_SECONDS_MAX)
    return timedelta(seconds=min(later_seconds, asked_at - age_seconds))


async def _give_up(order: Order, looked_at: datetime, world: World) -> Ran:
    given_up = Refused("given_up", "the provider has not found it in all this time", by_record=True)
    await settle(order, given_up, "record", world, looked_at)
    return "given up"


async def _find(command: Rescan, order: Order, source: DepositSource, world: World) -> Deposit | None:
    """The credited deposit of this transaction: from the books, or from the provider's lists into the books."""
    merchant_user_id = world.providers[source.name].merchant_user_id
    account = None if command.user_id is None else account_of(command.user_id, merchant_user_id)
    known = await world.ledger.credited_deposit(source.name, command, account)
    if known is not None or order.created_at is None:
        return known
    since, read_at = order.created_at - LOOK_BACK, world.clock.now()
    try:
        async for deposit in source.deposits(
            command.user_id or "", since, chain=command.chain, to_address=command.to_address
        ):
            if deposit.tx_id == command.tx_id:
                await take(deposit, read_at, world)
    except ReadFailed as error:
        # A list that cannot be read, or a user that the provider does not know, must not keep it from looking again.
        log.warning("list of deposits cannot be read", order_id=order.order_id, reason=str(error))
    return await world.ledger.credited_deposit(source.name, command, account)


async def _requested(order: Order, description: str, world: World) -> None:
    """The provider looks again; so do we, each time later."""
    run = order.polls + 1
    seconds = min(world.policy.rescan_seconds * 2.0 ** min(order.polls, 20), INTERVAL_SECONDS_MAX)
    now = world.clock.now()
    event = rescan_requested(order, run, description, now)
    decision = Decision(
        "held",
        Evidence(order.attempts, "record", "requested", message=description),
        due_at=now + timedelta(seconds=seconds),
        polls=run,
        events=(event,),
    )
    if await world.ledger.settle(Settlement(order, decision)) == "settled":
        world.relay.offer(stored(event, order.traceparent, order.app_id))
