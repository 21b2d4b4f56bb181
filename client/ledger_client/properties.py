"""The properties of a command's message, checked: the worker leaves out those that it cannot carry."""

import re
import uuid
from dataclasses import dataclass, field

from ledger_client.errors import InvalidCommand
from ledger_client.fields import is_clean

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_SERVICE = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Properties:
    """Raises InvalidCommand with the property that breaks its rule."""

    message_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    correlation_id: str | None = None
    traceparent: str | None = None

    def __post_init__(self) -> None:
        for name in ("message_id", "correlation_id"):
            value = getattr(self, name)
            if value is not None and not (0 < len(value.encode(errors="replace")) <= 255 and is_clean(value)):
                raise InvalidCommand(name, "must be at most 255 bytes without control characters")
        if self.traceparent is not None and _TRACEPARENT.fullmatch(self.traceparent) is None:
            raise InvalidCommand("traceparent", "must be a W3C trace context header")


def properties(message_id: str | None, correlation_id: str | None, traceparent: str | None) -> Properties:
    """With a message id of its own when none is given."""
    return Properties(message_id or str(uuid.uuid4()), correlation_id, traceparent)


def check_name(what: str, name: str) -> None:
    """It becomes a part of a queue's name. Raises ValueError."""
    if _SERVICE.fullmatch(name) is None:
        raise ValueError(f"{what}: must be 1-64 characters of A-Z a-z 0-9 _ -")
