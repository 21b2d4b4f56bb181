"""Records: what a provider lists in a span of time against the ledger, and what the ledger has ended in it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from worker.ledger import Booked, ReconcileLedger
from worker.reconcile.compare import Record, compare
from worker.reconcile.findings import Findings

# Read of the ledger at once.
PAGE = 100
# A span is at most this long, and shorter where more has ended in it: its record ids are kept while it is compared.
SPAN_MAX = timedelta(days=1)
SPAN_MIN = timedelta(minutes=1)
ENDED_MAX = 20_000

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, `until` excluded."""

    since: datetime
    until: datetime


class Records(Protocol):
    """One kind of record, at the provider and in the ledger. Keys are the ids by which both know it."""

    what: str
    # Whether all of a span are listed; otherwise the provider only answers for one at a time.
    is_listed: bool

    def listed(self, span: Span) -> AsyncIterator[Record]:
        """The provider's, made in this span. The iterator raises ReadFailed."""
        ...

    async def look_up(self, key: str) -> Record | None:
        """The provider's record of this one. Raises ReadFailed."""
        ...

    async def booked(self, keys: Sequence[str]) -> Mapping[str, Booked]:
        """Ours."""
        ...

    def ended(self, span: Span) -> AsyncIterator[list[str]]:
        """Pages of ours that ended in this span."""
        ...


async def compare_records(records: Records, span: Span, findings: Findings) -> None:
    """Both ways: what the provider lists, and what ended here and is not among it. Raises ReadFailed."""
    seen: set[str] = set()
    async for page in in_pages(records.listed(span)):
        booked = await records.booked([record.key for record in page])
        for record in page:
            seen.add(record.key)
            compared = compare(records.what, record.key, record, booked.get(record.key))
            await findings.add(records.what, record.key, compared)
    async for keys in records.ended(span):
        missing = [key for key in keys if key not in seen]
        for key, one in (await records.booked(missing)).items():
            # One that failed was never listed, unless before this span.
            if one.is_posted or not records.is_listed or one.created_at is None or one.created_at < span.since:
                await _compare_one(records, key, one, findings)


async def compare_again(records: Records, books: ReconcileLedger, findings: Findings) -> None:
    """What still differs, and is older than what was just read. Raises ReadFailed."""
    await findings.write()
    after = ""
    while subjects := await books.open_drift(findings.provider, [records.what], findings.now, after, PAGE):
        keys = [subject.removeprefix(f"{records.what} ") for subject in subjects]
        booked = await records.booked(keys)
        for key in keys:
            await _compare_one(records, key, booked.get(key), findings)
        after = subjects[-1]


async def spans(provider: str, since: datetime, until: datetime, books: ReconcileLedger) -> AsyncIterator[Span]:
    """The whole time in pieces, each with not too much in it."""
    while since < until:
        end = min(since + SPAN_MAX, until)
        while end - since > SPAN_MIN and await books.count_ended(provider, since, end) > ENDED_MAX:
            end = since + (end - since) / 2
        yield Span(since, end)
        since = end


async def in_pages(items: AsyncIterator[Item]) -> AsyncIterator[list[Item]]:
    """The same, up to a page at a time."""
    page: list[Item] = []
    async for item in items:
        page.append(item)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


async def first_of(items: AsyncIterator[Item], most: int) -> list[Item]:
    """So many, and no more is asked for."""
    found: list[Item] = []
    async for item in items:
        found.append(item)
        if len(found) == most:
            break
    return found


async def ended_orders(
    provider: str, types: Sequence[str], span: Span, books: ReconcileLedger
) -> AsyncIterator[list[str]]:
    """Pages of the orders of these types that ended in this span."""
    after = ""
    while page := await books.ended_orders(provider, types, span.since, span.until, after, PAGE):
        yield page
        after = page[-1]


async def _compare_one(records: Records, key: str, booked: Booked | None, findings: Findings) -> None:
    compared = compare(records.what, key, await records.look_up(key), booked)
    await findings.add(records.what, key, compared)
