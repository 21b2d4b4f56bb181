"""Events: CloudEvents as the contract shows them, byte for byte, under ids that anybody would give them."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest

from schemas.event import (
    EVENT_NAMESPACE,
    NO_SEQUENCE,
    ErrorDetail,
    Event,
    Line,
    PayOrderCreatedData,
    Result,
    deposit_event_id,
    event_id_of,
    event_of,
    order_event,
    show_time,
)

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
LINES = (
    Line("user:alice1", "1280", Decimal("-0.005"), "transfer"),
    Line("user:bob123", "1280", Decimal("0.005"), "transfer"),
)


def told(**changes: Any) -> Event:
    arguments: dict[str, Any] = {
        "order_id": "ord-1",
        "command_type": "transfer",
        "provider": "ccpayment",
        "result": "succeeded",
        "sequence": 1,
        "now": NOW,
        "correlation_id": None,
    }
    return order_event(**{**arguments, **changes})


def test_a_success_is_told_as_the_contract_shows() -> None:
    event = told(provider_ref="2024-1", lines=LINES)
    assert event.body == (
        f'{{"specversion":"1.0","id":"{event.event_id}","source":"/ledger-worker",'
        '"type":"ledger.transfer.succeeded","subject":"ord-1","time":"2026-11-20T10:00:00.000000Z",'
        '"datacontenttype":"application/json","dataschema":"urn:ledger-worker:schema:order-event:1",'
        '"data":{"orderId":"ord-1","type":"transfer","result":"succeeded","sequence":1,"provider":"ccpayment",'
        '"providerRef":"2024-1","entries":['
        '{"account":"user:alice1","coin":"1280","amount":"-0.005","purpose":"transfer"},'
        '{"account":"user:bob123","coin":"1280","amount":"0.005","purpose":"transfer"}],"error":null}}'
    )
    assert event.routing_key == "transfer.succeeded"


def test_a_failure_has_no_entries_and_says_why() -> None:
    error = ErrorDetail(code="balance_insufficient", provider_code="14000", message="too poor")
    data = json.loads(told(result="failed", error=error).body)["data"]
    assert data == {
        "orderId": "ord-1",
        "type": "transfer",
        "result": "failed",
        "sequence": 1,
        "provider": "ccpayment",
        "providerRef": None,
        "entries": [],
        "error": {"code": "balance_insufficient", "providerCode": "14000", "message": "too poor"},
    }


def test_an_error_of_our_own_has_no_code_of_the_provider() -> None:
    data = json.loads(told(result="rejected", error=ErrorDetail(code="expired", message="too late")).body)["data"]
    assert data["error"] == {"code": "expired", "providerCode": None, "message": "too late"}


@pytest.mark.parametrize("result", get_args(Result))
def test_an_order_ends_with_its_terminal_results_alone(result: Result) -> None:
    event = told(result=result)
    assert event.terminal == (result in ("rejected", "succeeded", "failed"))
    assert event.routing_key == f"transfer.{result}"
    assert json.loads(event.body)["type"] == f"ledger.transfer.{result}"


def test_what_is_about_a_message_alone_ends_no_order() -> None:
    event = told(result="rejected", sequence=NO_SEQUENCE, about="ord-1/conflict/abc")
    assert not event.terminal
    assert json.loads(event.body)["data"]["sequence"] == 0


def test_whoever_tells_it_again_tells_it_under_the_same_id() -> None:
    later = told(now=NOW + timedelta(days=1), correlation_id="another", lines=LINES)
    assert later.event_id == told().event_id == event_id_of("ord-1", 1)


def test_ids_stay_what_they_were_in_earlier_versions() -> None:
    # Consumers remember ids: another name space would tell them everything a second time.
    assert uuid.UUID("6f1f64a0-2f0e-5d0c-9a53-5b1d3c2f7a11") == EVENT_NAMESPACE
    assert str(event_id_of("ord-1", 1)) == str(uuid.uuid5(EVENT_NAMESPACE, "ord-1/1"))


def test_each_event_has_an_id_of_its_own() -> None:
    about = ["ord-1/conflict/a", "ord-1/invalid/a", "ord-1/conflict/b", "ord-2/conflict/a"]
    events = [
        *(told(sequence=sequence) for sequence in (1, 2, 11)),
        *(told(order_id=order_id) for order_id in ("ord-11", "ord-2", "ORD-1")),
        *(told(about=text, sequence=NO_SEQUENCE) for text in about),
    ]
    assert len({event.event_id for event in events}) == len(events)


def test_the_id_in_the_envelope_is_the_events() -> None:
    for event in (told(), told(about="ord-1/conflict/a")):
        assert json.loads(event.body)["id"] == str(event.event_id)


def test_it_is_correlated_with_the_command_or_else_with_the_order() -> None:
    assert told(correlation_id="cor-1").correlation_id == "cor-1"
    assert told(correlation_id=None).correlation_id == "ord-1"


def test_times_are_told_to_the_microsecond_in_utc() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC)
    assert json.loads(told(now=moment).body)["time"] == "2026-01-02T03:04:05.000060Z"


def test_amounts_are_told_plainly_and_exactly() -> None:
    largest = "9" * 38 + "." + "9" * 18
    lines = (
        Line("custody", "1", Decimal("-" + largest), "deposit"),
        Line("merchant", "1", Decimal(largest), "deposit"),
        Line("merchant", "1", Decimal("1E+5"), "deposit"),
        Line("merchant", "1", Decimal("0.500000000000000000000000"), "deposit"),
    )
    entries = json.loads(told(lines=lines).body)["data"]["entries"]
    assert [entry["amount"] for entry in entries] == ["-" + largest, largest, "100000", "0.5"]


def test_a_body_with_letters_of_any_script_is_utf_8() -> None:
    error = ErrorDetail(code="failed", message="опять «нет» 🙁")
    assert json.loads(told(result="failed", error=error).body.encode())["data"]["error"]["message"] == error.message


def test_a_deposit_has_one_id_whoever_finds_it_and_no_other_has_it() -> None:
    ids = {
        deposit_event_id("coinqpay", "p-1"),
        deposit_event_id("coinqpay", "p-2"),
        deposit_event_id("ccpayment", "p-1"),
        event_id_of("deposit", 1),
        event_id_of("coinqpay", 1),
    }
    assert len(ids) == 5
    assert str(deposit_event_id("coinqpay", "p-1")) == str(uuid.uuid5(EVENT_NAMESPACE, "deposit/coinqpay/p-1"))


@pytest.mark.parametrize("terminal", [False, True])
def test_any_data_are_told_in_the_same_envelope(terminal: bool) -> None:
    data = PayOrderCreatedData(
        order_id="ord-1",
        sequence=2,
        provider="coinqpay",
        payment_id="p-1",
        coin="ETH",
        amount="0.5",
        address="0xabc",
        expires_at=show_time(NOW),
    )
    event = event_of(
        data,
        subject="ord-1",
        event_id=event_id_of("ord-1", 2),
        schema="pay-order-created",
        now=NOW,
        correlation_id=None,
        terminal=terminal,
    )
    assert json.loads(event.body) == {
        "specversion": "1.0",
        "id": str(event.event_id),
        "source": "/ledger-worker",
        "type": "ledger.payOrder.created",
        "subject": "ord-1",
        "time": "2026-11-20T10:00:00.000000Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:ledger-worker:schema:pay-order-created:1",
        "data": data.model_dump(by_alias=True),
    }
    assert (event.sequence, event.routing_key, event.correlation_id) == (2, "payOrder.created", "ord-1")
    assert event.terminal == terminal
