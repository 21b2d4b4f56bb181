"""The provider's own rounding, where it has any: always to a stated number of decimals."""

import decimal
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

# Cut, so that a second rounding to fewer decimals sees no digit that was itself rounded up.
WIDE = decimal.Context(prec=400, rounding=ROUND_DOWN, traps=[decimal.InvalidOperation, decimal.DivisionByZero])


def round_down(value: Decimal, places: int) -> Decimal:
    """The value with at most so many decimals, the rest cut off."""
    return value.quantize(Decimal(1).scaleb(-places), ROUND_DOWN, WIDE)


def round_half_up(value: Decimal, places: int) -> Decimal:
    """The nearest value with at most so many decimals, a half away from zero."""
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, WIDE)


def divide_down(left: Decimal, right: Decimal, places: int) -> Decimal:
    """left / right with at most so many decimals, the rest cut off."""
    return round_down(WIDE.divide(left, right), places)


def divide_half_up(left: Decimal, right: Decimal, places: int) -> Decimal:
    """left / right to the nearest with at most so many decimals."""
    return round_half_up(WIDE.divide(left, right), places)
