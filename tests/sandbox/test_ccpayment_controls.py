"""The account's controls, faults and webhooks through the sandbox that holds it."""

import json
from decimal import Decimal
from typing import Any

import pytest

from worker.sandbox.control import control
from worker.sandbox.message import Response
from worker.sandbox.sandbox import Sandbox

from .caller import APP_ID, APP_SECRET, NOW, Caller, Clock, answer_of
from .test_v1_assets import request


def ask(sandbox: Sandbox, action: str, fields: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    reply = control(sandbox, "POST", f"/sandbox/ccpayment/{action}", json.dumps(fields).encode())
    answer = json.loads(reply.body)
    assert isinstance(answer, dict)
    return reply.status, answer


DEPOSIT = {"userId": "carol5", "coinId": 1280, "chain": "TRX", "amount": "2", "txId": "tx-1"}


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("deposit", DEPOSIT),
        ("swaps", {"processingSeconds": 5, "fails": True}),
        ("change-deposit", {"recordId": "1", "risky": True}),
        ("coin", {"coinId": 1280, "status": "Maintain"}),
        ("balances", {"blank": True}),
    ],
)
def test_every_control_has_its_route(caller: Caller, action: str, fields: dict[str, Any]) -> None:
    shelf = caller.sandbox.books.deposit_shelf
    ask(caller.sandbox, "deposit", {**DEPOSIT, "txId": "tx-0"})
    if "recordId" in fields:
        fields = {**fields, "recordId": next(iter(shelf)).record_id}
    assert ask(caller.sandbox, action, fields)[0] == 200
    status, answer = ask(caller.sandbox, action, {**fields, "other": 1})
    assert (status, answer["field"]) == (400, "other")


def test_a_deposit_by_control_is_seen_by_calls_and_told_by_webhook() -> None:
    clock = Clock()
    caller = Caller(clock)
    sandbox = Sandbox(APP_ID, APP_SECRET, clock, webhooks_to="http://receiver")
    ask(sandbox, "deposit", {**DEPOSIT, "pendingSeconds": 30})
    assert [json.loads(delivery.body)["msg"]["status"] for delivery in sandbox.due_webhooks()] == ["Processing"]
    clock.seconds += 30
    [delivery] = sandbox.due_webhooks()
    assert (json.loads(delivery.body)["msg"]["status"], delivery.headers["Timestamp"]) == ("Success", str(NOW + 30))
    body = b'{"userId":"carol5","coinId":1280}'
    reply = sandbox.handle(caller.request("getUserCoinAsset", body))
    assert answer_of(reply)["data"]["asset"]["available"] == "1.99"


def test_the_oracle_sees_what_became_due_after_an_advance(caller: Caller) -> None:
    ask(caller.sandbox, "deposit", {**DEPOSIT, "pendingSeconds": 30})
    caller.clock.seconds += 30
    caller.sandbox.advance()
    assert caller.sandbox.books.balance("carol5", 1280) == Decimal("1.99")


def test_version_1_can_be_made_to_give_its_own_code(caller: Caller) -> None:
    caller.sandbox.add_fault("code", code=224066, route="v1.assets", times=1)
    reply = caller.sandbox.handle(request(b""))
    assert isinstance(reply, Response)
    assert json.loads(reply.body) == {"code": 224066, "msg": "service err, please try again"}
