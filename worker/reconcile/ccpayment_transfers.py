"""CCPayment's transfers: the lists of every user that the ledger knows, from and to."""

from collections.abc import AsyncIterator, Mapping, Sequence

from schemas.money import parse_record_amount
from worker.commands.accounts import pair
from worker.ledger import Booked, ReconcileLedger
from worker.providers.ccpayment.api import ReadFailed
from worker.providers.ccpayment.provider import CCPayment
from worker.providers.ccpayment.records import transfer_records
from worker.providers.ccpayment.wire import TransferRecord
from worker.providers.protocol import account_of
from worker.providers.reading import clean_message
from worker.reconcile.ccpayment_users import account_names, is_unknown, user_id_of
from worker.reconcile.compare import Record
from worker.reconcile.records import Span, ended_orders

ROUTE = "getUserTransferRecord"


class Transfers:
    """Compared by order id: every transfer has one."""

    what = "transfer"
    is_listed = True

    def __init__(self, provider: CCPayment, books: ReconcileLedger, users: dict[str, set[str]]) -> None:
        """`users` gets whoever is in a record, for a look at those that the ledger does not know."""
        self._provider = provider
        self._books = books
        self._users = users

    async def listed(self, span: Span) -> AsyncIterator[Record]:
        """Each user's, in both directions. Raises ReadFailed."""
        async for account in account_names(self._provider.name, self._books):
            user_id = user_id_of(account, self._provider.merchant_user_id)
            for direction in ("from_user_id", "to_user_id"):
                async for record in self._of_user(direction, user_id, span):
                    yield record

    async def look_up(self, key: str) -> Record | None:
        """By the order id. Raises ReadFailed."""
        found = await self._provider.api.read_one(TransferRecord, ROUTE, {"orderId": key})
        try:
            return None if found is None else self._record(found)
        except ValueError as error:
            raise ReadFailed(ROUTE, str(error)) from None

    async def booked(self, keys: Sequence[str]) -> Mapping[str, Booked]:
        """The orders."""
        booked = await self._books.booked_orders(self._provider.name, order_ids=keys)
        return {str(one.order_id): one for one in booked}

    def ended(self, span: Span) -> AsyncIterator[list[str]]:
        """Transfers that ended."""
        return ended_orders(self._provider.name, ["transfer"], span, self._books)

    async def _of_user(self, direction: str, user_id: str, span: Span) -> AsyncIterator[Record]:
        filters = {direction: user_id}
        try:
            async for found in transfer_records(
                self._provider.api,
                start_at=span.since,
                end_at=span.until,
                **filters,  # type: ignore[arg-type]
            ):
                yield self._record(found)
        except ReadFailed as error:
            if not is_unknown(error):
                raise

    def _record(self, found: TransferRecord) -> Record:
        # Of others' making: it must be possible to store and show it.
        sender, receiver = (
            account_of(clean_message(user_id), self._provider.merchant_user_id)
            for user_id in (found.from_user_id, found.to_user_id)
        )
        for account in (sender, receiver):
            self._users.setdefault(account, set())
        amount = parse_record_amount(found.amount)
        return Record(
            key=clean_message(found.order_id),
            record_id=found.record_id,
            order_id=clean_message(found.order_id),
            status=found.status,
            is_done=found.status == "Success",
            lines=pair(sender, receiver, str(found.coin_id), amount, "transfer"),
        )
