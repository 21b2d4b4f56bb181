"""Messages as the flow sees them: no AMQP in them."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from schemas.fields import is_clean

# Version ff, a trace of zeros and a span of zeros are the invalid ones of the specification.
TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A command's message. The properties are those that can be carried through, else None."""

    body: bytes
    routing_key: str
    provider: str  # whose queue it came from: with any other key it was published to the queue itself
    message_id: str | None = None
    correlation_id: str | None = None
    app_id: str | None = None
    traceparent: str | None = None
    headers: dict[str, object] = field(default_factory=dict)
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish: persistent, mandatory, confirmed."""

    exchange: str
    routing_key: str
    body: bytes
    content_type: str
    message_id: str | None = None
    correlation_id: str | None = None
    app_id: str | None = None
    headers: dict[str, object] = field(default_factory=dict)
    sent_at: datetime | None = None  # to the second; what a dead letter has no x-death for


class Delivery(Protocol):
    """A message that the broker has handed over and waits to hear about."""

    message: Incoming

    async def ack(self) -> None:
        """Tell the broker that the ledger knows. A lost ack only means a redelivery."""
        ...

    async def requeue(self) -> None:
        """Give it back; the broker counts how often."""
        ...


def carried(value: object) -> str | None:
    """A property that can be stored, logged and published as it is; None for one that cannot."""
    return value if isinstance(value, str) and 0 < len(value) <= 255 and is_clean(value) else None


def carried_traceparent(value: object) -> str | None:
    """A W3C trace context header; None for anything else, as its specification asks."""
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    return text if isinstance(text, str) and TRACEPARENT.fullmatch(text) else None
