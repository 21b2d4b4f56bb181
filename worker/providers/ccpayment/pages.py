"""Lists of CCPayment in pages: the same filters each time, and the cursor of the page before."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from worker.providers.ccpayment.api import Api, ReadFailed
from worker.providers.ccpayment.fields import EmptyList, Fields, OptionalText
from worker.providers.ccpayment.wire import Wire, read_data
from worker.providers.protocol import TooMuchAtOnce, Unreadable
from worker.providers.reading import Model

# Twenty records each: twenty thousand are more than a caller can want without a narrower range of time.
PAGES_MAX = 1000


class TooManyPages(ReadFailed, TooMuchAtOnce):
    """All pages that are read at once have been, and there are more."""


class _Page(Wire):
    records: Annotated[tuple[Any, ...], EmptyList]
    next_id: OptionalText = ""


async def read_pages(api: Api, route: str, filters: Fields, model: type[Model]) -> AsyncIterator[Model]:
    """The records of every page. Raises ReadFailed, possibly after some records: then others may be missing.
    TooManyPages is one of those.

    Not documented whether a record can move to another page meanwhile: the same one may come twice.
    """
    cursor = ""
    seen: set[str] = set()
    for _ in range(PAGES_MAX):
        page = await api.read_as(_Page, route, {**filters, "nextId": cursor} if cursor else filters)
        for record in _read_records(route, page.records, model):
            yield record
        cursor = page.next_id
        if not cursor:
            return
        if cursor in seen:
            raise ReadFailed(route, "the same nextId came twice")
        seen.add(cursor)
    raise TooManyPages(route, f"more than {PAGES_MAX} pages")


def _read_records(route: str, records: tuple[Any, ...], model: type[Model]) -> list[Model]:
    try:
        return [read_data(model, record) for record in records]
    except Unreadable as error:
        raise ReadFailed(route, f"of a record, {error}") from None
