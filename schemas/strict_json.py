"""JSON read strictly: UTF-8, one object, no duplicate keys, no NaN, bounded size and depth.

Lenient readers disagree about duplicate keys (Python keeps the last), so that the one who checks a message
and the one who executes it could see different amounts.
"""

import json
from typing import Any, NoReturn

# A command has a dozen short fields; 64 KiB is what the contract promises.
BODY_BYTES_MAX = 64 * 1024
# Beyond this nobody looks into a body that is refused anyway: while one is read, nothing else is done.
READABLE_BYTES_MAX = 4 * 1024 * 1024


class MalformedJson(ValueError):
    """The text is not one strict JSON object; the message says which rule it breaks."""


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in the body. Raises MalformedJson."""
    if len(body) > BODY_BYTES_MAX:
        raise MalformedJson(f"body: must be at most {BODY_BYTES_MAX} bytes")
    try:
        value = _decoder.decode(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise MalformedJson("body: must be UTF-8") from None
    except RecursionError:
        raise MalformedJson("body: is nested too deeply") from None
    except MalformedJson:
        raise
    except ValueError as error:  # also an integer of thousands of digits
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise MalformedJson(f"body: is not JSON{where}") from None
    if not isinstance(value, dict):
        raise MalformedJson("body: must be a JSON object")
    return value


def find_text(body: bytes, name: str) -> str | None:
    """The one text value of a top-level field in a body that is refused, so that its sender can be told.

    None when the body is no JSON object, when the field has several values, or is not text.
    """
    if len(body) > READABLE_BYTES_MAX:
        return None
    try:
        pairs = _pairs_decoder.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(pairs, tuple):  # with this hook an object, and nothing else, is a tuple
        return None
    values = [value for key, value in pairs if key == name]
    return values[0] if values and isinstance(values[0], str) and values.count(values[0]) == len(values) else None


def _refuse_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise MalformedJson("body: has a duplicate key")
    return value


def _refuse_constant(_name: str) -> NoReturn:
    raise MalformedJson("body: NaN and Infinity are not JSON")


# A number of thousands of digits is JSON all the same, and Python would not read it; no number is looked at here.
_pairs_decoder = json.JSONDecoder(
    object_pairs_hook=tuple, parse_constant=_refuse_constant, parse_int=lambda _digits: 0
)
_decoder = json.JSONDecoder(object_pairs_hook=_refuse_duplicate_keys, parse_constant=_refuse_constant)
