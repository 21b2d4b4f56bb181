"""The arithmetic of a swap: what comes out, what the provider keeps, what the merchant adds.

The provider's own printed numbers decide where its text is vague: the rate is output per input
although the text says the inverse, the amount out lies 0.4 percent under the market, and the
printed fee rate is the effective one, not the tariff.
"""

from dataclasses import dataclass
from decimal import Decimal

from worker.sandbox.ccpayment.rounding import divide_down, divide_half_up, round_down, round_half_up
from worker.sandbox.exact import add, multiply, subtract

SPREAD = Decimal("0.996")
TARIFF = Decimal("0.005")
MINIMUM_FEE_USDT = Decimal("0.1")

RATE_PLACES = 16
AMOUNT_PLACES = 18


@dataclass(frozen=True, slots=True)
class Quote:
    """One swap in numbers: `amount_in` in the input coin, fees and outputs in the output coin.

    net_amount_out = amount_out - fee - extra_fee, exactly; it is not above zero when the fees eat
    everything, which the provider refuses.
    """

    amount_in: Decimal
    amount_out: Decimal
    swap_rate: Decimal
    """Output per one of input."""
    fee: Decimal
    fee_rate: Decimal
    extra_fee: Decimal
    extra_fee_rate: Decimal
    net_amount_out: Decimal


def quote(amount_in: Decimal, price_in: Decimal, price_out: Decimal, extra_fee_rate: Decimal) -> Quote:
    """The swap of an amount at these prices in USDT; a rate of 0.01 is one percent of the output."""
    swap_rate = divide_down(multiply(price_in, SPREAD), price_out, RATE_PLACES)
    amount_out = round_down(multiply(amount_in, swap_rate), RATE_PLACES)
    fee = _fee(amount_out, price_out)
    extra_fee = round_down(multiply(extra_fee_rate, amount_out), AMOUNT_PLACES)
    return Quote(
        amount_in=amount_in,
        amount_out=amount_out,
        swap_rate=swap_rate,
        fee=fee,
        fee_rate=divide_half_up(fee, amount_out, RATE_PLACES) if amount_out else Decimal(0),
        extra_fee=extra_fee,
        extra_fee_rate=extra_fee_rate,
        net_amount_out=subtract(amount_out, add(fee, extra_fee)),
    )


def _fee(amount_out: Decimal, price_out: Decimal) -> Decimal:
    """The tariff or the minimum, whichever is more; the minimum is converted without the spread."""
    tariff = round_half_up(multiply(TARIFF, amount_out), AMOUNT_PLACES)
    return max(tariff, divide_half_up(MINIMUM_FEE_USDT, price_out, RATE_PLACES))
