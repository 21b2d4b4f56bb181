"""The records that CCPayment keeps of transfers and swaps, as lists for comparing with the ledger."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from schemas.money import parse_record_amount
from worker.providers.ccpayment.api import Api, ReadFailed
from worker.providers.ccpayment.fields import without_blanks
from worker.providers.ccpayment.pages import read_pages
from worker.providers.ccpayment.swaps import parse_swap_amounts
from worker.providers.ccpayment.wire import SwapRecord, TransferRecord
from worker.providers.protocol import Unreadable


async def transfer_records(
    api: Api,
    *,
    from_user_id: str | None = None,
    to_user_id: str | None = None,
    coin_id: int | None = None,
    start_at: datetime | None = None,
    end_at: datetime | None = None,
) -> AsyncIterator[TransferRecord]:
    """Transfers between users, each with an amount that can be read. Raises ReadFailed.

    The provider's table requires both users, its own sample names one. Not documented whether the ends of the range
    are inside it: overlap ranges, and know a record by its id. Without `start_at`: the last 90 days.
    """
    route = "getUserTransferRecordList"
    filters = without_blanks(
        coinId=coin_id, fromUserId=from_user_id, toUserId=to_user_id, startAt=start_at, endAt=end_at
    )
    async for record in read_pages(api, route, filters, TransferRecord):
        try:
            parse_record_amount(record.amount)
        except ValueError:
            raise ReadFailed(route, "of a record, the answer's field amount is missing or malformed") from None
        yield record


async def swap_records(
    api: Api,
    *,
    record_ids: Sequence[str] | None = None,
    order_ids: Sequence[str] | None = None,
    user_id: str | None = None,
    coin_id_in: int | None = None,
    coin_id_out: int | None = None,
    start_at: datetime | None = None,
    end_at: datetime | None = None,
) -> AsyncIterator[SwapRecord]:
    """Swaps of users; of those that succeeded the amounts are known and add up. Raises ReadFailed.

    At most 20 ids of each kind; a range of at most three months.
    """
    route = "getUserSwapRecordList"
    filters = without_blanks(
        recordIds=list(record_ids) if record_ids is not None else None,
        orderIds=list(order_ids) if order_ids is not None else None,
        userId=user_id,
        coinIdIn=coin_id_in,
        coinIdOut=coin_id_out,
        startAt=start_at,
        endAt=end_at,
    )
    async for record in read_pages(api, route, filters, SwapRecord):
        if record.status == "Success":
            try:
                parse_swap_amounts(record)
            except Unreadable as error:
                raise ReadFailed(route, f"of a record, {error}") from None
        yield record
