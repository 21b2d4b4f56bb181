"""The kinds of fields that commands are made of, each with its rule in words."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, StrictStr

from schemas.money import parse_amount, parse_rate

ORDER_ID = re.compile(r"[A-Za-z0-9_-]{3,64}")
# `sys` is the provider's own name space.
USER_ID = re.compile(r"(?!sys)[A-Za-z0-9_.:@-]{5,64}")
# Hours and minutes are bounded here: Python's reader takes offsets of 99 minutes, and later ones take 24:00.
INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]([01]\d|2[0-3]):\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII
)

# The account that pays, or is paid into: the merchant's own, or a user's.
ACCOUNT = re.compile(r"merchant|user:(?!sys)[A-Za-z0-9_.:@-]{5,64}")
COIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,50}")
CHAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}")
# Printable ASCII without the space; which of it is an address only the chain knows.
ADDRESS = re.compile(r"[!-~]{1,128}")

COIN_ID_MAX = 2**31 - 1


# Unicode's categories Cc and Cs.
UNCLEAN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def is_clean(text: str) -> bool:
    """No control characters and no lone surrogates: it can be stored, logged and shown as it is."""
    return UNCLEAN.search(text) is None


def one_spelling(tx_id: str) -> str:
    """One spelling for all spellings of a transaction's id, or two reports of one payment would not meet.

    A hash that begins with 0x may be written in either case; the case of others is part of them.
    """
    return tx_id.lower() if tx_id[:2] in ("0x", "0X") else tx_id


def matching(pattern: re.Pattern[str], rule: str) -> Callable[[str], str]:
    """A check that the whole text matches; `$` would let a trailing newline pass."""

    def check(text: str) -> str:
        if pattern.fullmatch(text) is None:
            raise ValueError(rule)
        return text

    return check


def _check_clean(text: str) -> str:
    if not is_clean(text):
        raise ValueError("must not contain control characters")
    return text


def _check_amount(text: str) -> str:
    parse_amount(text)
    return text


def _check_rate(text: str) -> str:
    parse_rate(text)
    return text


def _read_instant(value: object) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    if not isinstance(value, str) or INSTANT.fullmatch(value) is None:
        raise ValueError("must be an RFC 3339 time with its offset")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be an RFC 3339 time with its offset") from None


OrderId = Annotated[StrictStr, AfterValidator(matching(ORDER_ID, "must be 3-64 characters of A-Z a-z 0-9 _ -"))]
UserId = Annotated[
    StrictStr,
    AfterValidator(matching(USER_ID, "must be 5-64 characters of A-Z a-z 0-9 _ . : @ - and not start with sys")),
]
CoinId = Annotated[StrictInt, Field(ge=1, le=COIN_ID_MAX)]
Amount = Annotated[StrictStr, AfterValidator(_check_amount)]
Rate = Annotated[StrictStr, AfterValidator(_check_rate)]
CoinName = Annotated[StrictStr, AfterValidator(matching(COIN_NAME, "must be 1-50 characters of A-Z a-z 0-9 _ . -"))]
Address = Annotated[
    StrictStr, AfterValidator(matching(ADDRESS, "must be 1-128 printable ASCII characters without spaces"))
]
TransactionId = Annotated[Address, AfterValidator(one_spelling)]
ChainName = Annotated[StrictStr, AfterValidator(matching(CHAIN_NAME, "must be 1-32 characters of A-Z a-z 0-9 _ . -"))]
Memo = Annotated[StrictStr, Field(max_length=64), AfterValidator(_check_clean)]
# Null is what some serialisers write for a field that was left out.
Account = Annotated[
    StrictStr,
    AfterValidator(matching(ACCOUNT, "must be merchant or user:<userId>")),
    BeforeValidator(lambda account: "merchant" if account is None else account),
    Field(json_schema_extra={"type": ["string", "null"]}),
]
Remark = Annotated[StrictStr, Field(max_length=255), AfterValidator(_check_clean)]
Instant = Annotated[datetime, BeforeValidator(_read_instant)]
