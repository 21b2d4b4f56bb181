"""Events: CloudEvents 1.0 in structured JSON, as published to the exchange `ledger.events`."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
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
    """The `data` of an event about one order's result."""

    order_id: str
    type: str
    result: Result
    sequence: int
    provider: str
    provider_ref: str | None = None
    entries: list[EntryLine] = []
    error: ErrorDetail | None = None


class PayOrderCreatedData(_Model):
    """The `data` of `payOrder.created`: where, how much and until when somebody may pay."""

    order_id: str
    type: Literal["payOrder"] = "payOrder"
    result: Literal["created"] = "created"
    sequence: int
    provider: str
    payment_id: str
    coin: str
    amount: str
    address: str
    expires_at: str


class DepositCreditedData(_Model):
    """The `data` of `deposit.credited`, told once per deposit at the provider."""

    order_id: str | None
    type: Literal["deposit"] = "deposit"
    result: Literal["credited"] = "credited"
    sequence: int
    provider: str
    record_id: str
    account: str
    coin: str
    amount: str
    fee: str
    chain: str
    tx_id: str | None
    entries: list[EntryLine]


class RescanRequestedData(_Model):
    """The `data` of `rescan.requested`, told per run; `description` are the provider's words, for the payer."""

    order_id: str
    type: Literal["rescan"] = "rescan"
    result: Literal["requested"] = "requested"
    sequence: int
    provider: str
    run: int
    description: str


class ContradictedData(_Model):
    """The `data` of `<type>.contradicted`: evidence against how an order ended. The books were not touched."""

    order_id: str
    type: str
    result: Literal["contradicted"] = "contradicted"
    sequence: int
    provider: str
    error: ErrorDetail


class ReconcileDriftData(_Model):
    """The `data` of `reconcile.drift`: a provider and the ledger differ. Neither was changed.

    What: balance, v1 balance, transfer, swap, withdrawal or deposit. The amounts are signed decimal text, positive is
    what the account has or gains; null where there is no such thing, or it is not known.
    """

    order_id: str | None
    type: Literal["reconcile"] = "reconcile"
    result: Literal["drift"] = "drift"
    sequence: int = NO_SEQUENCE
    provider: str
    what: str
    account: str | None
    coin: str | None
    ledger_amount: str | None
    provider_amount: str | None
    record_id: str | None
    message: str


Data = (
    ContradictedData
    | OrderData
    | PayOrderCreatedData
    | DepositCreditedData
    | RescanRequestedData
    | ReconcileDriftData
)


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
    data: Data

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
    sequence: int
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
    data = OrderData(
        order_id=order_id,
        type=command_type,
        result=result,
        sequence=sequence,
        provider=provider,
        provider_ref=provider_ref,
        entries=entry_lines(lines),
        error=error,
    )
    return event_of(
        data,
        subject=order_id,
        event_id=_id_of(about) if about else event_id_of(order_id, sequence),
        schema="order-event",
        now=now,
        correlation_id=correlation_id,
        terminal=result in TERMINAL_RESULTS and about is None,
    )


def event_of(
    data: Data,
    *,
    subject: str,
    event_id: uuid.UUID,
    schema: str,
    now: datetime,
    correlation_id: str | None,
    terminal: bool = False,
) -> Event:
    """The data in its envelope; the routing key and the envelope's type are made of its type and result."""
    envelope = CloudEvent(
        id=str(event_id),
        type=f"ledger.{data.type}.{data.result}",
        subject=subject,
        time=show_time(now),
        dataschema=f"urn:ledger-worker:schema:{schema}:1",
        data=data,
    )
    return Event(
        event_id=event_id,
        sequence=data.sequence,
        routing_key=f"{data.type}.{data.result}",
        body=envelope.model_dump_json(by_alias=True),
        correlation_id=correlation_id or subject,
        terminal=terminal,
    )


def entry_lines(lines: Sequence[Line]) -> list[EntryLine]:
    """Journal lines as events show them."""
    return [
        EntryLine(account=line.account, coin=line.coin, amount=show(line.amount), purpose=line.purpose)
        for line in lines
    ]


def show_time(at: datetime) -> str:
    """RFC 3339 with microseconds; `at` is in UTC."""
    return f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def event_id_of(order_id: str, sequence: int) -> uuid.UUID:
    """The id under which an order's event of that sequence was told."""
    return _id_of(f"{order_id}/{sequence}")


def deposit_event_id(provider: str, record_id: str) -> uuid.UUID:
    """The id under which a provider's deposit is told, whoever finds it."""
    return _id_of(f"deposit/{provider}/{record_id}")


def contradiction_event_id(order_id: str, detail: str) -> uuid.UUID:
    """The id under which evidence against an order's end is told."""
    return _id_of(f"{order_id}/contradicted/{detail}")


def drift_event_id(provider: str, difference: str, day: date) -> uuid.UUID:
    """The id under which a difference is told, once a day for as long as it lasts."""
    return _id_of(f"drift/{provider}/{difference}/{day.isoformat()}")


def _id_of(about: str) -> uuid.UUID:
    return uuid.uuid5(EVENT_NAMESPACE, about)
