"""CCPayment's webhooks: believed to come from it by their signature, and believed in nothing else."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from worker.providers.ccpayment.provider import CCPayment


@dataclass(frozen=True, slots=True)
class Notice:
    """A rightly signed webhook: what it is about, and whether it was signed just now."""

    kind: str
    record_id: str | None
    digest: bytes  # of what was signed: a replayed one has the same
    is_recent: bool


class NotSigned(Exception):
    """The signature is missing or wrong."""


class NotReadable(Exception):
    """Rightly signed, and yet no JSON object."""


# Documented: valid for two minutes.
VALID_SECONDS = 120
# Of what goes into the database.
TEXT_CHARACTERS_MAX = 128


def read_notice(headers: Mapping[str, str], body: bytes, provider: CCPayment, now: datetime) -> Notice:
    """Verify over the raw bytes, in constant time, and only then look at them. Raises NotSigned or NotReadable."""
    app_id, timestamp, signature = (headers.get(name, "") for name in ("appid", "timestamp", "sign"))
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 13:
        raise NotSigned
    if not provider.is_signed(app_id, timestamp, body, signature):
        raise NotSigned
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise NotReadable from None
    if not isinstance(fields, dict):
        raise NotReadable
    message = fields.get("msg")
    record_id = message.get("recordId") if isinstance(message, dict) else None
    return Notice(
        kind=_text(fields.get("type")) or "unknown",
        record_id=_text(record_id),
        digest=hashlib.sha256(timestamp.encode() + body).digest(),
        is_recent=abs(now.timestamp() - int(timestamp)) <= VALID_SECONDS,
    )


def _text(value: object) -> str | None:
    """What can be stored as it is; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isprintable() and len(value) <= TEXT_CHARACTERS_MAX:
        return value
    return None
