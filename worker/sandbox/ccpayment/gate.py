"""What CCPayment checks before it looks at what is asked: headers, account, clock, signature."""

import re
from collections.abc import Callable, Mapping

from worker.sandbox.ccpayment.codes import Code
from worker.sandbox.message import Request

REQUIRED_HEADERS = ("content-type", "appid", "timestamp", "sign")

# The provider says two minutes and nothing about stamps from the future; the strict reading is
# that they are refused too, so that a clock that runs ahead is found out.
WINDOW_SECONDS = 120

TIMESTAMP = re.compile("[0-9]{10}")

Matches = Callable[[str, str, str, bytes, str], bool]
"""Whether app id, secret, timestamp, body and signature go together."""


def check(request: Request, app_id: str, app_secret: str, at: float, matches: Matches) -> tuple[Code, str] | None:
    """The first refusal in the provider's order with its detail, or None when the request may pass."""
    headers = request.headers
    wrong = _wrong_header(headers)
    if wrong is not None:
        return Code.HEADER_INVALID, wrong
    if headers["appid"] != app_id:
        return Code.MERCHANT_NOT_FOUND, ""
    if not _is_current(headers["timestamp"], at):
        return Code.REQUEST_EXPIRED, ""
    if not matches(app_id, app_secret, headers["timestamp"], request.body, headers["sign"]):
        return Code.SIGNATURE_WRONG, ""
    return None


def _wrong_header(headers: Mapping[str, str]) -> str | None:
    missing = next((name for name in REQUIRED_HEADERS if not headers.get(name)), None)
    if missing is not None:
        return f"{missing} is missing"
    media_type = headers["content-type"].partition(";")[0].strip().lower()
    return None if media_type == "application/json" else "content-type is not application/json"


def _is_current(timestamp: str, at: float) -> bool:
    """Ten digits of unix seconds: thirteen would be milliseconds, a documented trap."""
    if TIMESTAMP.fullmatch(timestamp) is None:
        return False
    return abs(at - int(timestamp)) <= WINDOW_SECONDS
