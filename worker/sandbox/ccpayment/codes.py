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
    ORDER_DUPLICATE = 11011
    MERCHANT_NOT_FOUND = 12001
    COIN_INVALID = 13000
    BALANCE_INSUFFICIENT = 14000
    VALUE_BELOW_LIMIT = 14005
    TOO_MANY_DECIMALS = 14013


def success(data: Mapping[str, object]) -> Response:
    """The answer to a call that did what it was asked."""
    return _envelope(Code.SUCCESS, "success", data)


def refusal(code: int, detail: str = "") -> Response:
    """The answer with this code, documented or not; the detail is for whoever reads a log."""
    name = Code(code).name.lower().replace("_", " ") if code in _NAMED else "error"
    return _envelope(code, f"{name}: {detail}" if detail else name, None)


_NAMED = frozenset(int(code) for code in Code)


def _envelope(code: int, message: str, data: Mapping[str, object] | None) -> Response:
    body = {"code": int(code), "msg": message, "data": data}
    return Response(200, json.dumps(body, separators=(",", ":")).encode())
