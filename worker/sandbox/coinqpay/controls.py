"""The controls of the simulated CoinQ Pay: money from outside, payments, and how withdrawals end.

Each takes camelCase JSON fields and the unix time, and raises `InputError` by the field's name.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any

from worker.sandbox.coinqpay.coins import COINS
from worker.sandbox.coinqpay.endings import Ending
from worker.sandbox.coinqpay.inputs import amount_of, coin_of, order_of, read, status_of
from worker.sandbox.coinqpay.merchant import Merchant
from worker.sandbox.coinqpay.moods import answers, coin, freeze, hold, ip, pace, permissions
from worker.sandbox.coinqpay.records import PayOrderStatus, queried_pay_order, queried_withdrawal
from worker.sandbox.errors import require
from worker.sandbox.exact import plain
from worker.sandbox.provider import Control

Answer = Mapping[str, object]


def controls_of(merchant: Merchant, routes: frozenset[str]) -> Mapping[str, Control]:
    """Every control by its action's name; `routes` are those that permissions are for."""
    return MappingProxyType(
        {
            "books": partial(books, merchant),
            "fund": partial(fund, merchant),
            "pay": partial(pay, merchant),
            "fail-pay-order": partial(fail_pay_order, merchant),
            "expire-pay-order": partial(expire_pay_order, merchant),
            "end-withdrawal": partial(end_withdrawal, merchant),
            "pace": partial(pace, merchant),
            "hold": partial(hold, merchant),
            "coin": partial(coin, merchant),
            "permissions": partial(permissions, merchant, routes),
            "freeze": partial(freeze, merchant),
            "ip": partial(ip, merchant),
            "answers": partial(answers, merchant),
        }
    )


def books(merchant: Merchant, fields: Mapping[str, Any], _at: float) -> Answer:
    """{}: balances, withdrawals and pay orders, oldest first."""
    read(fields)
    return {
        "balances": {name: plain(amount) for name, amount in merchant.books.balances().items()},
        "withdrawals": [queried_withdrawal(each) for each in merchant.books.withdrawals()],
        "payOrders": [queried_pay_order(each, in_milliseconds=False) for each in merchant.books.pay_orders()],
    }


def fund(merchant: Merchant, fields: Mapping[str, Any], _at: float) -> Answer:
    """{coin, amount}: money from outside."""
    read(fields, required=("coin", "amount"))
    chosen = coin_of(fields)
    merchant.books.fund(chosen.name, amount_of(fields, chosen))
    return {"balance": plain(merchant.books.balance(chosen.name))}


def pay(merchant: Merchant, fields: Mapping[str, Any], at: float) -> Answer:
    """{orderId, amount?, txHash?}: a payment is seen, also after expiry; another amount ends in 6."""
    read(fields, required=("orderId",), optional=("amount", "txHash"))
    order = order_of(fields, merchant.books)
    payable = {PayOrderStatus.UNPAID, PayOrderStatus.FAILED, PayOrderStatus.EXPIRED}
    require(order.status in payable, "orderId", "is of an order that is paid already")
    tx_hash = fields.get("txHash")
    require(tx_hash is None or (isinstance(tx_hash, str) and tx_hash != ""), "txHash", "must be a text")
    amount: Decimal = amount_of(fields, COINS[order.coin]) if "amount" in fields else order.amount
    merchant.pay_orders.pay(order, amount, tx_hash, at)
    return {"status": int(order.status)}


def fail_pay_order(merchant: Merchant, fields: Mapping[str, Any], at: float) -> Answer:
    """{orderId}: it becomes 4; a payment that is arriving does not count."""
    read(fields, required=("orderId",))
    order = order_of(fields, merchant.books)
    open_ones = {PayOrderStatus.UNPAID, PayOrderStatus.PENDING, PayOrderStatus.EXPIRED}
    require(order.status in open_ones, "orderId", "is of an order that is at its end")
    merchant.pay_orders.fail(order, at)
    return {"status": int(order.status)}


def expire_pay_order(merchant: Merchant, fields: Mapping[str, Any], at: float) -> Answer:
    """{orderId}: its time is up now, and it becomes 5; it can be paid all the same."""
    read(fields, required=("orderId",))
    order = order_of(fields, merchant.books)
    require(order.status is PayOrderStatus.UNPAID, "orderId", "is of an order that does not wait for its payment")
    merchant.pay_orders.expire(order, at)
    return {"status": int(order.status)}


def end_withdrawal(merchant: Merchant, fields: Mapping[str, Any], at: float) -> Answer:
    """{status, id}: that one, at once. {status, coin?, amount?, address?, times?}: those to come."""
    read(fields, required=("status",), optional=("id", "coin", "amount", "address", "times"))
    status = status_of(fields, "status")
    if "id" not in fields:
        return _wish(merchant, fields, status)
    require(len(fields) == 2, "id", "goes with status alone")
    withdrawal = merchant.books.withdrawal(str(fields["id"]))
    require(withdrawal is not None, "id", "is of no withdrawal")
    assert withdrawal is not None
    moved = merchant.withdrawals.move(withdrawal, status, at)
    require(moved, "status", "would take back money that is spent")
    return {"status": status}


def _wish(merchant: Merchant, fields: Mapping[str, Any], status: int) -> Answer:
    """Without anything to tell them apart by, only the next one is meant."""
    chosen = coin_of(fields) if "coin" in fields else None
    if "amount" in fields:
        require(chosen is not None, "coin", "is required with amount")
    address, times = fields.get("address"), fields.get("times")
    require(address is None or isinstance(address, str), "address", "must be a text")
    require(times is None or (type(times) is int and times >= 1), "times", "must be a whole number from 1")
    ending = Ending(
        status=status,
        coin=None if chosen is None else chosen.name,
        amount=amount_of(fields, chosen) if chosen is not None and "amount" in fields else None,
        address=address,
        times=1 if times is None and chosen is None and address is None else times,
    )
    merchant.withdrawals.wishes.append(ending)
    return {"wishes": len(merchant.withdrawals.wishes)}
