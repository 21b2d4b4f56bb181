"""Whose account a user id is, and the lines of a journal."""

from decimal import Decimal

from schemas.event import Line
from schemas.money import negate

CUSTODY = "custody"


def account_of(user_id: str, merchant_user_id: str) -> str:
    """The ledger account of a provider's user; the merchant has one user id of its own there."""
    return "merchant" if user_id == merchant_user_id else f"user:{user_id}"


def pair(payer: str, receiver: str, coin: str, amount: Decimal, purpose: str) -> tuple[Line, ...]:
    """Two lines that sum to zero: from the payer to the receiver. An amount of zero makes none."""
    if not amount:
        return ()
    return Line(payer, coin, negate(amount), purpose), Line(receiver, coin, amount, purpose)
