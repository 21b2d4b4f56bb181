"""What all commands share, and how a command is told apart from another with the same orderId."""

import hashlib
import json
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from schemas.fields import Instant, OrderId
from schemas.money import show


class Command(BaseModel):
    """A wish of another service. Subclasses add the fields of one type; JSON names are camelCase."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        hide_input_in_errors=True,
    )

    # The provider that executes this type, and the fields that are decimal text: `5` and `5.0` are the same in them.
    executed_by: ClassVar[str]
    decimal_fields: ClassVar[frozenset[str]] = frozenset()

    type: str
    order_id: OrderId
    provider: str | None = None
    expires_at: Instant | None = None

    def has_expired(self, now: datetime) -> bool:
        """It is not begun any more."""
        return self.expires_at is not None and self.expires_at <= now

    def content(self) -> str:
        """The command as JSON under its public names, as it is stored."""
        return self.model_dump_json(by_alias=True, exclude_none=True)

    def fingerprint(self) -> bytes:
        """SHA-256 of what the command means.

        White space, the order of keys, `5` or `5.0`, an offset or Z, and naming the provider or not make no
        difference: a publisher that retries through another serialiser still says the same.
        """
        meaning: dict[str, object] = {}
        for name, value in vars(self).items():
            if name == "provider" or value is None:
                continue
            if name in self.decimal_fields:
                meaning[name] = show(Decimal(value))
            elif isinstance(value, datetime):
                meaning[name] = value.isoformat()
            else:
                meaning[name] = value
        text = json.dumps(meaning, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).digest()
