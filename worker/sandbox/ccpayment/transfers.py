"""Transfers between users: `userTransfer` and `getUserTransferRecord`."""

from decimal import Decimal

from worker.sandbox.ccpayment.account import Account
from worker.sandbox.ccpayment.books import Books
from worker.sandbox.ccpayment.codes import Code, refusal, success
from worker.sandbox.ccpayment.coins import COINS
from worker.sandbox.ccpayment.listing import is_hidden
from worker.sandbox.ccpayment.parameters import given, is_coin_id, is_order_id, is_remark, is_user_id
from worker.sandbox.ccpayment.records import Status, Transfer
from worker.sandbox.exact import decimals, multiply, plain
from worker.sandbox.message import Response
from worker.sandbox.parameters import first_wrong, is_amount
from worker.sandbox.provider import Conditions, Parameters

MINIMUM_VALUE_USD = Decimal("0.001")

REQUIRED = {
    "fromUserId": is_user_id,
    "toUserId": is_user_id,
    "coinId": is_coin_id,
    "amount": is_amount,
    "orderId": is_order_id,
}
OPTIONAL = {"remark": is_remark}


def user_transfer(account: Account, parameters: Parameters, at: float, conditions: Conditions) -> Response:
    """Move money at once, or refuse; a refusal leaves nothing behind, not even the order id."""
    wrong = first_wrong(parameters, REQUIRED, OPTIONAL)
    if wrong is None and parameters["fromUserId"] == parameters["toUserId"]:
        wrong = "toUserId"
    if wrong is not None:
        return refusal(Code.INVALID_ARGUMENT, wrong)
    status = Status.FAILED if conditions.fails else Status.SUCCESS
    transfer = _transfer(account.books, parameters, status, at)
    code = _judge(account, transfer)
    if code is not None:
        return refusal(code)
    account.books.write(transfer)
    if status is Status.FAILED:
        return refusal(Code.FAILED)
    return success({"recordId": transfer.record_id})


def get_user_transfer_record(account: Account, parameters: Parameters, at: float, conditions: Conditions) -> Response:
    """Find a transfer by either id; with both, it must be the same one."""
    asked = given(parameters, LOOKUPS)
    if not asked:
        return refusal(Code.INVALID_ARGUMENT, "recordId and orderId are both empty")
    wrong = first_wrong(asked, {}, LOOKUPS)
    if wrong is not None:
        return refusal(Code.INVALID_ARGUMENT, wrong)
    transfer = find(account.books, asked)
    if transfer is None or is_hidden(transfer, at, conditions.lag_seconds):
        return refusal(Code.NOT_FOUND)
    return success({"record": record_of(transfer)})


def asked_for(account: Account, parameters: Parameters, _at: float) -> list[Transfer]:
    """What a lookup with these parameters is about, right or wrong as they may be."""
    transfer = find(account.books, parameters)
    return [] if transfer is None else [transfer]


def find(books: Books, parameters: Parameters) -> Transfer | None:
    """The transfer with these ids."""
    record_id, order_id = parameters.get("recordId", ""), parameters.get("orderId", "")
    shelf = books.transfer_shelf
    transfer = shelf.by_record_id(str(record_id)) if record_id else shelf.by_order_id(str(order_id))
    if transfer is None or order_id not in {"", transfer.order_id}:
        return None
    return transfer


def record_of(transfer: Transfer) -> dict[str, object]:
    """The record as callers see it: no time, and no remark where none was given."""
    record: dict[str, object] = {
        "recordId": transfer.record_id,
        "coinId": transfer.coin_id,
        "coinSymbol": COINS[transfer.coin_id].symbol,
        "orderId": transfer.order_id,
        "fromUserId": transfer.from_user_id,
        "toUserId": transfer.to_user_id,
        "amount": plain(transfer.amount),
        "status": transfer.status,
    }
    return {**record, "remark": transfer.remark} if transfer.remark else record


def _transfer(books: Books, parameters: Parameters, status: Status, at: float) -> Transfer:
    coin_id, remark = parameters["coinId"], parameters.get("remark")
    assert isinstance(coin_id, int), "its form was checked"
    return Transfer(
        record_id=books.new_record_id(at),
        order_id=str(parameters["orderId"]),
        coin_id=coin_id,
        from_user_id=str(parameters["fromUserId"]),
        to_user_id=str(parameters["toUserId"]),
        amount=Decimal(str(parameters["amount"])),
        remark=None if remark is None else str(remark),
        status=status,
        at=at,
    )


def _judge(account: Account, transfer: Transfer) -> Code | None:
    """Duplicates first: a copy of what was done is a duplicate, even when the payer is now poor
    or the copy has other content."""
    if account.books.is_used(transfer.order_id):
        return Code.ORDER_DUPLICATE
    coin = account.market.coins.get(transfer.coin_id)
    if coin is None:
        return Code.COIN_INVALID
    if decimals(transfer.amount) > coin.precision:
        return Code.TOO_MANY_DECIMALS
    if multiply(transfer.amount, coin.price_usdt) < MINIMUM_VALUE_USD:
        return Code.VALUE_BELOW_LIMIT
    if account.books.balance(transfer.from_user_id, transfer.coin_id) < transfer.amount:
        return Code.BALANCE_INSUFFICIENT
    return None


def _is_record_id(value: object) -> bool:
    return isinstance(value, str)


LOOKUPS = {"recordId": _is_record_id, "orderId": is_order_id}
