"""What pydantic cannot say of a field in JSON Schema: each kind's pattern and its rule in words.

The patterns use neither look-around nor escapes that some engines lack. An engine whose `$` lets a trailing newline
pass refuses it by `not`, which is about text alone, so that null stays possible where it is.
"""

import re
from typing import Any

from pydantic import BaseModel

from schemas.event import CloudEvent, DepositCreditedData, EntryLine, PayOrderCreatedData, ReconcileDriftData
from schemas.fields import (
    ACCOUNT,
    ADDRESS,
    CHAIN_NAME,
    COIN_NAME,
    INSTANT,
    ORDER_ID,
    USER_ID,
    Account,
    Address,
    Amount,
    ChainName,
    CoinId,
    CoinName,
    Instant,
    Memo,
    OrderId,
    Rate,
    Remark,
    TransactionId,
    UserId,
)
from schemas.money import AMOUNT, AMOUNT_RULE, RATE, RATE_RULE

Schema = dict[str, Any]

# The controls of ASCII and of Latin-1, which is what Unicode calls controls.
_CONTROL = r"[\x00-\x1f\x7f-\x9f]"


def _text(pattern: re.Pattern[str], rule: str, never: str = r"\n") -> Schema:
    """The whole text matches the pattern, and nothing in it matches `never`."""
    portable = pattern.pattern.replace("(?!sys)", "").replace(r"\d", "[0-9]")
    return {"pattern": f"^({portable})$", "not": {"type": "string", "pattern": never}, "description": rule}


def _clean(rule: str) -> Schema:
    return {"not": {"type": "string", "pattern": _CONTROL}, "description": rule}


# Every kind of field that a command has. A field of no kind here could hold anything: a test looks for one.
KINDS: tuple[tuple[Any, Schema], ...] = (
    (OrderId, _text(ORDER_ID, "3-64 characters of A-Z a-z 0-9 _ -; unique for ever, across all types")),
    (
        UserId,
        _text(USER_ID, "5-64 characters of A-Z a-z 0-9 _ . : @ -, not starting with sys", never=r"^sys|\n"),
    ),
    (Account, _text(ACCOUNT, "merchant, or user:<userId>", never=r"^user:sys|\n")),
    (Amount, _text(AMOUNT, AMOUNT_RULE, never=r"^[0.]*$|\n")),
    (Rate, _text(RATE, RATE_RULE)),
    (CoinName, _text(COIN_NAME, "1-50 characters of A-Z a-z 0-9 _ . -")),
    (ChainName, _text(CHAIN_NAME, "1-32 characters of A-Z a-z 0-9 _ . -")),
    (Address, _text(ADDRESS, "1-128 printable ASCII characters without spaces")),
    (TransactionId, _text(ADDRESS, "1-128 printable ASCII characters without spaces")),
    (Instant, _text(INSTANT, "an RFC 3339 time with its offset")),
    (Memo, _clean("at most 64 characters, no control characters")),
    (Remark, _clean("at most 255 characters, no control characters")),
    (CoinId, {"description": "the provider's number of the coin, written without a point or an exponent"}),
)

# What holds for all commands, and what JSON Schema has no words for.
BODY_RULES = (
    "The body is one JSON object in UTF-8, at most 65536 bytes, without duplicate keys.",
    "Text has no lone surrogates.",
    "A time is one that exists: no 30 February, no 24:00.",
)
TYPE_RULES = {
    "transfer": ("toUserId differs from fromUserId.",),
    "swap": ("coinIdOut differs from coinIdIn.",),
}

_UNSIGNED: Schema = {"pattern": r"^(0|[1-9][0-9]*)(\.[0-9]+)?$", "description": "decimal text"}
_SIGNED: Schema = {"pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$", "description": "signed decimal text"}
_MOMENT: Schema = {
    "format": "date-time",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$",
    "description": "RFC 3339 in UTC, with microseconds",
}

# Fields of events, by model and JSON name.
EVENT_FIELDS: dict[type[BaseModel], dict[str, Schema]] = {
    CloudEvent: {
        "id": {"format": "uuid", "description": "the same whenever the same is told again: drop one that was seen"},
        "time": _MOMENT,
    },
    EntryLine: {"amount": _SIGNED},
    PayOrderCreatedData: {"amount": _UNSIGNED, "expiresAt": _MOMENT},
    DepositCreditedData: {"amount": _UNSIGNED, "fee": _UNSIGNED},
    ReconcileDriftData: {"ledgerAmount": _SIGNED, "providerAmount": _SIGNED},
}


def rule_of(kind: object) -> Schema:
    """The rule of a command's field, by its annotation; none for one that pydantic says whole."""
    return next((rule for known, rule in KINDS if known == kind), {})
