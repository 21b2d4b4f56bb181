"""Deposit records, of users and of the merchant: `get{User,App}DepositRecord` and their lists."""

from collections.abc import Callable

from worker.sandbox.ccpayment.account import Account
from worker.sandbox.ccpayment.codes import Code, refusal, success
from worker.sandbox.ccpayment.listing import Listing, is_hidden
from worker.sandbox.ccpayment.parameters import is_coin_id, is_list_of, is_order_id, is_text, is_user_id
from worker.sandbox.ccpayment.records import Deposit, Status
from worker.sandbox.exact import plain
from worker.sandbox.message import Response
from worker.sandbox.parameters import first_wrong
from worker.sandbox.provider import Conditions, Parameters


def get_user_deposit_record(account: Account, parameters: Parameters, at: float, conditions: Conditions) -> Response:
    """A user's deposit by its record id."""
    return _answer(account, parameters, at, conditions, user_deposits_asked_for, _user_view)


def get_app_deposit_record(account: Account, parameters: Parameters, at: float, conditions: Conditions) -> Response:
    """A deposit of the merchant by its record id."""
    return _answer(account, parameters, at, conditions, app_deposits_asked_for, _app_view)


def user_deposits_asked_for(account: Account, parameters: Parameters, _at: float) -> list[Deposit]:
    """What a lookup with these parameters is about, right or wrong as they may be."""
    deposit = account.books.deposit_shelf.by_record_id(str(parameters.get("recordId")))
    return [] if deposit is None or deposit.user_id is None else [deposit]


def app_deposits_asked_for(account: Account, parameters: Parameters, _at: float) -> list[Deposit]:
    """As above, of the merchant."""
    deposit = account.books.deposit_shelf.by_record_id(str(parameters.get("recordId")))
    return [] if deposit is None or deposit.user_id is not None else [deposit]


def _answer(
    account: Account,
    parameters: Parameters,
    at: float,
    conditions: Conditions,
    asked_for: Callable[[Account, Parameters, float], list[Deposit]],
    view: Callable[[Account, Deposit, float], dict[str, object]],
) -> Response:
    wrong = first_wrong(parameters, {"recordId": is_text}, {})
    if wrong is not None:
        return refusal(Code.INVALID_ARGUMENT, wrong)
    found = asked_for(account, parameters, at)
    if not found or is_hidden(found[0], at, conditions.lag_seconds):
        return refusal(Code.NOT_FOUND)
    return success({"record": view(account, found[0], at)})


def _user_view(account: Account, deposit: Deposit, at: float) -> dict[str, object]:
    return {"userId": deposit.user_id, **_view(account, deposit, at)}


def _app_view(account: Account, deposit: Deposit, at: float) -> dict[str, object]:
    """Found by a reference or by an order, never both."""
    owner = {"referenceId": deposit.reference_id} if deposit.reference_id else {"orderId": deposit.order_id}
    return {**owner, **_view(account, deposit, at), "txIndex": deposit.tx_index}


def _view(account: Account, deposit: Deposit, at: float) -> dict[str, object]:
    """What both kinds show; `arrivedAt` is unix seconds, zero for what has not arrived."""
    status = deposit.status(at)
    sender = {} if deposit.from_address is None else {"fromAddress": deposit.from_address}
    return {
        "recordId": deposit.record_id,
        "coinId": deposit.coin_id,
        "coinSymbol": account.market.coins[deposit.coin_id].symbol,
        "chain": deposit.chain,
        "contract": deposit.contract,
        "coinUSDPrice": plain(deposit.price),
        **sender,
        "toAddress": deposit.to_address,
        "toMemo": deposit.memo,
        "amount": plain(deposit.amount),
        "serviceFee": plain(deposit.service_fee),
        "txId": deposit.tx_id,
        "status": status,
        "arrivedAt": int(deposit.done_at) if status is Status.SUCCESS else 0,
        "isFlaggedAsRisky": deposit.is_risky,
    }


USER_DEPOSITS = Listing(
    records=lambda books: [deposit for deposit in books.deposit_shelf if deposit.user_id is not None],
    filters={
        "userId": (is_user_id, lambda deposit, user_id: deposit.user_id == user_id),
        "coinId": (is_coin_id, lambda deposit, coin_id: deposit.coin_id == coin_id),
        "chain": (is_text, lambda deposit, chain: deposit.chain == chain),
        "toAddress": (is_text, lambda deposit, address: deposit.to_address == address),
    },
    view=_user_view,
    any_of=("userId",),
)

APP_DEPOSITS = Listing(
    records=lambda books: [deposit for deposit in books.deposit_shelf if deposit.user_id is None],
    filters={
        "coinId": (is_coin_id, lambda deposit, coin_id: deposit.coin_id == coin_id),
        "referenceId": (is_order_id, lambda deposit, reference_id: deposit.reference_id == reference_id),
        "orderId": (is_order_id, lambda deposit, order_id: deposit.order_id == order_id),
        "chain": (is_text, lambda deposit, chain: deposit.chain == chain),
        "toAddress": (is_text, lambda deposit, address: deposit.to_address == address),
        "recordIds": (is_list_of(is_text), lambda deposit, ids: deposit.record_id in ids),
        "referenceIds": (is_list_of(is_order_id), lambda deposit, ids: deposit.reference_id in ids),
        "orderIds": (is_list_of(is_order_id), lambda deposit, ids: deposit.order_id in ids),
    },
    view=_app_view,
    not_both=("referenceId", "orderId"),
    at_most={"recordIds": 50, "referenceIds": 50, "orderIds": 50},
    has_limit=True,
)
