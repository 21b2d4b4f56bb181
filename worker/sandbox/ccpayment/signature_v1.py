"""The signature of CCPayment v1, of requests and of answers, written from its documentation alone."""

import hashlib
import hmac


def expected(app_id: str, app_secret: str, timestamp: str, body: bytes) -> bytes:
    """SHA-256, without a key, of app id, secret, timestamp and raw body, in lower-case hex."""
    signed = app_id.encode() + app_secret.encode() + timestamp.encode() + body
    return hashlib.sha256(signed).hexdigest().encode()


def matches(app_id: str, app_secret: str, timestamp: str, body: bytes, sign: str) -> bool:
    """Whether `sign` is the signature, compared as bytes and in constant time."""
    given = sign.encode("utf-8", "replace")
    return hmac.compare_digest(expected(app_id, app_secret, timestamp, body), given)
