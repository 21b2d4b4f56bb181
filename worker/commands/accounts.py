"""The lines of a journal."""

from decimal import Decimal

from schemas.event import Line
from schemas.money import negate

CUSTODY = "custody"


def pair(payer: str, receiver: str, coin: str, amount: Decimal, purpose: str) -> tuple[Line, ...]:
    """Two lines that sum to zero: from the payer to the receiver. An amount of zero makes none."""
    if not amount:
        return ()
    return Line(payer, coin, negate(amount), purpose), Line(receiver, coin, amount, purpose)
