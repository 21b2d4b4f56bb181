"""The deposits job: webhooks that were told, deposits that were not final, and the lists, for what nobody told."""

from datetime import datetime, timedelta

import structlog

from worker.errors import BadSettings, SchemaMissing
from worker.ledger import Watched
from worker.providers.protocol import Deposit, DepositSource, ReadFailed
from worker.steps.credit import take
from worker.world import World

log = structlog.get_logger()

# Bounds of one run.
WEBHOOKS_MAX = 200
WATCHED_MAX = 200
SCANS_MAX = 50
# Each list is read from so long before its last reading: what is listed late is not missed.
OVERLAP = timedelta(hours=1)
# The first reading of a list goes back so far.
LOOK_BACK = timedelta(days=7)
# A deposit that is not final is looked at again after half of the time that it has been known, within these.
LOOK_MIN = timedelta(seconds=5)
LOOK_MAX = timedelta(hours=1)
# Not final for so long, it may be lost: the provider is asked to look again, each time later.
RESCAN_AFTER = timedelta(minutes=10)
# Known for longer, it is looked at once a day.
WATCH_FOR = timedelta(days=7)
LOOK_SELDOM = timedelta(days=1)


async def take_deposits(source: DepositSource, world: World) -> str:
    """One run; what it did, in words. Raises ReadFailed."""
    told = await take_webhooks(source, world)
    watched = await _take_watched(source, world)
    listed = await _take_listed(source, world)
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
    return deposit is not None and await _take_safely(deposit, read_at, world)


async def _take_safely(deposit: Deposit, read_at: datetime, world: World) -> bool:
    """Take it; False when that failed: a bug, or a record of a kind that nobody thought of."""
    try:
        await take(deposit, read_at, world)
    except (SchemaMissing, BadSettings):
        raise
    except Exception:
        log.exception("deposit cannot be taken", record_id=deposit.record_id)
        return False
    return True


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


async def _take_listed(source: DepositSource, world: World) -> int:
    """Read the lists that are due, each from before its last reading."""
    now = world.clock.now()
    count = 0
    for of, read_until in await world.ledger.take_scans(source.name, now - LOOK_BACK, SCANS_MAX):
        reached, before, read_at = now, count, world.clock.now()
        try:
            async for deposit in source.deposits(of, read_until - OVERLAP):
                count += 1
                if not await _take_safely(deposit, read_at, world):
                    reached = read_until  # it is read again with the next reading
        except ReadFailed as error:
            # One user's list that cannot be read must not keep the others from being read.
            log.warning("list of deposits cannot be read", of=of or "merchant", reason=str(error))
            reached = read_until
        await world.ledger.end_scan(source.name, of, reached, found=count > before or reached == read_until)
    return count
