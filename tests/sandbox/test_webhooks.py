"""Webhooks on their way out: when each is tried, what ends it, and the controls."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from worker.sandbox.control import control
from worker.sandbox.sandbox import Sandbox
from worker.sandbox.webhooks import Webhooks

from .caller import APP_ID, APP_SECRET, NOW, Clock

JSON = {"Content-Type": "application/json"}
CCPAYMENT_OFFSETS = [0, 30, 90, 210, 450, 930, 1890]
COINQPAY_OFFSETS = [60 * n for n in range(21)]


def tries(kind: str, status: int | None, body: bytes = b"") -> list[float]:
    """When a webhook sent at 0 is tried, if every answer is this one."""
    webhooks = Webhooks("http://worker:8080/")
    webhooks.send(kind, b"{}", JSON, 0.0)
    offsets: list[float] = []
    while webhooks.pending():
        [pending] = webhooks.pending()
        assert webhooks.due(pending.due - 0.001) == []
        [delivery] = webhooks.due(pending.due)
        assert webhooks.due(pending.due + 1e6) == [], "it is on its way"
        offsets.append(delivery.due)
        webhooks.answered(delivery.delivery_id, status, body, delivery.due)
    return offsets


@pytest.mark.parametrize(
    ("kind", "status", "body", "offsets"),
    [
        ("ccpayment", 200, b"Success", [0]),
        ("ccpayment", 200, b'{"msg":"success"}', [0]),
        ("ccpayment", 200, b"OK", CCPAYMENT_OFFSETS),
        ("ccpayment", 500, b"success", CCPAYMENT_OFFSETS),
        ("ccpayment", 201, b"success", CCPAYMENT_OFFSETS),
        ("ccpayment", None, b"", CCPAYMENT_OFFSETS),
        ("coinqpay.pay-order", 200, b"OK", [0]),
        ("coinqpay.withdrawal", 200, b'{"answer":"OK"}', [0]),
        ("coinqpay.withdrawal", 200, b"ok", COINQPAY_OFFSETS),
        ("coinqpay.confirm", 409, b"OK", COINQPAY_OFFSETS),
        ("coinqpay.confirm", None, b"", COINQPAY_OFFSETS),
    ],
)
def test_a_webhook_is_tried_as_documented(kind: str, status: int | None, body: bytes, offsets: list[float]) -> None:
    assert tries(kind, status, body) == offsets


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("ccpayment", "http://worker:8080/webhooks/ccpayment"),
        ("coinqpay.pay-order", "http://worker:8080/webhooks/coinqpay/pay-order"),
        ("coinqpay.withdrawal", "http://worker:8080/webhooks/coinqpay/withdrawal"),
        ("coinqpay.confirm", "http://worker:8080/webhooks/coinqpay/confirm"),
    ],
)
def test_each_kind_has_its_path(kind: str, url: str) -> None:
    webhooks = Webhooks("http://worker:8080/")
    webhooks.send(kind, b"{}", {"Sign": "x"}, 0.0)
    [delivery] = webhooks.due(0.0)
    assert (delivery.url, delivery.body, delivery.headers) == (url, b"{}", {"Sign": "x"})


def test_the_sender_is_told_how_it_ended() -> None:
    told: list[tuple[bool, float]] = []
    webhooks = Webhooks("http://worker:8080")
    webhooks.send("ccpayment", b"{}", JSON, 5.0, lambda accepted, at: told.append((accepted, at)))
    webhooks.answered(webhooks.due(5.0)[0].delivery_id, None, b"", 15.0)
    assert (told, webhooks.due(44.9)) == ([], [])
    webhooks.answered(webhooks.due(45.0)[0].delivery_id, 200, b"success", 46.0)
    assert told == [(True, 46.0)]
    assert [delivery.outcome for delivery in webhooks.ended] == ["accepted"]


def test_what_is_sent_while_nobody_listens_is_lost() -> None:
    webhooks = Webhooks()
    webhooks.send("ccpayment", b"{}", JSON, 0.0)
    webhooks.to = "http://worker:8080"
    webhooks.switches["ccpayment"].is_on = False
    webhooks.send("ccpayment", b"{}", JSON, 0.0)
    assert (webhooks.pending(), webhooks.due(1e9)) == ([], [])


def test_what_is_on_its_way_waits_while_nobody_listens() -> None:
    webhooks = Webhooks("http://first")
    webhooks.send("ccpayment", b"{}", JSON, 0.0)
    webhooks.to = None
    assert webhooks.due(1.0) == []
    webhooks.to = "http://second"
    assert webhooks.due(1.0)[0].url == "http://second/webhooks/ccpayment"


def ask(sandbox: Sandbox, method: str, path: str, fields: object = None) -> tuple[int, Any]:
    body = b"" if fields is None else json.dumps(fields).encode()
    reply = control(sandbox, method, f"/sandbox/{path}", body)
    return reply.status, json.loads(reply.body)


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(APP_ID, APP_SECRET, Clock(), webhooks_to="http://worker:8080")


def test_a_kind_can_be_delayed_doubled_and_turned_off(sandbox: Sandbox) -> None:
    asked = {"kind": "ccpayment", "delaySeconds": 5, "duplicate": True}
    assert ask(sandbox, "POST", "webhooks", asked)[0] == 200
    sandbox.webhooks.send("ccpayment", b"{}", JSON, 0.0)
    assert [delivery.due for delivery in sandbox.webhooks.pending()] == [5.0, 5.0]
    status, shown = ask(sandbox, "POST", "webhooks", {"kind": "ccpayment", "on": False})
    assert (status, shown["kinds"]["ccpayment"]) == (
        200,
        {"on": False, "delaySeconds": 5, "retrySeconds": None, "duplicate": True},
    )
    assert shown["kinds"]["coinqpay.confirm"]["on"] is True
    assert not sandbox.webhooks.is_on("ccpayment")


def test_retries_can_be_made_soon_and_as_documented_again(sandbox: Sandbox) -> None:
    ask(sandbox, "POST", "webhooks", {"retrySeconds": 1})
    sandbox.webhooks.send("coinqpay.confirm", b"{}", JSON, float(NOW))
    sandbox.webhook_answered(sandbox.due_webhooks()[0].delivery_id, 503)
    assert [delivery.due for delivery in sandbox.webhooks.pending()] == [NOW + 1]
    ask(sandbox, "POST", "webhooks", {"retrySeconds": None})
    sandbox.webhook_answered(sandbox.webhooks.due(NOW + 1.0)[0].delivery_id, 503)
    assert [delivery.due for delivery in sandbox.webhooks.pending()] == [NOW + 60]


def test_the_receiver_can_move_and_go(sandbox: Sandbox) -> None:
    assert ask(sandbox, "POST", "webhooks", {"to": "http://127.0.0.1:9"})[1]["to"] == "http://127.0.0.1:9"
    assert ask(sandbox, "POST", "webhooks", {"to": None})[1]["to"] is None
    assert not sandbox.webhooks.is_on("ccpayment")


def test_deliveries_are_shown_and_failed_ones_sent_again(sandbox: Sandbox) -> None:
    ask(sandbox, "POST", "webhooks", {"retrySeconds": 0})
    sandbox.webhooks.send("ccpayment", b'{"type":"x"}', JSON, float(NOW))
    for _ in range(7):
        sandbox.webhook_answered(sandbox.due_webhooks()[0].delivery_id, 500)
    assert sandbox.due_webhooks() == []
    [shown] = ask(sandbox, "GET", "webhooks")[1]["deliveries"]
    assert shown == {
        "id": 1,
        "kind": "ccpayment",
        "outcome": "failed",
        "tries": 7,
        "lastStatus": 500,
        "due": NOW,
        "body": '{"type":"x"}',
    }
    assert ask(sandbox, "POST", "webhooks/resend") == (200, {"resent": 1})
    sandbox.webhook_answered(sandbox.due_webhooks()[0].delivery_id, 200, b"Success")
    [shown] = ask(sandbox, "GET", "webhooks")[1]["deliveries"]
    assert (shown["outcome"], shown["tries"]) == ("accepted", 1)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "http://x"}, "url"),
        ({"to": "worker:8080"}, "to"),
        ({"to": "ftp://x"}, "to"),
        ({"to": "http://"}, "to"),
        ({"to": "http://x:0"}, "to"),
        ({"to": "http://x:port"}, "to"),
        ({"to": 5}, "to"),
        ({"kind": "confirm"}, "kind"),
        ({"kind": ["ccpayment"]}, "kind"),
        ({"on": 1}, "on"),
        ({"duplicate": None}, "duplicate"),
        ({"delaySeconds": -1}, "delaySeconds"),
        ({"delaySeconds": None}, "delaySeconds"),
        ({"delaySeconds": True}, "delaySeconds"),
        ({"retrySeconds": "1"}, "retrySeconds"),
        ({"to": None, "retrySeconds": 1e10}, "retrySeconds"),
    ],
)
def test_wrong_input_names_the_field_and_changes_nothing(
    sandbox: Sandbox, fields: Mapping[str, object], field: str
) -> None:
    before = ask(sandbox, "GET", "webhooks")
    status, answer = ask(sandbox, "POST", "webhooks", fields)
    assert (status, answer["field"]) == (400, field)
    assert ask(sandbox, "GET", "webhooks") == before
