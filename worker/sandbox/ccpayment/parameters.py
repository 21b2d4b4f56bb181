"""The form of request parameters: JSON types, lengths and spelling, exactly as documented."""

import json
import re
from collections.abc import Callable, Mapping
from typing import NoReturn

from worker.sandbox.provider import Parameters

Check = Callable[[object], bool]

# Longer than any balance; it keeps exact arithmetic within its digits.
AMOUNT_CHARACTERS = 64

AMOUNT = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")


def read_object(body: bytes) -> Parameters | None:
    """The JSON object of a body, None when it is anything else. An empty body is an empty object:
    routes without parameters are documented with either."""
    if not body:
        return {}
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


def is_coin_id(value: object) -> bool:
    """A JSON integer from 1; `true` is none, though Python calls it one."""
    return type(value) is int and value >= 1


def is_amount(value: object) -> bool:
    """Decimal text above zero: no sign, exponent, grouping, or digits of other scripts."""
    if not isinstance(value, str) or len(value) > AMOUNT_CHARACTERS:
        return False
    return AMOUNT.fullmatch(value) is not None and value.strip("0.") != ""


def is_order_id(value: object) -> bool:
    """Text of 3 to 64 characters."""
    return isinstance(value, str) and 3 <= len(value) <= 64


def is_user_id(value: object) -> bool:
    """Text of 5 to 64 characters that does not start with `sys`. An APP ID is one too."""
    return isinstance(value, str) and 5 <= len(value) <= 64 and not value.startswith("sys")


def is_remark(value: object) -> bool:
    """Text of up to 255 characters."""
    return isinstance(value, str) and len(value) <= 255


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
