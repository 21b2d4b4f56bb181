"""Events: CloudEvents 1.0 in structured JSON, as published to the exchange `ledger.events`."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from schemas.money import show

Result = Literal["rejected", "processing", "succeeded", "failed", "review"]
TERMINAL_RESULTS = frozenset({"rejected", "succeeded", "failed"})

# Event ids are made from what the event is about, so that whoever tells it again, after a crash or in another
# process, tells it under the same id.
EVENT_NAMESPACE = uuid.UUID("6f1f64a0-2f0e-5d0c-9a53-5b1d3c2f7a11")

# A message that never became an order has no sequence of its own.
NO_SEQUENCE = 0


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class EntryLine(_Model):
    """One ledger line; the amount is signed decimal text, positive is what the account gains."""

    account: str
    coin: str
    amount: str
    purpose: str


class ErrorDetail(_Model):
    """Why: our code, the provider's own code where it gave one, and a sentence for a person."""

    code: str
    provider_code: str | None = None
    message: str


class OrderData(_Model):
    """The `data` of an event about one order."""

    order_id: str
    type: str
    result: Result
    sequence: int
    provider: str
    provider_ref: str | None = None
    entries: list[EntryLine] = []
    error: ErrorDetail | None = None


class CloudEvent(_Model):
    """The envelope (CloudEvents 1.0, structured mode)."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str = "/ledger-worker"
    type: str
    subject: str
    time: str
    datacontenttype: str = "application/json"
    dataschema: str
    data: OrderData

    model_config = ConfigDict(alias_generator=None)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a journal; the amount is signed, in coins."""

    account: str
    coin: str
    amount: Decimal
    purpose: str


@dataclass(frozen=True, slots=True)
class Event:
    """An event ready to be written to the outbox and published."""

    event_id: uuid.UUID
    routing_key: str
    body: str
    correlation_id: str
    terminal: bool


def order_event(
    *,
    order_id: str,
    command_type: str,
    provider: str,
    result: Result,
    sequence: int,
    now: datetime,
    correlation_id: str | None,
    provider_ref: str | None = None,
    lines: Sequence[Line] = (),
    error: ErrorDetail | None = None,
    about: str | None = None,
) -> Event:
    """The event of one order's result. `about` sets apart the events of messages that never became an order."""
    event_id = uuid.uuid5(EVENT_NAMESPACE, about or f"{order_id}/{sequence}")
    envelope = CloudEvent(
        id=str(event_id),
        type=f"ledger.{command_type}.{result}",
        subject=order_id,
        time=now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        dataschema="urn:ledger-worker:schema:order-event:1",
        data=OrderData(
            order_id=order_id,
            type=command_type,
            result=result,
            sequence=sequence,
            provider=provider,
            provider_ref=provider_ref,
            entries=[
                EntryLine(
                    account=line.account,
                    coin=line.coin,
                    amount=show(line.amount),
                    purpose=line.purpose,
                )
                for line in lines
            ],
            error=error,
        ),
    )
    return Event(
        event_id=event_id,
        routing_key=f"{command_type}.{result}",
        body=envelope.model_dump_json(by_alias=True),
        correlation_id=correlation_id or order_id,
        terminal=result in TERMINAL_RESULTS and about is None,
    )


def event_id_of(order_id: str, sequence: int) -> uuid.UUID:
    """The id under which an order's event of that sequence was told."""
    return uuid.uuid5(EVENT_NAMESPACE, f"{order_id}/{sequence}")
