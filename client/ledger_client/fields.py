"""The kinds of fields that commands are made of, each with its rule in words.

The worker has these rules too, and its word counts. Here they tell a caller before anything is sent; the project's
tests hold the two against each other.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, StrictStr

# ASCII digits only, no sign, no exponent, no underscore, no leading zero: Decimal itself takes all of these.
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,37})(\.[0-9]{1,18})?")
_RATE = re.compile(r"0(\.[0-9]{1,18})?")

_AMOUNT_RULE = "must be a decimal string or a Decimal above zero, at most 38 digits before the point and 18 after it"
_RATE_RULE = "must be a decimal string or a Decimal from 0 to below 1, at most 18 digits after the point"
_INSTANT_RULE = "must be a datetime with its time zone"


def is_clean(text: str) -> bool:
    """No control characters and no lone surrogates."""
    return all(unicodedata.category(character) not in ("Cc", "Cs") for character in text)


def _matching(pattern: str, rule: str) -> AfterValidator:
    whole = re.compile(pattern)

    def check(text: str) -> str:
        if whole.fullmatch(text) is None:  # `match` with `$` would let a trailing newline pass
            raise ValueError(rule)
        return text

    return AfterValidator(check)


def _check_clean(text: str) -> str:
    if not is_clean(text):
        raise ValueError("must not contain control characters")
    return text


def _read_decimal(pattern: re.Pattern[str], rule: str, *, above_zero: bool) -> Callable[[object], str]:
    """Plain decimal text. A float has lost the amount already, and an int may be meant as cents."""

    def read(value: object) -> str:
        text = format(value, "f") if isinstance(value, Decimal) else value
        if not isinstance(text, str) or pattern.fullmatch(text) is None or (above_zero and not Decimal(text)):
            raise ValueError(rule)
        return text

    return read


def _read_instant(value: object) -> datetime:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise ValueError(_INSTANT_RULE)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError(_INSTANT_RULE) from None


OrderId = Annotated[StrictStr, _matching(r"[A-Za-z0-9_-]{3,64}", "must be 3-64 characters of A-Z a-z 0-9 _ -")]
UserId = Annotated[
    StrictStr,
    # `sys` is the provider's own name space.
    _matching(
        r"(?!sys)[A-Za-z0-9_.:@-]{5,64}", "must be 5-64 characters of A-Z a-z 0-9 _ . : @ - and not start with sys"
    ),
]
# None is what some services pass on for a field that was left out.
Account = Annotated[
    StrictStr,
    _matching(r"merchant|user:(?!sys)[A-Za-z0-9_.:@-]{5,64}", "must be merchant or user:<userId>"),
    BeforeValidator(lambda account: "merchant" if account is None else account),
]
CoinId = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]
CoinName = Annotated[StrictStr, _matching(r"[A-Za-z0-9_.-]{1,50}", "must be 1-50 characters of A-Z a-z 0-9 _ . -")]
ChainName = Annotated[StrictStr, _matching(r"[A-Za-z0-9_.-]{1,32}", "must be 1-32 characters of A-Z a-z 0-9 _ . -")]
Address = Annotated[StrictStr, _matching(r"[!-~]{1,128}", "must be 1-128 printable ASCII characters without spaces")]
Memo = Annotated[StrictStr, Field(max_length=64), AfterValidator(_check_clean)]
Remark = Annotated[StrictStr, Field(max_length=255), AfterValidator(_check_clean)]
Amount = Annotated[str | Decimal, BeforeValidator(_read_decimal(_AMOUNT, _AMOUNT_RULE, above_zero=True))]
Rate = Annotated[str | Decimal, BeforeValidator(_read_decimal(_RATE, _RATE_RULE, above_zero=False))]
Instant = Annotated[datetime, BeforeValidator(_read_instant)]
