"""CoinQ Pay's documented codes and its envelopes.

The envelope of an error is not documented, nor are HTTP statuses: assumed are those of the
related interface whose numbers these are.
"""

import json
from dataclasses import dataclass
from enum import IntEnum

from worker.sandbox.message import Response


class Code(IntEnum):
    """The documented error codes."""

    INTERNAL = 1000
    METHOD_NOT_SUPPORTED = 1002
    UNEXPECTED_REQUEST = 1003
    REQUEST_EXPIRED = 1004
    REPLAY = 1005
    HEADER_MISSING = 12000
    SIGNATURE_WRONG = 12001
    COIN_NOT_SUPPORTED = 12002
    PERMISSION_DENIED = 12003
    TRANSACTION_NOT_FOUND = 12004
    KEY_WITHOUT_PERMISSION = 12005
    IP_NOT_ALLOWED = 12006
    BALANCE_INSUFFICIENT = 12007
    COIN_UNAVAILABLE = 12008
    ACCOUNT_FROZEN = 12010
    AMOUNT_TOO_SMALL = 12011
    ADDRESS_INVALID = 12012
    ADDRESS_NOT_BOUND = 12015
    ORDER_NOT_FOUND = 12016
    ORDER_DUPLICATE = 12017
    TOO_MANY_DECIMALS = 12204


# Every other code comes with 400: nothing was done, and the related interface keeps 500 and more for faults inside.
_HTTP_STATUSES = {
    Code.INTERNAL: 500,
    Code.METHOD_NOT_SUPPORTED: 405,
    Code.REQUEST_EXPIRED: 401,
    Code.REPLAY: 401,
    Code.HEADER_MISSING: 401,
    Code.SIGNATURE_WRONG: 401,
    Code.KEY_WITHOUT_PERMISSION: 401,
    Code.PERMISSION_DENIED: 403,
    Code.IP_NOT_ALLOWED: 403,
    Code.ACCOUNT_FROZEN: 403,
    Code.TRANSACTION_NOT_FOUND: 404,
    Code.ORDER_NOT_FOUND: 404,
}
_NAMED = {int(code): code for code in Code}


@dataclass(frozen=True, slots=True)
class Refusal:
    """The provider refuses a call with this code; the detail is for whoever reads a log."""

    code: Code
    detail: str = ""


def success(result: object) -> Response:
    """The answer to a call that did what it was asked."""
    return _json(200, {"success": True, "result": result})


def refusal(code: int, error_id: str, detail: str = "") -> Response:
    """The answer with this code, documented or not."""
    named = _NAMED.get(code)
    name = "error" if named is None else named.name.lower().replace("_", " ")
    envelope = {
        "success": False,
        "error_code": int(code),
        "error_message": f"{name}: {detail}" if detail else name,
        "error_id": error_id,
    }
    return _json(400 if named is None else _HTTP_STATUSES.get(named, 400), envelope)


def _json(status: int, value: object) -> Response:
    return Response(status, json.dumps(value, separators=(",", ":")).encode())
