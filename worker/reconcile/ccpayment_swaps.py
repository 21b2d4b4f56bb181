"""CCPayment's swaps: one list of all."""

from collections.abc import AsyncIterator, Mapping, Sequence

from schemas.event import Line
from worker.commands.accounts import CUSTODY, pair
from worker.ledger import Booked, ReconcileLedger
from worker.providers import protocol
from worker.providers.ccpayment.api import ReadFailed
from worker.providers.ccpayment.provider import CCPayment
from worker.providers.ccpayment.records import swap_records
from worker.providers.ccpayment.swaps import parse_swap_amounts
from worker.providers.ccpayment.wire import SwapRecord
from worker.providers.protocol import account_of
from worker.providers.reading import clean_message
from worker.reconcile.compare import Record
from worker.reconcile.records import Span, ended_orders

ROUTE = "getUserSwapRecord"


class Swaps:
    """Compared by order id: every swap has one."""

    what = "swap"
    is_listed = True

    def __init__(self, provider: CCPayment, books: ReconcileLedger, users: dict[str, set[str]]) -> None:
        """`users` gets whoever is in a record, for a look at those that the ledger does not know."""
        self._provider = provider
        self._books = books
        self._users = users

    async def listed(self, span: Span) -> AsyncIterator[Record]:
        """Every user's. Raises ReadFailed."""
        async for found in swap_records(self._provider.api, start_at=span.since, end_at=span.until):
            yield self._record(found)

    async def look_up(self, key: str) -> Record | None:
        """By the order id. Raises ReadFailed."""
        found = await self._provider.api.read_one(SwapRecord, ROUTE, {"orderId": key})
        try:
            return None if found is None else self._record(found)
        except protocol.Unreadable as error:
            raise ReadFailed(ROUTE, str(error)) from None

    async def booked(self, keys: Sequence[str]) -> Mapping[str, Booked]:
        """The orders."""
        booked = await self._books.booked_orders(self._provider.name, order_ids=keys)
        return {str(one.order_id): one for one in booked}

    def ended(self, span: Span) -> AsyncIterator[list[str]]:
        """Swaps that ended."""
        return ended_orders(self._provider.name, ["swap"], span, self._books)

    def _record(self, found: SwapRecord) -> Record:
        user = account_of(clean_message(found.user_id), self._provider.merchant_user_id)
        self._users.setdefault(user, set())
        is_done = found.status == "Success"
        lines: tuple[Line, ...] = ()
        if is_done:
            amounts = parse_swap_amounts(found)
            coin_in, coin_out = str(found.coin_id_in), str(found.coin_id_out)
            lines = (
                *pair(user, CUSTODY, coin_in, amounts.amount_in, "swap_in"),
                *pair(CUSTODY, user, coin_out, amounts.amount_out, "swap_out"),
                *pair(user, CUSTODY, coin_out, amounts.fee, "provider_fee"),
                *pair(user, "merchant", coin_out, amounts.extra_fee, "service_fee"),
            )
        return Record(
            key=clean_message(found.order_id),
            record_id=found.record_id,
            order_id=clean_message(found.order_id),
            status=found.status,
            is_done=is_done,
            lines=lines,
        )
