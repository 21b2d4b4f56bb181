"""CoinQ Pay's answers as they come over the wire, read with care: they are somebody else's data."""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from worker.providers.http import Answer
from worker.providers.protocol import Unreadable
from worker.providers.reading import Model, clean_message, read_model

# What an error looks like is not documented. These are the places where its code and its words have been seen in
# interfaces of this kind, the most telling first.
CODE_FIELDS = ("error_code", "code")
MESSAGE_FIELDS = ("error_description", "error_message", "message", "msg")
CODE = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Result:
    """`{"success": true, "result": …}`."""

    result: Any


@dataclass(frozen=True, slots=True)
class Failure:
    """An error: its HTTP status, its code, and the provider's words, cleaned and possibly empty."""

    status: int
    code: int
    message: str


Envelope = Result | Failure


def read_envelope(answer: Answer) -> Envelope:
    """The envelope, at any HTTP status: which one errors come with is not documented. Raises Unreadable."""
    try:
        fields = _read_object(answer.body)
    except ValueError:
        raise Unreadable(f"HTTP status {answer.status} without the provider's envelope") from None
    match fields:
        case {"success": True, "result": result}:
            return Result(result)
        case {"success": success} if success is not False:
            raise Unreadable(f"HTTP status {answer.status} with neither a result nor an error")
        case {"result": result} if result:
            raise Unreadable(f"HTTP status {answer.status} with a result that is not called a success")
    return _read_failure(answer.status, fields)


def read_result(model: type[Model], result: object) -> Model:
    """The result as the model. Raises Unreadable naming the first field that is wrong."""
    return read_model(model, result, "result")


def read_results(model: type[Model], result: object) -> tuple[Model, ...]:
    """The result as a list of models, all of it or none. Raises Unreadable.

    An item that cannot be read is not left out: it may be the one that is looked for, and would be taken for absent.
    """
    if not isinstance(result, list):
        raise Unreadable("the answer's result is not a list")
    return tuple(read_result(model, item) for item in result)


def read_notice(model: type[Model], body: bytes) -> Model:
    """A webhook's body as the model: the bare object, without an envelope. Raises Unreadable."""
    try:
        fields = _read_object(body)
    except ValueError:
        raise Unreadable("the notice is not a JSON object") from None
    return read_result(model, fields)


def _read_failure(status: int, fields: dict[str, Any]) -> Failure:
    inner = fields.get("error")
    places = [fields, inner] if isinstance(inner, dict) else [fields]
    codes = (_read_code(place.get(name)) for place in places for name in CODE_FIELDS)
    code = next((code for code in codes if code is not None), None)
    if code is None:
        raise Unreadable(f"HTTP status {status} without an error code")
    words = (place.get(name) for place in places for name in MESSAGE_FIELDS)
    sentences = (clean_message(text) for text in words if isinstance(text, str))
    return Failure(status, code, next(filter(None, sentences), ""))


def _read_code(value: object) -> int | None:
    text = str(value) if isinstance(value, int | str) else ""  # true becomes a word, and no code
    return int(text) if CODE.fullmatch(text) else None


def _read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in the body, its numbers exact. Raises ValueError."""
    try:
        value = json.loads(
            body.decode(),
            parse_float=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_refuse_duplicate_keys,
        )
    except (ArithmeticError, RecursionError):  # Decimal's own, for an exponent of twenty digits
        raise ValueError("not readable") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _refuse_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):  # which of two amounts counts would be for each reader to choose
        raise ValueError("a duplicate key")
    return value


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")
