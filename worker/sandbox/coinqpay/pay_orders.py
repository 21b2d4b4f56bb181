"""Pay orders: made by POST `pay_order`, looked at by GET."""

import hashlib
from decimal import Decimal

from worker.sandbox.coinqpay.books import transaction_hash
from worker.sandbox.coinqpay.codes import Code, Refusal
from worker.sandbox.coinqpay.coins import COINS, Coin
from worker.sandbox.coinqpay.merchant import Merchant
from worker.sandbox.coinqpay.parameters import is_coin, is_order_id
from worker.sandbox.coinqpay.records import PayOrder, created_pay_order, queried_pay_order
from worker.sandbox.exact import decimals
from worker.sandbox.parameters import first_wrong, is_amount
from worker.sandbox.provider import Conditions, Parameters

# From creation to expiry in every documented sample.
LIFE_SECONDS = 900

CREATE = {"coin": is_coin, "order_id": is_order_id, "amount": is_amount}
QUERY = {"order_id": is_order_id}

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def create_pay_order(
    merchant: Merchant, parameters: Parameters, at: float, _conditions: Conditions
) -> dict[str, object] | Refusal:
    """An address that waits for money, once per order id."""
    wrong = first_wrong(parameters, CREATE, {})
    if wrong is not None:
        return Refusal(Code.UNEXPECTED_REQUEST, wrong)
    order_id = str(parameters["order_id"])
    if merchant.books.pay_order(order_id) is not None:
        return Refusal(Code.ORDER_DUPLICATE)
    coin = COINS.get(str(parameters["coin"]))
    if coin is None:
        return Refusal(Code.COIN_NOT_SUPPORTED)
    amount = Decimal(str(parameters["amount"]))
    refused = _judge(merchant, coin, amount)
    if refused is not None:
        return refused
    order = _order(merchant.books.ids.next(at), order_id, coin, amount, at)
    merchant.books.write_pay_order(order)
    merchant.pay_orders.start(order)
    return created_pay_order(order)


def get_pay_order(
    merchant: Merchant, parameters: Parameters, at: float, conditions: Conditions
) -> dict[str, object] | Refusal:
    """The pay order with this order id."""
    wrong = first_wrong(parameters, QUERY, {})
    if wrong is not None:
        return Refusal(Code.UNEXPECTED_REQUEST, wrong)
    order = merchant.books.pay_order(str(parameters["order_id"]))
    if order is None or (conditions.lag_seconds > 0 and at - order.at < conditions.lag_seconds):
        return Refusal(Code.ORDER_NOT_FOUND)
    return queried_pay_order(order, merchant.switches.millisecond_pay_orders)


def _judge(merchant: Merchant, coin: Coin, amount: Decimal) -> Refusal | None:
    if coin.name in merchant.switches.unavailable_coins:
        return Refusal(Code.COIN_UNAVAILABLE)
    if decimals(amount) > coin.decimals:
        return Refusal(Code.TOO_MANY_DECIMALS)
    if amount < coin.minimum_pay_amount:
        return Refusal(Code.AMOUNT_TOO_SMALL)
    return None


def _order(payment_id: str, order_id: str, coin: Coin, amount: Decimal, at: float) -> PayOrder:
    return PayOrder(
        payment_id=payment_id,
        order_id=order_id,
        coin=coin.name,
        chain=coin.chain,
        amount=amount,
        address=_address(coin.chain, payment_id),
        at=at,
        expires_at=int(at) + LIFE_SECONDS,
        tx_hash=transaction_hash(coin.chain, payment_id),
    )


def _address(chain: str, payment_id: str) -> str:
    """An address of its own for each order, in the form of the chain."""
    digest = hashlib.sha512(payment_id.encode()).digest()
    if chain == "TRON":
        return "T" + "".join(BASE58[byte % len(BASE58)] for byte in digest[:33])
    return "0x" + digest[:20].hex()
