"""CCPayment v2 signing: HMAC-SHA256 over APP ID, Unix seconds and the raw body, keyed with the APP secret's text."""

import hashlib
import hmac
from collections.abc import Generator
from datetime import datetime

import httpx


def sign(app_id: str, app_secret: str, timestamp: str, body: bytes) -> str:
    """The `Sign` header: 64 lower-case hex digits. The timestamp is Unix seconds in 10 digits."""
    text = app_id.encode() + timestamp.encode() + body
    return hmac.new(app_secret.encode(), text, hashlib.sha256).hexdigest()


class CCPaymentAuth(httpx.Auth):
    """Signs exactly the bytes that are sent, for a moment from which the provider counts their validity."""

    requires_request_body = True

    def __init__(self, app_id: str, app_secret: str, at: datetime) -> None:
        self._app_id = app_id
        self._app_secret = app_secret
        self._at = at

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the three headers."""
        timestamp = str(int(self._at.timestamp()))
        request.headers["Appid"] = self._app_id
        request.headers["Timestamp"] = timestamp
        request.headers["Sign"] = sign(self._app_id, self._app_secret, timestamp, request.content)
        yield request
