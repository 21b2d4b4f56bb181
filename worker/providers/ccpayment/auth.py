"""CCPayment v2 signing: HMAC-SHA256 over APP ID, Unix seconds and the raw body, keyed with the APP secret's text."""

import hashlib
import hmac


def sign(app_id: str, app_secret: str, timestamp: str, body: bytes) -> str:
    """The `Sign` header: 64 lower-case hex digits. The timestamp is Unix seconds in 10 digits."""
    text = app_id.encode() + timestamp.encode() + body
    return hmac.new(app_secret.encode(), text, hashlib.sha256).hexdigest()
