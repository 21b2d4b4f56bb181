"""The control routes, without a server: answers, and input errors that name field and rule."""

import json
from dataclasses import replace
from typing import Any

import pytest

from worker.sandbox.control import control
from worker.sandbox.sandbox import Sandbox

from .caller import NOW, Caller, answer_of, code_of


def ask(sandbox: Sandbox, method: str, path: str, fields: object = None) -> tuple[int, dict[str, Any]]:
    body = b"" if fields is None else json.dumps(fields).encode()
    reply = control(sandbox, method, path, body)
    assert reply.content_type == "application/json"
    answer = json.loads(reply.body)
    assert isinstance(answer, dict)
    return reply.status, answer


def test_funding_is_seen_in_the_books(caller: Caller) -> None:
    funds = {"userId": "alice1", "coinId": 1280, "amount": "2.50"}
    assert ask(caller.sandbox, "POST", "/sandbox/fund", funds) == (200, {"balance": "12.5"})
    caller.transfer(amount="1")
    status, books = ask(caller.sandbox, "GET", "/sandbox/books")
    record = answer_of(caller.lookup())["data"]["record"]
    assert status == 200
    assert books == {
        "balances": [
            {"userId": "alice1", "coinId": 1280, "amount": "11.5"},
            {"userId": "bob123", "coinId": 1280, "amount": "1"},
        ],
        "transfers": [record],
    }


def test_the_requests_are_shown_with_their_trace_and_without_their_signatures(caller: Caller) -> None:
    request = caller.request("getCoinList", b"{}")
    caller.sandbox.handle(replace(request, headers={**request.headers, "Traceparent": "00-a-b-01"}))
    shown = {"at": NOW, "route": "getCoinList", "orderId": None, "traceparent": "00-a-b-01"}
    assert ask(caller.sandbox, "GET", "/sandbox/requests") == (200, {"requests": [shown]})


def test_the_books_include_what_has_become_due(caller: Caller) -> None:
    late = {"kind": "hang", "when": "late", "lateSeconds": 5}
    ask(caller.sandbox, "POST", "/sandbox/faults", late)
    caller.transfer()
    caller.clock.seconds += 5
    _, books = ask(caller.sandbox, "GET", "/sandbox/books")
    assert len(books["transfers"]) == 1


def test_failed_transfers_are_not_among_the_executed(caller: Caller) -> None:
    ask(caller.sandbox, "POST", "/sandbox/faults", {"kind": "failed_record"})
    assert code_of(caller.transfer()) == 10001
    assert ask(caller.sandbox, "GET", "/sandbox/books")[1]["transfers"] == []


def test_faults_are_added_counted_and_cleared(caller: Caller) -> None:
    rule = {"kind": "code", "code": 11004, "route": "userTransfer", "orderId": "ord-1", "times": 2}
    assert ask(caller.sandbox, "POST", "/sandbox/faults", rule) == (200, {"id": 1})
    assert ask(caller.sandbox, "POST", "/sandbox/faults", {"kind": "reset"}) == (200, {"id": 2})
    assert code_of(caller.transfer()) == 11004
    seen = {
        "faults": [
            {"id": 1, "fired": 1, "when": "before", **rule},
            {"id": 2, "fired": 0, "when": "before", "kind": "reset"},
        ]
    }
    assert ask(caller.sandbox, "GET", "/sandbox/faults") == (200, seen)
    assert ask(caller.sandbox, "DELETE", "/sandbox/faults") == (200, {"cleared": 2})
    assert ask(caller.sandbox, "GET", "/sandbox/faults") == (200, {"faults": []})


def test_health_is_ok(sandbox: Sandbox) -> None:
    assert ask(sandbox, "GET", "/sandbox/health") == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("path", "fields", "field"),
    [
        ("fund", [1], "body"),
        ("fund", {"userId": "alice1", "coinId": 1280}, "amount"),
        ("fund", {"userId": "alice1", "coinId": 1280, "amount": "1", "coin": 1}, "coin"),
        ("fund", {"user_id": "alice1", "coinId": 1280, "amount": "1"}, "user_id"),
        ("fund", {"userId": "sys", "coinId": 1280, "amount": "1"}, "userId"),
        ("fund", {"userId": "alice1", "coinId": 1, "amount": "1"}, "coinId"),
        ("fund", {"userId": "alice1", "coinId": 1280, "amount": 1}, "amount"),
        ("faults", {}, "kind"),
        ("faults", {"kind": "reset", "order_id": "ord-1"}, "order_id"),
        ("faults", {"kind": "reset", "orderId": 1}, "orderId"),
        ("faults", {"kind": "reset", "when": "late"}, "lateSeconds"),
        ("faults", {"kind": "hang", "seconds": "5"}, "seconds"),
    ],
)
def test_wrong_input_names_the_field_and_the_rule(sandbox: Sandbox, path: str, fields: object, field: str) -> None:
    status, answer = ask(sandbox, "POST", f"/sandbox/{path}", fields)
    assert (status, answer["field"]) == (400, field)
    assert answer["error"] == f"{field}: {answer['rule']}"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_is_wrong_input(sandbox: Sandbox, body: bytes) -> None:
    assert control(sandbox, "POST", "/sandbox/fund", body).status == 400


@pytest.mark.parametrize(("method", "path"), [("GET", "nothing"), ("PUT", "faults"), ("GET", "fund"), ("POST", "")])
def test_any_other_control_is_not_found(sandbox: Sandbox, method: str, path: str) -> None:
    assert ask(sandbox, method, f"/sandbox/{path}")[0] == 404
