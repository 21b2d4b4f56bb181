"""Every event there is: its routing key, the schema of its data, and what is always so in it."""

from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import BaseModel

from schemas.event import (
    TERMINAL_RESULTS,
    ContradictedData,
    DepositCreditedData,
    OrderData,
    PayOrderCreatedData,
    ReconcileDriftData,
    RescanRequestedData,
    Result,
)
from schemas.registry import COMMANDS

# The data of each `dataschema` that the worker names in an event.
DATA_SCHEMAS: dict[str, type[BaseModel]] = {
    "order-event": OrderData,
    "order-contradicted": ContradictedData,
    "pay-order-created": PayOrderCreatedData,
    "deposit-credited": DepositCreditedData,
    "rescan-requested": RescanRequestedData,
    "reconcile-drift": ReconcileDriftData,
}

# What each result of an order means to whoever waits for it.
MEANINGS: dict[Result, str] = {
    "rejected": "It was never accepted; nothing was sent. Terminal.",
    "processing": "The provider has it; its outcome is not final.",
    "succeeded": "It is done and posted; the entries say what. Terminal.",
    "failed": "The provider definitely refused or failed it, or it was given up; its funds are released. Terminal.",
    "review": "No machine can know the outcome; its funds stay held until evidence comes, or a person decides.",
}

# The type of a message that names none of ours.
UNKNOWN_TYPE = "unknown"

_WHY = frozenset({"rejected", "failed", "review"})


@dataclass(frozen=True, slots=True)
class EventKind:
    """One routing key. `about`: the type in it. `always`: fields of the data, each with what it is in this event."""

    about: str
    result: str
    schema: str
    summary: str
    terminal: bool = False
    always: dict[str, Any] = field(default_factory=dict)

    @property
    def routing_key(self) -> str:
        """As it is published; `ledger.` before it is the envelope's type."""
        return f"{self.about}.{self.result}"

    @property
    def model(self) -> type[BaseModel]:
        """The model of its data."""
        return DATA_SCHEMAS[self.schema]


def schema_urn(schema: str) -> str:
    """The `dataschema` of an event, and the `$id` of the file that describes its data."""
    return f"urn:ledger-worker:schema:{schema}:1"


def event_kinds() -> tuple[EventKind, ...]:
    """All of them, by routing key."""
    kinds = [
        *(_order_event(command_type, result) for command_type in COMMANDS for result in get_args(Result)),
        _order_event(UNKNOWN_TYPE, "rejected"),
        *(
            EventKind(name, "contradicted", "order-contradicted", "Evidence against how it ended. The books stay.")
            for name in COMMANDS
        ),
        EventKind("payOrder", "created", "pay-order-created", "Somebody may pay now: where, how much, until when."),
        EventKind("deposit", "credited", "deposit-credited", "A deposit is posted; told once per record."),
        EventKind("rescan", "requested", "rescan-requested", "The provider was asked to look again; told per run."),
        EventKind("reconcile", "drift", "reconcile-drift", "A provider and the ledger differ; told once a day."),
    ]
    return tuple(sorted(kinds, key=lambda kind: kind.routing_key))


def _order_event(command_type: str, result: Result) -> EventKind:
    always: dict[str, Any] = {"error": {"type": "object" if result in _WHY else "null"}}
    if result != "succeeded":
        always["entries"] = {"maxItems": 0}
    summary = MEANINGS[result]
    if command_type == UNKNOWN_TYPE:
        summary = "A message of no known type, with an orderId that can be told. It uses up no orderId."
    return EventKind(command_type, result, "order-event", summary, result in TERMINAL_RESULTS, always)
