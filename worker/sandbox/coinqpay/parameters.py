"""The form of CoinQ Pay's parameters: the query of a GET, the JSON body of a POST, and each value."""

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from worker.sandbox.provider import Parameters

Check = Callable[[object], bool]

# Longer than any balance; it keeps exact arithmetic within its digits.
AMOUNT_CHARACTERS = 64

AMOUNT = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")

# What a byte after a percent sign must be; the standard library lets others through.
BROKEN_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")

# The form of an address; its checksum is not verified, so that made-up ones can be used.
EVM_ADDRESS = re.compile("0x[0-9A-Fa-f]{40}")
ADDRESSES = MappingProxyType(
    {
        "TRON": re.compile("T[1-9A-HJ-NP-Za-km-z]{33}"),
        "BSC": EVM_ADDRESS,
        "ETH": EVM_ADDRESS,
    }
)


def read_query(query: str) -> Parameters | None:
    """The parameters of a raw query; None when one comes twice or is not percent-encoded UTF-8."""
    if BROKEN_PERCENT.search(query):
        return None
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=query != "", errors="strict")
    except ValueError:
        return None
    parameters = dict(pairs)
    return parameters if len(parameters) == len(pairs) else None


def read_object(body: bytes) -> Parameters | None:
    """The JSON object of a body; None when it is anything else, or has a name twice."""
    try:
        # Decoded here, because json would also accept UTF-16 and UTF-32.
        value = _DECODER.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def first_wrong(parameters: Parameters, required: Mapping[str, Check], optional: Mapping[str, Check]) -> str | None:
    """The name of the first parameter that is missing or malformed; unknown ones are ignored."""
    for name, is_right in required.items():
        if not is_right(parameters.get(name)):
            return name
    for name, is_right in optional.items():
        if name in parameters and not is_right(parameters[name]):
            return name
    return None


def is_coin(value: object) -> bool:
    """Text of 1 to 50 characters."""
    return isinstance(value, str) and 1 <= len(value) <= 50


def is_order_id(value: object) -> bool:
    """Text of 1 to 64 characters."""
    return isinstance(value, str) and 1 <= len(value) <= 64


def is_withdrawal_id(value: object) -> bool:
    """Text of 1 to 20 characters."""
    return isinstance(value, str) and 1 <= len(value) <= 20


def is_text(value: object) -> bool:
    """Text, whatever it says."""
    return isinstance(value, str)


def is_currency(value: object) -> bool:
    """One of the two currencies that prices are given in."""
    return value in {"USD", "HKD"} if isinstance(value, str) else False


def is_amount(value: object) -> bool:
    """Decimal text above zero: no sign, exponent, grouping, or digits of other scripts."""
    if not isinstance(value, str) or len(value) > AMOUNT_CHARACTERS:
        return False
    return AMOUNT.fullmatch(value) is not None and value.strip("0.") != ""


def is_address_of(chain: str, address: str) -> bool:
    """Whether the chain could have this address."""
    return ADDRESSES[chain].fullmatch(address) is not None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name comes twice")
    return dict(pairs)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_once)
