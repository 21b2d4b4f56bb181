"""CCPayment's documented codes as far as they are used here, and its envelope."""

import json
from collections.abc import Mapping
from enum import IntEnum

from worker.sandbox.message import Response


class Code(IntEnum):
    """Codes of the `code` field; everything but SUCCESS comes with `data` null and HTTP 200."""

    SUCCESS = 10000
    FAILED = 10001
    INVALID_ARGUMENT = 11000
    HEADER_INVALID = 11001
    NOT_FOUND = 11003
    SIGNATURE_WRONG = 11005
    REQUEST_EXPIRED = 11006
    QUERY_DURATION_TOO_LONG = 11008
    QUERY_NUMBER_TOO_LARGE = 11010
    ORDER_DUPLICATE = 11011
    MERCHANT_NOT_FOUND = 12001
    COIN_INVALID = 13000
    CHAIN_INVALID = 13001
    COIN_STOPS_SWAP = 13006
    BALANCE_INSUFFICIENT = 14000
    VALUE_BELOW_LIMIT = 14005
    TOO_MANY_DECIMALS = 14013
    TOO_MANY_ADDRESSES = 15001
    SWAP_AMOUNT_TOO_LOW = 16002
    AMOUNT_OUT_MINIMUM_TOO_HIGH = 16003
    SWAP_NOT_SUPPORTED = 16006


def success(data: Mapping[str, object]) -> Response:
    """The answer to a call that did what it was asked."""
    return _envelope(Code.SUCCESS, "success", data)


def refusal(code: int, detail: str = "") -> Response:
    """The answer with this code, documented or not; the detail is for whoever reads a log."""
    name = code_name(code)
    return _envelope(code, f"{name}: {detail}" if detail else name, None)


def code_name(code: int) -> str:
    """What a code says in words."""
    return Code(code).name.lower().replace("_", " ") if code in _NAMED else "error"


_NAMED = frozenset(int(code) for code in Code)


def _envelope(code: int, message: str, data: Mapping[str, object] | None) -> Response:
    body = {"code": int(code), "msg": message, "data": data}
    return Response(200, json.dumps(body, separators=(",", ":")).encode())
