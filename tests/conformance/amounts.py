"""Random amounts and rates for the tests that send them through the wire."""

import decimal
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st

from schemas.money import show, total

# Each example is three to five requests.
THROUGH_THE_WIRE = settings(max_examples=150, deadline=None)

ROUNDING_UP = decimal.Context(prec=100, rounding=decimal.ROUND_UP)


@st.composite
def amounts(draw: st.DrawFn, digits: int, places: int, least: Decimal = Decimal(0)) -> Decimal:
    """Above `least`, by up to so many digits before the point and decimals after it; of every size alike."""
    size = draw(st.integers(1 - places, digits))
    decimals = draw(st.integers(max(0, 1 - size), places))
    number = draw(st.integers(1, 10 ** (size + decimals) - 1))
    return total([least, Decimal(number).scaleb(-decimals)])


def worth(value: Decimal, price: Decimal, places: int) -> Decimal:
    """The least amount with so many decimals that has this value."""
    return ROUNDING_UP.divide(value, price).quantize(Decimal(1).scaleb(-places), context=ROUNDING_UP)


def rates() -> st.SearchStrategy[str | None]:
    """A share from nothing to a half, or none at all."""
    return st.one_of(st.none(), st.integers(0, 10**6 // 2).map(lambda number: show(Decimal(number).scaleb(-6))))
