"""An event: CloudEvents 1.0 in structured JSON, as the worker publishes it, read."""

import json
from dataclasses import dataclass
from datetime import datetime

from ledger_client.event_data import NEVER_AN_ORDER, TERMINAL_RESULTS, Contradicted, EventData, OrderResult, read_data


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. Told at least once: the same `id` is the same event."""

    id: str
    time: datetime
    subject: str  # the orderId where there is one
    correlation_id: str | None
    data: EventData

    @property
    def kind(self) -> str:
        """`<type>.<result>`, such as `transfer.succeeded`."""
        return f"{self.data.type}.{self.data.result}"

    @property
    def order_id(self) -> str | None:
        """The order that it is about."""
        return self.data.order_id

    @property
    def result(self) -> str:
        """What happened, such as `succeeded`."""
        return self.data.result

    @property
    def error_code(self) -> str | None:
        """Why an order did not succeed, such as `insufficient_funds`."""
        match self.data:
            case OrderResult(error=error) if error is not None:
                return error.code
            case Contradicted(error=error):
                return error.code
            case _:
                return None

    @property
    def is_terminal(self) -> bool:
        """The order has ended with it: exactly one event per order does that.

        Not so the rejection of a message that never became an order: one that is malformed, or whose orderId was
        used before with other content.
        """
        return (
            isinstance(self.data, OrderResult)
            and self.data.result in TERMINAL_RESULTS
            and self.error_code not in NEVER_AN_ORDER
        )


def read_event(body: bytes, correlation_id: str | None) -> Event:
    """The event in a message's body. Raises ValueError."""
    try:
        envelope = json.loads(body)
        return Event(
            id=_text(envelope["id"]),
            time=datetime.fromisoformat(envelope["time"]),
            subject=_text(envelope["subject"]),
            correlation_id=correlation_id,
            data=read_data(envelope["data"]),
        )
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not an event of the ledger ({type(error).__name__})") from None


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value
