"""The list of transfers between users: `getUserTransferRecordList`."""

from worker.sandbox.ccpayment.account import Account
from worker.sandbox.ccpayment.listing import Listing
from worker.sandbox.ccpayment.parameters import is_coin_id, is_list_of, is_order_id, is_user_id
from worker.sandbox.ccpayment.records import Transfer
from worker.sandbox.ccpayment.transfers import record_of


def _listed(_account: Account, transfer: Transfer, _at: float) -> dict[str, object]:
    record = record_of(transfer)
    record.pop("remark", None)
    return record


# The documented table requires both users, the documented sample sends one, and so will callers:
# one is enough here. Its table of the answer has no remark.
TRANSFERS = Listing(
    records=lambda books: books.transfer_shelf,
    filters={
        "coinId": (is_coin_id, lambda transfer, coin_id: transfer.coin_id == coin_id),
        "fromUserId": (is_user_id, lambda transfer, user_id: transfer.from_user_id == user_id),
        "toUserId": (is_user_id, lambda transfer, user_id: transfer.to_user_id == user_id),
        "orderIds": (is_list_of(is_order_id), lambda transfer, order_ids: transfer.order_id in order_ids),
    },
    view=_listed,
    any_of=("fromUserId", "toUserId"),
    at_most={"orderIds": 100},
)
