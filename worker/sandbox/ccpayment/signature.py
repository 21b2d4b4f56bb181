"""The signature check of CCPayment v2, written from its documentation alone."""

import hmac


def expected(app_id: str, app_secret: str, timestamp: str, body: bytes) -> bytes:
    """HMAC-SHA256 of app id, timestamp and raw body with the secret's text, in lower-case hex."""
    signed = app_id.encode() + timestamp.encode() + body
    return hmac.digest(app_secret.encode(), signed, "sha256").hex().encode()


def matches(app_id: str, app_secret: str, timestamp: str, body: bytes, sign: str) -> bool:
    """Whether `sign` is the signature, compared as bytes and in constant time.

    As text, `compare_digest` would raise on a header with a character outside ASCII.
    """
    given = sign.encode("utf-8", "replace")
    return hmac.compare_digest(expected(app_id, app_secret, timestamp, body), given)
