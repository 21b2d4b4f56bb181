"""The lists of deposits, for what nobody told: each from before its last reading, in as many parts as it takes."""

from datetime import datetime, timedelta

import structlog

from worker.errors import BadSettings, SchemaMissing
from worker.providers.protocol import Deposit, DepositSource, ReadFailed, TooMuchAtOnce
from worker.steps.credit import take
from worker.world import World

log = structlog.get_logger()

# Users' lists that are taken at once, beside the merchant's.
LISTS_MAX = 50
# Each list is read from so long before its last reading: what is listed late is not missed.
OVERLAP = timedelta(hours=1)
# The first reading of a list goes back so far.
LOOK_BACK = timedelta(days=7)
# So much time is read at once, and half of it where that is more than the provider lists, down to this.
SPAN_MAX = timedelta(days=7)
SPAN_MIN = timedelta(minutes=1)
# Two spans share this much: whether the ends of a range are inside it is not documented, nor how they are rounded.
SEAM = timedelta(seconds=2)

Span = tuple[datetime, datetime]


async def take_lists(source: DepositSource, world: World) -> tuple[int, int]:
    """Read lists that are due, the merchant's first; how many lists, and how much was in them."""
    lists = await world.ledger.take_scans(source.name, world.clock.now() - LOOK_BACK, LISTS_MAX)
    return len(lists), sum([await _take_list(of, read_until, source, world) for of, read_until in lists])


async def _take_list(of: str, read_until: datetime, source: DepositSource, world: World) -> int:
    """Read one list up to now, the oldest part first; how much was in it. A part that was read stays read."""
    began_at = world.clock.now()
    spans = spans_of(read_until - OVERLAP, began_at)
    count, reached, is_missing = 0, read_until, False
    try:
        while spans:
            since, until = spans.pop(0)
            part = await _take_span(of, since, until if spans else None, source, world)
            if part is None:
                if until - since < SPAN_MIN:
                    raise ReadFailed(f"more deposits than can be listed between {since} and {until}")
                spans = halves_of(since, until) + spans
                continue
            found, taken = part
            count += found
            is_missing = is_missing or taken < found
            if spans and not is_missing:
                reached = until
                await world.ledger.end_scan(source.name, of, reached, found=True)
        # What could not be taken is in the log each time, and tried for as long as a new list is read back.
        reached = max(reached, began_at - LOOK_BACK) if is_missing else began_at
    except ReadFailed as error:
        # One user's list that cannot be read must not keep the others from being read.
        log.warning("list of deposits cannot be read", of=of or "merchant", reason=str(error))
    await world.ledger.end_scan(source.name, of, reached, found=count > 0 or reached != began_at)
    return count


async def _take_span(
    of: str, since: datetime, until: datetime | None, source: DepositSource, world: World
) -> tuple[int, int] | None:
    """Take what a list has of this time: how much that is, and how much could be taken. Raises ReadFailed.

    None: it is more than is listed at once, and only the newest were taken.
    """
    found = taken = 0
    read_at = world.clock.now()
    try:
        async for deposit in source.deposits(of, since, until):
            found += 1
            taken += await take_safely(deposit, read_at, world)
    except TooMuchAtOnce:
        return None
    return found, taken


def spans_of(since: datetime, until: datetime) -> list[Span]:
    """The whole time in parts, the oldest first, none longer than a provider lists."""
    spans = []
    while until - since > SPAN_MAX:
        spans.append((since, since + SPAN_MAX))
        since += SPAN_MAX - SEAM
    return [*spans, (since, until)]


def halves_of(since: datetime, until: datetime) -> list[Span]:
    """The same time in two parts, the older first."""
    middle = since + (until - since) / 2
    return [(since, middle), (middle - SEAM, until)]


async def take_safely(deposit: Deposit, read_at: datetime, world: World) -> bool:
    """Take it; False when that failed: a bug, or a record of a kind that nobody thought of."""
    try:
        await take(deposit, read_at, world)
    except (SchemaMissing, BadSettings):
        raise
    except Exception:
        log.exception("deposit cannot be taken", record_id=deposit.record_id)
        return False
    return True
