"""Records of swaps: `getUserSwapRecord` and `getUserSwapRecordList`."""

from worker.sandbox.ccpayment.account import Account
from worker.sandbox.ccpayment.codes import Code, refusal, success
from worker.sandbox.ccpayment.listing import Listing, is_hidden
from worker.sandbox.ccpayment.parameters import given, is_coin_id, is_list_of, is_order_id, is_text, is_user_id
from worker.sandbox.ccpayment.records import Swap
from worker.sandbox.ccpayment.swap_views import record_view
from worker.sandbox.message import Response
from worker.sandbox.parameters import first_wrong
from worker.sandbox.provider import Conditions, Parameters

# The longest that three months in a row can be. Not documented: how the provider counts them.
LONGEST_SECONDS = 92 * 24 * 3600


def get_user_swap_record(account: Account, parameters: Parameters, at: float, conditions: Conditions) -> Response:
    """Find a swap by one of its ids; the documentation forbids to give both."""
    asked = given(parameters, LOOKUPS)
    if len(asked) != 1:
        return refusal(Code.INVALID_ARGUMENT, "either recordId or orderId")
    wrong = first_wrong(asked, {}, LOOKUPS)
    if wrong is not None:
        return refusal(Code.INVALID_ARGUMENT, wrong)
    found = asked_for(account, asked, at)
    if not found or is_hidden(found[0], at, conditions.lag_seconds):
        return refusal(Code.NOT_FOUND)
    return success({"record": record_view(account, found[0], at)})


def asked_for(account: Account, parameters: Parameters, _at: float) -> list[Swap]:
    """What a lookup with these parameters is about, right or wrong as they may be."""
    shelf = account.books.swap_shelf
    record_id, order_id = parameters.get("recordId"), parameters.get("orderId")
    swap = shelf.by_record_id(str(record_id)) if record_id else shelf.by_order_id(str(order_id))
    return [] if swap is None else [swap]


LOOKUPS = {"recordId": is_text, "orderId": is_order_id}

SWAPS = Listing(
    records=lambda books: books.swap_shelf,
    filters={
        "recordIds": (is_list_of(is_text), lambda swap, record_ids: swap.record_id in record_ids),
        "orderIds": (is_list_of(is_order_id), lambda swap, order_ids: swap.order_id in order_ids),
        "userId": (is_user_id, lambda swap, user_id: swap.user_id == user_id),
        "coinIdIn": (is_coin_id, lambda swap, coin_id: swap.coin_id_in == coin_id),
        "coinIdOut": (is_coin_id, lambda swap, coin_id: swap.coin_id_out == coin_id),
    },
    view=record_view,
    at_most={"recordIds": 20, "orderIds": 20},
    longest_seconds=LONGEST_SECONDS,
)
