"""Exact decimal arithmetic: a result that would have to be rounded raises instead.

Python's default context rounds silently at 28 digits, which is how simulated money would go
missing. Amounts have at most 64 characters (`is_amount`), so that neither a sum of balances nor
an amount times a price comes near the 200 digits of this context.
"""

import decimal
from decimal import Decimal

EXACT = decimal.Context(
    prec=200,
    traps=[
        decimal.Inexact,
        decimal.InvalidOperation,
        decimal.Overflow,
        decimal.Underflow,
        decimal.DivisionByZero,
    ],
)

ROUNDING_UP = decimal.Context(prec=200, rounding=decimal.ROUND_UP, traps=[decimal.InvalidOperation])


def add(left: Decimal, right: Decimal) -> Decimal:
    """left + right, exactly."""
    return EXACT.add(left, right)


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """left - right, exactly."""
    return EXACT.subtract(left, right)


def multiply(left: Decimal, right: Decimal) -> Decimal:
    """left x right, exactly."""
    return EXACT.multiply(left, right)


def decimals(amount: Decimal) -> int:
    """How many digits are written after the point, trailing zeros included."""
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int), "an amount is never NaN or infinite"
    return max(0, -exponent)


def plain(amount: Decimal) -> str:
    """Plain text without exponent and without trailing zeros: 1.50 becomes 1.5.

    A caller that compares amounts as text instead of as decimals is thereby found out.
    """
    return format(EXACT.normalize(amount), "f")


def round_up(amount: Decimal, places: int) -> Decimal:
    """The amount with at most so many decimals, rounded away from zero: the one rounding there is."""
    return amount.quantize(Decimal(1).scaleb(-places), context=ROUNDING_UP)
