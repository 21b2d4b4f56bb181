"""The form of parameters, as far as the providers agree on it: JSON objects, amounts, and which of them is wrong."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from worker.sandbox.provider import Parameters

Check = Callable[[object], bool]

# Longer than any balance; it keeps exact arithmetic within its digits.
AMOUNT_CHARACTERS = 64

AMOUNT = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")


def decode_object(body: bytes, *, names_once: bool) -> Parameters | None:
    """The JSON object of a body; None when it is anything else. With `names_once`, also when a name comes twice."""
    try:
        # Decoded here, because json would also accept UTF-16 and UTF-32.
        value = (_ONCE if names_once else _LAST).decode(body.decode("utf-8"))
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


def is_amount(value: object) -> bool:
    """Decimal text above zero: no sign, exponent, grouping, or digits of other scripts."""
    return is_amount_or_zero(value) and str(value).strip("0.") != ""


def is_amount_or_zero(value: object) -> bool:
    """As an amount, but zero is one as well."""
    return isinstance(value, str) and len(value) <= AMOUNT_CHARACTERS and AMOUNT.fullmatch(value) is not None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name comes twice")
    return dict(pairs)


_LAST = json.JSONDecoder(parse_constant=_refuse_constant)
_ONCE = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_once)
