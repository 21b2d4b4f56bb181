"""A dead letter as a person sees it: why and when it died, whose order it was, and what is in it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from schemas.fields import ORDER_ID, is_clean
from schemas.strict_json import MalformedJson, find_text, read_object
from worker.broker import Held
from worker.message import Incoming
from worker.steps.decode import UNKNOWN_TYPE
from worker.steps.refuse import REASON_HEADER

# What is shown of a body that may be anything.
SHOWN_BYTES_MAX = 64 * 1024
LETTER_ID_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. Its id is made of what it says: the same at every look, shared by equal letters."""

    letter_id: str
    held: Held
    reason: str | None
    order_id: str | None
    died_at: datetime | None  # None: neither the broker nor its publisher has said when

    @property
    def message(self) -> Incoming:
        """The message, with the properties and headers that can be published again."""
        return self.held.delivery.message

    @property
    def routing_key(self) -> str:
        """The one under which it was published; one that leads to its provider's queue where that one would not."""
        provider = self.message.provider
        is_ours = self.message.routing_key.startswith(f"{provider}.")
        return self.message.routing_key if is_ours else f"{provider}.{UNKNOWN_TYPE}"


def read_letter(held: Held) -> Letter:
    """The letter in a message that is held."""
    message = held.delivery.message
    about = f"{message.routing_key}\n{message.message_id}\n".encode("utf-8", "replace") + message.body
    deaths = history(held.headers)
    order_id = find_text(message.body, "orderId")
    return Letter(
        letter_id=hashlib.sha256(about).hexdigest()[:LETTER_ID_LENGTH],
        held=held,
        reason=_reason(held.headers, deaths),
        order_id=order_id if order_id is not None and ORDER_ID.fullmatch(order_id) else None,
        died_at=next((death["time"] for death in deaths if isinstance(death["time"], datetime)), held.sent_at),
    )


def history(headers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the broker itself wrote down of its deaths, latest first; whatever else stands there is left out."""
    deaths = headers.get("x-death")
    return [
        {
            **{name: plain(death.get(name)) for name in ("reason", "queue", "exchange")},
            "routing_keys": plain(death.get("routing-keys")),
            "count": plain(death.get("count")),
            "time": death.get("time") if isinstance(death.get("time"), datetime) else None,
        }
        for death in (deaths if isinstance(deaths, list) else [])
        if isinstance(death, dict)
    ]


def row_of(letter: Letter, now: datetime) -> dict[str, Any]:
    """A letter in one row."""
    age = None if letter.died_at is None else max(timedelta(0), now - letter.died_at)
    return {
        "letter": letter.letter_id,
        "provider": letter.message.provider,
        "since": letter.died_at,
        "age": None if age is None else str(timedelta(seconds=int(age.total_seconds()))),
        "reason": letter.reason,
        "routing_key": plain(letter.message.routing_key),
        "message_id": letter.message.message_id,
        "order_id": letter.order_id,
        "bytes": len(letter.message.body),
    }


def shown_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    """Every header but the history, as text that cannot play tricks on a terminal."""
    return {plain(name) or "": plain(value) or "" for name, value in sorted(headers.items()) if name != "x-death"}


def shown_body(body: bytes) -> str:
    """Indented where it is one strict JSON object, else as it is, cut; escaped either way."""
    try:
        return json.dumps(read_object(body), indent=2)
    except (MalformedJson, RecursionError):
        cut = body[:SHOWN_BYTES_MAX].decode("utf-8", "backslashreplace")
        more = len(body) - SHOWN_BYTES_MAX
        return _escaped(cut) + (f" … {more} bytes more" if more > 0 else "")


def plain(value: object) -> str | None:
    """A value from outside as text that can be stored, logged and shown."""
    if value is None:
        return None
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    return text if is_clean(text) and text.isprintable() else _escaped(text)


def _reason(headers: Mapping[str, Any], deaths: list[dict[str, Any]]) -> str | None:
    """The worker's own, else the broker's."""
    if REASON_HEADER in headers:
        return plain(headers[REASON_HEADER])
    return next((f"{death['reason']} in {death['queue']}" for death in deaths), None)


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")
