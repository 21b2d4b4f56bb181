"""Swaps as callers see them: plain numbers in answers, some padded to 24 decimals in records."""

from decimal import Decimal

from worker.sandbox.ccpayment.account import Account
from worker.sandbox.ccpayment.quote import Quote
from worker.sandbox.ccpayment.records import Status, Swap
from worker.sandbox.exact import plain
from worker.sandbox.provider import Parameters

RECORD_PLACES = 24


def quote_view(asked: Parameters, quote: Quote) -> dict[str, object]:
    """The fields that a quote and the answer to a swap share."""
    return {
        "coinIdIn": asked["coinIdIn"],
        "coinIdOut": asked["coinIdOut"],
        "amountOut": plain(quote.amount_out),
        "amountIn": plain(quote.amount_in),
        "swapRate": plain(quote.swap_rate),
        "fee": plain(quote.fee),
        "feeRate": plain(quote.fee_rate),
        "extraFee": plain(quote.extra_fee),
        "netAmountOut": plain(quote.net_amount_out),
    }


def record_view(account: Account, swap: Swap, at: float) -> dict[str, object]:
    """The record; its times are unix seconds, and nothing arrives but a success.

    The minimum is there where one was asked for: the documented sample, without one, omits it.
    """
    quote, coins = swap.quote, account.market.coins
    status = swap.status(at)
    minimum = swap.amount_out_minimum
    record: dict[str, object] = {
        "recordId": swap.record_id,
        "orderId": swap.order_id,
        "coinInSymbol": coins[swap.coin_id_in].symbol,
        "coinIdIn": swap.coin_id_in,
        "coinOutSymbol": coins[swap.coin_id_out].symbol,
        "coinIdOut": swap.coin_id_out,
        "amountOut": plain(quote.amount_out),
        "amountIn": padded(quote.amount_in),
        "netAmountOut": padded(quote.net_amount_out),
        "userId": swap.user_id,
        "extraFee": plain(quote.extra_fee),
        "extraFeeRate": plain(quote.extra_fee_rate),
        "swapRate": padded(quote.swap_rate),
        "feeRate": plain(quote.fee_rate),
        "fee": padded(quote.fee),
        "status": status,
        "createdAt": int(swap.at),
        "arrivedAt": int(swap.done_at) if status is Status.SUCCESS else 0,
    }
    return record if minimum is None else {**record, "amountOutMinimum": plain(minimum)}


def padded(amount: Decimal) -> str:
    """Text with exactly 24 decimals; no amount here has more, so nothing is lost."""
    return format(amount, f".{RECORD_PLACES}f")
