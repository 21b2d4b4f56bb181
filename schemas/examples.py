"""One valid example of every command and every event, as the documents show them and the tests check them."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, get_args

from schemas.event import (
    NO_SEQUENCE,
    ContradictedData,
    Data,
    DepositCreditedData,
    ErrorDetail,
    Event,
    Line,
    PayOrderCreatedData,
    ReconcileDriftData,
    RescanRequestedData,
    Result,
    contradiction_event_id,
    deposit_event_id,
    drift_event_id,
    entry_lines,
    event_id_of,
    event_of,
    order_event,
    show_time,
)
from schemas.registry import COMMANDS

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
ORDER = "ord-1"
REF = "20261120100000000000000000000001"

COMMAND_EXAMPLES: dict[str, dict[str, Any]] = {
    "transfer": {
        "type": "transfer",
        "orderId": ORDER,
        "fromUserId": "alice1",
        "toUserId": "bob123",
        "coinId": 1280,
        "amount": "0.005",
        "remark": "for the tea",
    },
    "swap": {
        "type": "swap",
        "orderId": ORDER,
        "userId": "alice1",
        "coinIdIn": 1280,
        "amountIn": "10",
        "coinIdOut": 1329,
        "amountOutMinimum": "0.0028",
        "extraFeeRate": "0.01",
    },
    "payout": {
        "type": "payout",
        "orderId": ORDER,
        "coin": "TRON_USDT",
        "address": "TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1",
        "amount": "5",
        "account": "user:alice1",
        "expiresAt": "2026-11-20T10:15:00Z",
    },
    "withdraw": {"type": "withdraw", "orderId": ORDER, "coin": "TRON_USDT", "amount": "5"},
    "payOrder": {
        "type": "payOrder",
        "orderId": ORDER,
        "coin": "ETH",
        "amount": "0.001",
        "account": "user:alice1",
    },
    "rescan": {
        "type": "rescan",
        "orderId": ORDER,
        "chain": "TRX",
        "toAddress": "TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1",
        "txId": "20c0469e",
        "userId": "alice1",
    },
}

_DEPOSIT = (
    Line("custody", "1280", Decimal("-0.5"), "deposit"),
    Line("user:alice1", "1280", Decimal("0.5"), "deposit"),
    Line("user:alice1", "1280", Decimal("-0.0025"), "provider_fee"),
    Line("custody", "1280", Decimal("0.0025"), "provider_fee"),
)
_PAID = (
    Line("custody", "ETH", Decimal("-0.001"), "deposit"),
    Line("user:alice1", "ETH", Decimal("0.001"), "deposit"),
)


def _paid_out(purpose: str, account: str) -> tuple[Line, ...]:
    return (
        Line(account, "TRON_USDT", Decimal("-4.8951"), purpose),
        Line("custody", "TRON_USDT", Decimal("4.8951"), purpose),
        Line(account, "TRON_USDT", Decimal("-0.1049"), "provider_fee"),
        Line("custody", "TRON_USDT", Decimal("0.1049"), "provider_fee"),
    )


# What the success of each example posts.
_LINES: dict[str, tuple[Line, ...]] = {
    "transfer": (
        Line("user:alice1", "1280", Decimal("-0.005"), "transfer"),
        Line("user:bob123", "1280", Decimal("0.005"), "transfer"),
    ),
    "swap": (
        Line("user:alice1", "1280", Decimal(-10), "swap_in"),
        Line("custody", "1280", Decimal(10), "swap_in"),
        Line("custody", "1329", Decimal("-0.003"), "swap_out"),
        Line("user:alice1", "1329", Decimal("0.003"), "swap_out"),
        Line("user:alice1", "1329", Decimal("-0.00003"), "provider_fee"),
        Line("custody", "1329", Decimal("0.00003"), "provider_fee"),
        Line("user:alice1", "1329", Decimal("-0.00003"), "service_fee"),
        Line("merchant", "1329", Decimal("0.00003"), "service_fee"),
    ),
    "payout": _paid_out("payout", "user:alice1"),
    "withdraw": _paid_out("withdraw", "merchant"),
    "payOrder": _PAID,
    "rescan": _DEPOSIT,
}
_ERRORS: dict[str, ErrorDetail] = {
    "rejected": ErrorDetail(code="expired", message="expiresAt has passed"),
    "failed": ErrorDetail(
        code="balance_insufficient", provider_code="14000", message="the provider's balance is too low"
    ),
    "review": ErrorDetail(code="outcome_unknown", message="the provider has not let us know whether it was done"),
}


def event_example(routing_key: str) -> dict[str, Any]:
    """The body of an event with this routing key, made as the worker makes it. Raises KeyError when there is none."""
    command_type, _, result = routing_key.partition(".")
    if routing_key in _OTHERS:
        event = _OTHERS[routing_key]()
    elif result == "contradicted":
        event = _contradicted(command_type)
    elif command_type == "unknown":
        event = _unknown()
    else:
        event = _order_event(command_type, result)
    body: dict[str, Any] = json.loads(event.body)
    return body


def _order_event(command_type: str, result: str) -> Event:
    [known] = [name for name in get_args(Result) if name == result]
    return order_event(
        order_id=ORDER,
        command_type=command_type,
        provider=COMMANDS[command_type].executed_by,
        result=known,
        sequence=1,
        now=NOW,
        correlation_id=None,
        provider_ref=None if known == "rejected" else REF,
        lines=_LINES[command_type] if known == "succeeded" else (),
        error=_ERRORS.get(known),
    )


def _unknown() -> Event:
    return order_event(
        order_id=ORDER,
        command_type="unknown",
        provider="ccpayment",
        result="rejected",
        sequence=NO_SEQUENCE,
        now=NOW,
        correlation_id=None,
        error=ErrorDetail(code="invalid_command", message=f"type: must be one of {', '.join(COMMANDS)}"),
        about=f"{ORDER}/invalid/example",
    )


def _contradicted(command_type: str) -> Event:
    detail = f"the provider executed it as {REF}, the order is failed"
    data = ContradictedData(
        order_id=ORDER,
        type=command_type,
        sequence=3,
        provider=COMMANDS[command_type].executed_by,
        error=ErrorDetail(code="contradiction", message=detail),
    )
    return _told(data, "order-contradicted", ORDER, contradiction_event_id(ORDER, detail))


def _created() -> Event:
    data = PayOrderCreatedData(
        order_id=ORDER,
        sequence=2,
        provider="coinqpay",
        payment_id="1280000000000000001",
        coin="ETH",
        amount="0.001",
        address="0x52908400098527886e0f7030069857d2e4169ee7",
        expires_at=show_time(NOW.replace(minute=15)),
    )
    return _told(data, "pay-order-created", ORDER, event_id_of(ORDER, 2))


def _credited() -> Event:
    data = DepositCreditedData(
        order_id=None,
        sequence=NO_SEQUENCE,
        provider="ccpayment",
        record_id=REF,
        account="user:alice1",
        coin="1280",
        amount="0.5",
        fee="0.0025",
        chain="TRX",
        tx_id="20c0469e",
        entries=entry_lines(_DEPOSIT),
    )
    return _told(data, "deposit-credited", f"deposit:ccpayment:{REF}", deposit_event_id("ccpayment", REF))


def _requested() -> Event:
    data = RescanRequestedData(
        order_id=ORDER,
        sequence=1,
        provider="ccpayment",
        run=1,
        description="The transaction is being looked for.",
    )
    return _told(data, "rescan-requested", ORDER, event_id_of(ORDER, 1))


def _drift() -> Event:
    data = ReconcileDriftData(
        order_id=None,
        provider="ccpayment",
        what="balance",
        account="user:alice1",
        coin="1280",
        ledger_amount="10",
        provider_amount="9.5",
        record_id=None,
        message="the provider has 9.5, the ledger 10",
    )
    subject = "balance/user:alice1/1280"
    return _told(data, "reconcile-drift", subject, drift_event_id("ccpayment", subject, NOW.date()))


def _told(data: Data, schema: str, subject: str, event_id: Any) -> Event:
    return event_of(data, subject=subject, event_id=event_id, schema=schema, now=NOW, correlation_id=None)


_OTHERS = {
    "payOrder.created": _created,
    "deposit.credited": _credited,
    "rescan.requested": _requested,
    "reconcile.drift": _drift,
}
