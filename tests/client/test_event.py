"""Events, read: what ends an order, what is not known yet, what is no event."""

import json
from decimal import Decimal
from typing import Any

import pytest

from ledger_client import DepositCredited, EntryLine, OrderResult, Unlisted
from ledger_client.event import read_event


def body(**data: Any) -> bytes:
    data = {
        "orderId": "ord-1",
        "type": "transfer",
        "result": "succeeded",
        "sequence": 1,
        "provider": "ccpayment",
        **data,
    }
    envelope = {"specversion": "1.0", "id": "e-1", "subject": "ord-1", "time": "2026-11-20T10:00:00.000001Z"}
    return json.dumps({**envelope, "data": data}).encode()


@pytest.mark.parametrize(
    ("result", "code", "ends"),
    [
        ("succeeded", None, True),
        ("failed", "refused", True),
        ("rejected", "insufficient_funds", True),
        ("rejected", "order_id_conflict", False),
        ("rejected", "invalid_command", False),
        ("processing", None, False),
        ("review", "unknown_outcome", False),
        ("contradicted", "late_success", False),
    ],
)
def test_an_event_says_whether_its_order_has_ended(result: str, code: str | None, ends: bool) -> None:
    error = {"code": code, "providerCode": None, "message": "m"} if code else None
    event = read_event(body(result=result, error=error), None)
    assert (event.is_terminal, event.error_code, event.result) == (ends, code, result)


def test_amounts_are_exact() -> None:
    line = {"account": "user:alice1", "coin": "1280", "amount": "-0.100000000000000001", "purpose": "transfer"}
    event = read_event(body(entries=[line]), None)
    assert isinstance(event.data, OrderResult)
    assert event.data.entries == (
        EntryLine(account="user:alice1", coin="1280", amount=Decimal("-0.100000000000000001"), purpose="transfer"),
    )


def test_fields_that_a_newer_worker_adds_are_passed_over() -> None:
    assert read_event(body(colour="blue"), None).kind == "transfer.succeeded"


def test_kinds_that_a_newer_worker_adds_are_handed_over_as_they_came() -> None:
    event = read_event(body(result="cancelled", reason="late"), None)
    assert isinstance(event.data, Unlisted)
    assert event.data.fields["reason"] == "late"
    assert (event.kind, event.order_id, event.is_terminal) == ("transfer.cancelled", "ord-1", False)


NO_EVENTS: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "not UTF-8": b"\xff\xfe{",
    "a list": b"[]",
    "no envelope": b"{}",
    "no result": body(result=None),
    "a kind that lacks a field of its own": body(type="deposit", result="credited"),
    "an amount that is a number": body(
        entries=[{"account": "merchant", "coin": "1", "amount": 0.1, "purpose": "transfer"}]
    ),
    "nested without end": b"[" * 100_000,
}


@pytest.mark.parametrize("case", NO_EVENTS)
def test_what_is_no_event_is_refused(case: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's and pydantic's own are among them
        read_event(NO_EVENTS[case], None)


def test_a_deposit_of_nobodys_order_has_no_order() -> None:
    fields = {"recordId": "r", "account": "user:alice1", "coin": "1", "amount": "5", "fee": "0", "chain": "TRX"}
    event = read_event(body(orderId=None, type="deposit", result="credited", txId=None, entries=[], **fields), None)
    assert isinstance(event.data, DepositCredited)
    assert (event.order_id, event.data.amount) == (None, Decimal(5))
