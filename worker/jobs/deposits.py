"""The deposits job: webhooks that were told, deposits that were not final, and the lists, for what nobody told."""

from datetime import datetime, timedelta

import structlog

from worker.ledger import Watched
from worker.providers.protocol import DepositSource, ReadFailed
from worker.steps.credit import take
from worker.world import World

log = structlog.get_logger()

# Bounds of one run.
WEBHOOKS_MAX = 200
WATCHED_MAX = 200
SCANS_MAX = 50
# Each list is read this often, from so long before the last reading: what is listed late is not missed.
SCAN_EVERY = timedelta(minutes=1)
OVERLAP = timedelta(hours=1)
# The first reading of a list goes back so far.
LOOK_BACK = timedelta(days=7)
# A deposit that is not final is looked at again after half of the time that it has been known, within these.
LOOK_MIN = timedelta(seconds=5)
LOOK_MAX = timedelta(hours=1)
# Not final for so long, it may be lost: the provider is asked to look again, each time later; then it is left to a
# person.
RESCAN_AFTER = timedelta(minutes=10)
WATCH_FOR = timedelta(days=7)


async def take_deposits(source: DepositSource, world: World) -> str:
    """One run; what it did, in words. Raises ReadFailed."""
    told = await take_webhooks(source, world)
    watched = await _take_watched(source, world)
    listed = await _take_listed(source, world)
    return f"{told} told, {watched} watched, {listed} listed"


async def take_webhooks(source: DepositSource, world: World) -> int:
    """Read back what webhooks told of. One that the provider does not know (yet) is left to the lists."""
    webhooks = await world.ledger.read_webhooks(source.name, WEBHOOKS_MAX)
    for digest, kind, record_id in webhooks:
        deposit = None if record_id is None else await source.deposit(kind, record_id)
        if deposit is not None:
            await take(deposit, world)
        await world.ledger.mark_webhook(source.name, digest)
    return len(webhooks)


async def _take_watched(source: DepositSource, world: World) -> int:
    watched = await world.ledger.take_deposits(source.name, WATCHED_MAX)
    for one in watched:
        now = world.clock.now()
        known = one.deposit
        found = await source.deposit(known.kind, known.record_id)
        if found is not None:
            await take(found, world)
        if found is None or found.state != "final":
            rescanned = await _rescan(one, source, now)
            await world.ledger.postpone_deposit(known, _next_look(one, now), rescanned=rescanned)
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


def _next_look(one: Watched, now: datetime) -> datetime | None:
    age = now - one.seen_at
    return None if age > WATCH_FOR else now + min(max(age / 2, LOOK_MIN), LOOK_MAX)


async def _take_listed(source: DepositSource, world: World) -> int:
    """Read the lists that are due, each from before its last reading."""
    now = world.clock.now()
    count = 0
    for of, read_until in await world.ledger.take_scans(source.name, now - LOOK_BACK, SCANS_MAX):
        async for deposit in source.deposits(of, read_until - OVERLAP):
            await take(deposit, world)
            count += 1
        await world.ledger.end_scan(source.name, of, now, now + SCAN_EVERY)
    return count
