"""JSON read strictly: UTF-8, one object, no duplicate keys, no NaN, bounded size and depth.

Lenient readers disagree about duplicate keys (Python keeps the last), so that the one who checks a message
and the one who executes it could see different amounts.
"""

import json
from typing import Any, NoReturn

# A command has a dozen short fields; 64 KiB is what the contract promises.
BODY_BYTES_MAX = 64 * 1024


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


def _refuse_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise MalformedJson("body: has a duplicate key")
    return value


def _refuse_constant(_name: str) -> NoReturn:
    raise MalformedJson("body: NaN and Infinity are not JSON")


_decoder = json.JSONDecoder(object_pairs_hook=_refuse_duplicate_keys, parse_constant=_refuse_constant)
