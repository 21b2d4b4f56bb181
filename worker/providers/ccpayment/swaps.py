"""Swaps in numbers: what an order brings, as quoted and as recorded, and whether its amounts add up."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from schemas.money import negate, parse_record_amount, show, total
from worker.providers.ccpayment.api import Api, ReadFailed
from worker.providers.ccpayment.fields import CoinId, OptionalText, without_blanks
from worker.providers.ccpayment.wire import Wire
from worker.providers.protocol import Unreadable


@dataclass(frozen=True, slots=True)
class SwapAmounts:
    """Exact amounts: `amount_in` in the input coin, the other four in the output coin.

    `swap_rate` is output per unit of input; the provider's sentence that has it the other way round contradicts
    its own numbers. `fee_rate` is fee / amount_out rounded to 16 decimals, not the tariff: nothing follows from it.
    """

    amount_in: Decimal
    amount_out: Decimal
    net_amount_out: Decimal
    fee: Decimal
    extra_fee: Decimal
    swap_rate: Decimal | None
    fee_rate: Decimal | None


class SwapTexts(Protocol):
    """The amounts of a quote or a record as they came."""

    @property
    def amount_in(self) -> str: ...
    @property
    def amount_out(self) -> str: ...
    @property
    def net_amount_out(self) -> str: ...
    @property
    def fee(self) -> str: ...
    @property
    def extra_fee(self) -> str: ...
    @property
    def swap_rate(self) -> str: ...
    @property
    def fee_rate(self) -> str: ...


class _Quote(Wire):
    coin_id_in: CoinId
    coin_id_out: CoinId
    amount_in: OptionalText
    amount_out: OptionalText
    net_amount_out: OptionalText
    fee: OptionalText
    extra_fee: OptionalText = ""
    swap_rate: OptionalText = ""
    fee_rate: OptionalText = ""


async def estimate(
    api: Api, *, coin_id_in: int, amount_in: Decimal, coin_id_out: int, extra_fee_rate: Decimal | None = None
) -> SwapAmounts:
    """What a swap would bring now. It reserves nothing and has no expiry. Raises ReadFailed.

    `extra_fee_rate` is the merchant's own share of the output, 0.01 for one percent; for swaps of users alone.
    """
    route = "estimate"
    fields = without_blanks(
        coinIdIn=coin_id_in,
        amountIn=show(amount_in),
        coinIdOut=coin_id_out,
        extraFeeRate=None if extra_fee_rate is None else show(extra_fee_rate),
    )
    quote = await api.read_as(_Quote, route, fields)
    try:
        amounts = parse_swap_amounts(quote)
    except Unreadable as error:
        raise ReadFailed(route, str(error)) from None
    asked = (coin_id_in, coin_id_out, amount_in)
    if (quote.coin_id_in, quote.coin_id_out, amounts.amount_in) != asked:
        raise ReadFailed(route, "the answer is about another swap")
    return amounts


def parse_swap_amounts(texts: SwapTexts) -> SwapAmounts:
    """The amounts, all known, and net = amount out - fee - extra fee to the last decimal. Raises Unreadable.

    That equation holds exactly in all that the provider shows; fee = fee rate x amount out does not.
    """
    amounts = SwapAmounts(
        amount_in=_parse("amountIn", texts.amount_in),
        amount_out=_parse("amountOut", texts.amount_out),
        net_amount_out=_parse("netAmountOut", texts.net_amount_out),
        fee=_parse("fee", texts.fee),
        # Left out where no extra fee was asked for; if there was one, the equation below fails.
        extra_fee=_parse("extraFee", texts.extra_fee or "0"),
        swap_rate=_parse("swapRate", texts.swap_rate) if texts.swap_rate else None,
        fee_rate=_parse("feeRate", texts.fee_rate) if texts.fee_rate else None,
    )
    if total([amounts.amount_out, negate(amounts.fee), negate(amounts.extra_fee)]) != amounts.net_amount_out:
        raise Unreadable("netAmountOut is not amountOut - fee - extraFee")
    return amounts


def _parse(name: str, text: str) -> Decimal:
    try:
        return parse_record_amount(text)
    except ValueError:
        raise Unreadable(f"the answer's field {name} is missing or malformed") from None
