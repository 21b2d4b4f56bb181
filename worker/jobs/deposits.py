"""The deposits job: webhooks that were told, deposits that were not final, and the lists, for what nobody told."""

from datetime import datetime, timedelta

import structlog

from worker.jobs.deposit_lists import LISTS_MAX, take_lists, take_safely
from worker.ledger import Watched
from worker.providers.protocol import DepositSource, ReadFailed
from worker.world import World

log = structlog.get_logger()

# Bounds of one round.
WEBHOOKS_MAX = 200
WATCHED_MAX = 200
# No further round begins after so long: the run is told of, and the next begins.
ROUNDS_FOR = timedelta(minutes=2)
# A deposit that is not final is looked at again after half of the time that it has been known, within these.
LOOK_MIN = timedelta(seconds=5)
LOOK_MAX = timedelta(hours=1)
# Not final for so long, it may be lost: the provider is asked to look again, each time later.
RESCAN_AFTER = timedelta(minutes=10)
# Known for longer, it is looked at once a day.
WATCH_FOR = timedelta(days=7)
LOOK_SELDOM = timedelta(days=1)


async def take_deposits(source: DepositSource, world: World) -> str:
    """One run, in as many rounds as it takes to read all lists that are due; what it did, in words.

    One list is read after another, so that a backlog is read as fast as the provider answers and orders never wait
    for more than one of these reads. What was told of, and the merchant's list, have their turn in each round.
    """
    end_at = world.clock.now() + ROUNDS_FOR
    told = watched = listed = 0
    while True:
        told += await take_webhooks(source, world)
        watched += await _take_watched(source, world)
        lists, found = await take_lists(source, world)
        listed += found
        if lists < LISTS_MAX or world.line(source.name).is_down or world.clock.now() >= end_at:
            return f"{told} told, {watched} watched, {listed} listed"


async def take_webhooks(source: DepositSource, world: World) -> int:
    """Read back what webhooks told of. What the provider does not show yet is asked for again, each time later."""
    webhooks = await world.ledger.take_webhooks(source.name, WEBHOOKS_MAX)
    for webhook in webhooks:
        found = webhook.record_id is None or not source.tells(webhook.kind)
        if webhook.record_id is not None and not found:
            found = await _take_record(webhook.kind, webhook.record_id, source, world)
        age = world.clock.now() - webhook.received_at
        if not found and age > WATCH_FOR:
            log.error("deposit was told of, and is not shown", kind=webhook.kind, record_id=webhook.record_id)
        due_at = None if found else world.clock.now() + later(age)
        await world.ledger.end_webhook(source.name, webhook.digest, due_at)
    return len(webhooks)


async def _take_record(kind: str, record_id: str, source: DepositSource, world: World) -> bool:
    """Whether there is such a record, and it could be taken. One that cannot must not keep the others waiting."""
    read_at = world.clock.now()
    try:
        deposit = await source.deposit(kind, record_id)
    except ReadFailed as error:
        log.warning("deposit cannot be read back now", record_id=record_id, reason=str(error))
        return False
    return deposit is not None and await take_safely(deposit, read_at, world)


async def _take_watched(source: DepositSource, world: World) -> int:
    watched = await world.ledger.take_deposits(source.name, WATCHED_MAX)
    for one in watched:
        now = world.clock.now()
        known = one.deposit
        await _take_record(known.kind, known.record_id, source, world)
        age = now - one.seen_at
        rescanned = await _rescan(one, source, now)
        await world.ledger.postpone_deposit(known, now + later(age), rescanned=rescanned)
    return len(watched)


async def _rescan(one: Watched, source: DepositSource, now: datetime) -> bool:
    """Ask the provider to look again for a deposit that does not become final; whether it was asked."""
    deposit = one.deposit
    waits = RESCAN_AFTER * 2 ** min(one.rescans, 10)
    if deposit.state != "pending" or deposit.tx_id is None or deposit.address is None or now < one.seen_at + waits:
        return False
    try:
        await source.rescan(deposit.chain, deposit.address, deposit.tx_id, deposit.memo)
    except ReadFailed as error:
        log.warning("rescan refused", record_id=deposit.record_id, reason=str(error))
        return False
    return True


def later(age: timedelta) -> timedelta:
    """When to look again: after half of the time that something has been known for, at last once a day."""
    return LOOK_SELDOM if age > WATCH_FOR else min(max(age / 2, LOOK_MIN), LOOK_MAX)
