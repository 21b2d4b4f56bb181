"""What events carry: one class per kind, `Unlisted` for the kinds that a newer worker may tell.

Unknown fields are passed over, so that a worker may add some. Amounts are exact, signed where they are ledger lines:
positive is what the account gains.
"""

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

_DECIMAL = re.compile(r"-?[0-9]{1,64}(\.[0-9]{1,64})?")

Result = Literal["rejected", "processing", "succeeded", "failed", "review"]
RESULTS = frozenset({"rejected", "processing", "succeeded", "failed", "review"})
TERMINAL_RESULTS = frozenset({"rejected", "succeeded", "failed"})
# Rejections of messages that never became an order: they say nothing about an order of that id.
NEVER_AN_ORDER = frozenset({"invalid_command", "order_id_conflict"})


def _read_decimal(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str) or _DECIMAL.fullmatch(value) is None:
        raise ValueError("must be decimal text")
    return Decimal(value)


Money = Annotated[Decimal, BeforeValidator(_read_decimal)]


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class EntryLine(_Model):
    """One ledger line; positive is what the account gains."""

    account: str
    coin: str
    amount: Money
    purpose: str


class ErrorDetail(_Model):
    """Why: the worker's code, the provider's own where it gave one, and a sentence for a person."""

    code: str
    provider_code: str | None = None
    message: str


class EventData(_Model):
    """What all have. `sequence` orders the events of one order; 0 is about what is none."""

    order_id: str | None = None
    type: str
    result: str
    sequence: int
    provider: str


class OrderResult(EventData):
    """Where an order stands."""

    order_id: str
    result: Result
    provider_ref: str | None = None
    entries: tuple[EntryLine, ...] = ()
    error: ErrorDetail | None = None


class PayOrderCreated(EventData):
    """Somebody may pay now: so much, to this address, until then."""

    order_id: str
    type: Literal["payOrder"] = "payOrder"
    result: Literal["created"] = "created"
    payment_id: str
    coin: str
    amount: Money
    address: str
    expires_at: AwareDatetime


class DepositCredited(EventData):
    """A deposit at the provider is in the books. `order_id`: of the pay order or rescan that it ends."""

    type: Literal["deposit"] = "deposit"
    result: Literal["credited"] = "credited"
    record_id: str
    account: str
    coin: str
    amount: Money
    fee: Money
    chain: str
    tx_id: str | None
    entries: tuple[EntryLine, ...]


class RescanRequested(EventData):
    """One more run of a rescan; `description` are the provider's words, for the payer."""

    order_id: str
    type: Literal["rescan"] = "rescan"
    result: Literal["requested"] = "requested"
    run: int
    description: str


class Contradicted(EventData):
    """Evidence against how an order ended. The books were not touched; somebody must look."""

    order_id: str
    result: Literal["contradicted"] = "contradicted"
    error: ErrorDetail


class ReconcileDrift(EventData):
    """A provider and the ledger differ; neither was changed. None where an amount is not there, or not known."""

    type: Literal["reconcile"] = "reconcile"
    result: Literal["drift"] = "drift"
    what: str
    account: str | None
    coin: str | None
    ledger_amount: Money | None
    provider_amount: Money | None
    record_id: str | None
    message: str


class Unlisted(EventData):
    """A kind that this version of the client does not know; `fields` is its data as it came."""

    sequence: int = 0
    provider: str = ""
    fields: dict[str, Any]


_BY_KIND: dict[str, type[EventData]] = {
    "payOrder.created": PayOrderCreated,
    "deposit.credited": DepositCredited,
    "rescan.requested": RescanRequested,
    "reconcile.drift": ReconcileDrift,
}


def read_data(fields: dict[str, Any]) -> EventData:
    """The data in its class. Raises ValueError when a kind that is known lacks a field of its own."""
    command_type, result = fields.get("type"), fields.get("result")
    if not isinstance(command_type, str) or not isinstance(result, str):
        raise ValueError("type and result: are required")
    known = _BY_KIND.get(f"{command_type}.{result}")
    if known is None and result == "contradicted":
        known = Contradicted
    if known is None and result in RESULTS:
        known = OrderResult
    if known is None:
        return Unlisted.model_validate({**_common(fields), "fields": fields})
    return known.model_validate(fields)


def _common(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: fields[name] for name in ("orderId", "type", "result", "sequence", "provider") if name in fields}
