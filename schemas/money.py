"""Exact money: decimal text in, Decimal inside, decimal text out; never rounded, never a float.

A Decimal's own operators round to the default context's 28 digits, unary minus included. All arithmetic
on money goes through the functions here, whose context is wide enough for any amount and traps what is not exact.
"""

import re
from collections.abc import Iterable
from decimal import Context, Decimal, FloatOperation, Inexact, InvalidOperation

# 38 integer digits and 18 decimals: what NUMERIC holds in the ledger and what a uint256 token amount needs.
# ASCII digits only, no sign, no exponent, no underscore, no leading zero: Decimal itself takes all of these.
AMOUNT = re.compile(r"(0|[1-9][0-9]{0,37})(\.[0-9]{1,18})?")

AMOUNT_RULE = "must be a decimal string above zero, at most 38 digits before the point and 18 after it"

# A part of a whole, such as a fee: 0.01 is one percent.
RATE = re.compile(r"0(\.[0-9]{1,18})?")

RATE_RULE = "must be a decimal string from 0 to below 1, at most 18 digits after the point"

# Providers' records pad to 24 decimals and swap results carry 18.
RECORD_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,37})(\.[0-9]{1,24})?")

EXACT = Context(prec=100, traps=[Inexact, InvalidOperation, FloatOperation])


def parse_amount(text: str) -> Decimal:
    """The amount of a command, above zero. Raises ValueError with the rule when the text is not one."""
    if AMOUNT.fullmatch(text) is None:
        raise ValueError(AMOUNT_RULE)
    amount = Decimal(text)
    if not amount:
        raise ValueError(AMOUNT_RULE)
    return amount


def parse_rate(text: str) -> Decimal:
    """A rate from 0 to below 1. Raises ValueError with the rule when the text is not one."""
    if RATE.fullmatch(text) is None:
        raise ValueError(RATE_RULE)
    return Decimal(text)


def parse_record_amount(text: str) -> Decimal:
    """An amount in a provider's answer: zero and 24 decimals allowed. Raises ValueError."""
    if RECORD_AMOUNT.fullmatch(text) is None:
        raise ValueError("must be a decimal string")
    return Decimal(text)


def negate(amount: Decimal) -> Decimal:
    """Minus the amount, exactly."""
    return amount.copy_negate()


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum; zero for none."""
    result = Decimal(0)
    for amount in amounts:
        result = EXACT.add(result, amount)
    return result


def show(amount: Decimal) -> str:
    """Plain decimal text: no exponent, no trailing zeros, no minus zero."""
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
