"""Swaps of a user's coins: `estimate` and `userSwap`."""

from decimal import Decimal

from worker.sandbox.ccpayment.account import Account
from worker.sandbox.ccpayment.books import Books
from worker.sandbox.ccpayment.codes import Code, refusal, success
from worker.sandbox.ccpayment.coins import CoinStatus
from worker.sandbox.ccpayment.parameters import given, is_coin_id, is_order_id, is_rate, is_user_id
from worker.sandbox.ccpayment.quote import Quote, quote
from worker.sandbox.ccpayment.records import Status, Swap
from worker.sandbox.ccpayment.swap_views import quote_view
from worker.sandbox.exact import decimals
from worker.sandbox.message import Response
from worker.sandbox.parameters import first_wrong, is_amount, is_amount_or_zero
from worker.sandbox.provider import Conditions, Parameters

ESTIMATE = {"coinIdIn": is_coin_id, "amountIn": is_amount, "coinIdOut": is_coin_id}
SWAP = {"orderId": is_order_id, "userId": is_user_id, **ESTIMATE}
EXTRA_FEE = {"extraFeeRate": is_rate}
OPTIONAL = {**EXTRA_FEE, "amountOutMinimum": is_amount_or_zero}


def estimate(account: Account, parameters: Parameters, _at: float, _conditions: Conditions) -> Response:
    """What a swap would bring now. It reserves nothing and nobody is bound by it."""
    asked = given(parameters, {**ESTIMATE, **EXTRA_FEE})
    wrong = first_wrong(asked, ESTIMATE, EXTRA_FEE)
    if wrong is not None:
        return refusal(Code.INVALID_ARGUMENT, wrong)
    quoted = _quote(account, asked)
    return refusal(quoted) if isinstance(quoted, Code) else success(quote_view(asked, quoted))


def user_swap(account: Account, parameters: Parameters, at: float, conditions: Conditions) -> Response:
    """Exchange a user's coins at the prices of now. The answer has no status: see the record."""
    asked = given(parameters, {**SWAP, **OPTIONAL})
    wrong = first_wrong(asked, SWAP, OPTIONAL)
    if wrong is not None:
        return refusal(Code.INVALID_ARGUMENT, wrong)
    if account.books.is_used(str(asked["orderId"])):
        return refusal(Code.ORDER_DUPLICATE)
    quoted = _quote(account, asked)
    if isinstance(quoted, Code):
        return refusal(quoted)
    swap = _swap(account, asked, quoted, at, conditions.fails)
    code = _judge(account.books, swap)
    if code is not None:
        return refusal(code)
    account.books.swap_shelf.put(swap, swap.order_id)
    if conditions.fails:
        return refusal(Code.FAILED)
    _begin(account, swap)
    return success({"recordId": swap.record_id, "orderId": swap.order_id, **quote_view(asked, quoted)})


def _quote(account: Account, asked: Parameters) -> Quote | Code:
    """The swap in numbers at the prices of now, or why there is none."""
    coins = account.market.coins
    id_in, id_out = asked["coinIdIn"], asked["coinIdOut"]
    assert isinstance(id_in, int), "its form was checked"
    assert isinstance(id_out, int), "its form was checked"
    coin_in, coin_out = coins.get(id_in), coins.get(id_out)
    if coin_in is None or coin_out is None:
        return Code.COIN_INVALID
    if coin_in is coin_out:
        return Code.SWAP_NOT_SUPPORTED
    # Not documented which states stop a swap: assumed is the one that stops everything else.
    if not all(coin.can_swap and coin.status is not CoinStatus.DELISTED for coin in (coin_in, coin_out)):
        return Code.COIN_STOPS_SWAP
    amount_in = Decimal(str(asked["amountIn"]))
    if decimals(amount_in) > coin_in.precision:
        return Code.TOO_MANY_DECIMALS
    extra_fee_rate = Decimal(str(asked.get("extraFeeRate", "0")))
    quoted = quote(amount_in, coin_in.price_usdt, coin_out.price_usdt, extra_fee_rate)
    return Code.SWAP_AMOUNT_TOO_LOW if quoted.net_amount_out <= 0 else quoted


def _swap(account: Account, asked: Parameters, quoted: Quote, at: float, fails: bool) -> Swap:
    id_in, id_out, minimum = asked["coinIdIn"], asked["coinIdOut"], asked.get("amountOutMinimum")
    assert isinstance(id_in, int), "its form was checked"
    assert isinstance(id_out, int), "its form was checked"
    order_id = str(asked["orderId"])
    plan = account.swap_plans.of(order_id)
    return Swap(
        record_id=account.books.new_record_id(at),
        order_id=order_id,
        user_id=str(asked["userId"]),
        coin_id_in=id_in,
        coin_id_out=id_out,
        quote=quoted,
        amount_out_minimum=None if minimum is None else Decimal(str(minimum)),
        outcome=Status.FAILED if fails or plan.fails else Status.SUCCESS,
        at=at,
        done_at=at if fails else at + plan.processing_seconds,
    )


def _judge(books: Books, swap: Swap) -> Code | None:
    """Not documented whether the minimum binds the amount before or after fees: before."""
    if swap.amount_out_minimum is not None and swap.quote.amount_out < swap.amount_out_minimum:
        return Code.AMOUNT_OUT_MINIMUM_TOO_HIGH
    if books.balance(swap.user_id, swap.coin_id_in) < swap.quote.amount_in:
        return Code.BALANCE_INSUFFICIENT
    return None


def _begin(account: Account, swap: Swap) -> None:
    """Take the coins in; what comes of them is settled now or later."""
    account.books.spend(swap.user_id, swap.coin_id_in, swap.quote.amount_in)
    account.agenda.add(swap.done_at, lambda _at: _settle(account, swap))
    account.agenda.advance(swap.at)


def _settle(account: Account, swap: Swap) -> None:
    """Pay out, or give back. The fee goes to the provider and is in nobody's balance; not
    documented where the extra fee goes: assumed is the merchant, whose fee it is."""
    books, quoted = account.books, swap.quote
    if swap.outcome is Status.FAILED:
        books.fund(swap.user_id, swap.coin_id_in, quoted.amount_in)
        return
    books.fund(swap.user_id, swap.coin_id_out, quoted.net_amount_out)
    if quoted.extra_fee:
        books.fund(account.app_id, swap.coin_id_out, quoted.extra_fee)
