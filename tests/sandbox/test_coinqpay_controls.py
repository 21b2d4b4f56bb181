"""CoinQ Pay's control routes: answers, and input errors that name field and rule."""

import json
from typing import Any

import pytest

from worker.sandbox.control import control, listing

from .coinqpay_caller import TRON_ADDRESS, CoinQPayCaller, result_of


@pytest.fixture
def caller() -> CoinQPayCaller:
    return CoinQPayCaller()


def ask(caller: CoinQPayCaller, method: str, path: str, fields: object = None) -> tuple[int, dict[str, Any]]:
    body = b"" if fields is None else json.dumps(fields).encode()
    reply = control(caller.sandbox, method, f"/sandbox/{path}", body)
    answer = json.loads(reply.body)
    assert isinstance(answer, dict)
    return reply.status, answer


def test_books_show_balances_withdrawals_and_pay_orders(caller: CoinQPayCaller) -> None:
    assert ask(caller, "POST", "coinqpay/fund", {"coin": "TRON_USDT", "amount": "20"}) == (200, {"balance": "20"})
    created = result_of(caller.payout())
    caller.order()
    status, books = ask(caller, "GET", "coinqpay/books")
    assert status == 200
    assert books["balances"]["TRON_USDT"] == "15"
    assert books["withdrawals"] == [{**created, "tx_hash": ""}]
    assert [order["order_id"] for order in books["payOrders"]] == ["OR-1"]


def test_controls_are_used_after_what_is_due(caller: CoinQPayCaller) -> None:
    ask(caller, "POST", "coinqpay/fund", {"coin": "TRON_USDT", "amount": "20"})
    caller.sandbox.add_fault("hang", when="late", late_seconds=5)
    caller.payout()
    caller.clock.seconds += 10
    [withdrawal] = ask(caller, "GET", "coinqpay/books")[1]["withdrawals"]
    assert withdrawal["status"] == 4


def test_every_control_is_listed_with_one_line(caller: CoinQPayCaller) -> None:
    status, answer = ask(caller, "GET", "")
    assert (status, answer["controls"]) == (200, listing(caller.sandbox))
    told = {name: line for name, line in answer["controls"].items() if "/coinqpay/" in name}
    assert told.keys() == {f"POST /sandbox/coinqpay/{action}" for action in caller.sandbox.controls["coinqpay"]}
    assert all(line.startswith("{") and "\n" not in line for line in told.values())
    assert answer["controls"]["GET /sandbox/health"] == "Whether the sandbox answers."


FUND = {"coin": "TRON_USDT", "amount": "1"}


@pytest.mark.parametrize(
    ("action", "fields", "field"),
    [
        ("books", {"coin": "ETH"}, "coin"),
        ("fund", [1], "body"),
        ("fund", {"coin": "TRON_USDT"}, "amount"),
        ("fund", {**FUND, "coin": "DOGE"}, "coin"),
        ("fund", {**FUND, "coin": ["ETH"]}, "coin"),
        ("fund", {**FUND, "amount": 1}, "amount"),
        ("fund", {**FUND, "amount": "0"}, "amount"),
        ("fund", {**FUND, "amount": "0.0000001"}, "amount"),
        ("fund", {**FUND, "userId": "alice1"}, "userId"),
        ("pay", {"orderId": "OR-9"}, "orderId"),
        ("pay", {"orderId": ["OR-1"]}, "orderId"),
        ("pay", {"orderId": "paid"}, "orderId"),
        ("pay", {"orderId": "OR-1", "amount": "0"}, "amount"),
        ("pay", {"orderId": "OR-1", "txHash": 5}, "txHash"),
        ("pay", {"orderId": "OR-1", "txHash": ""}, "txHash"),
        ("fail-pay-order", {"orderId": "paid"}, "orderId"),
        ("expire-pay-order", {"orderId": "paid"}, "orderId"),
        ("expire-pay-order", {"orderId": "OR-9"}, "orderId"),
        ("end-withdrawal", {"id": "1"}, "status"),
        ("end-withdrawal", {"id": "1", "status": 5}, "id"),
        ("end-withdrawal", {"status": "5"}, "status"),
        ("end-withdrawal", {"status": -1}, "status"),
        ("end-withdrawal", {"status": True}, "status"),
        ("end-withdrawal", {"status": 5, "coin": "DOGE"}, "coin"),
        ("end-withdrawal", {"status": 5, "amount": "1"}, "coin"),
        ("end-withdrawal", {"status": 5, "coin": "ETH", "amount": "x"}, "amount"),
        ("end-withdrawal", {"status": 5, "address": 5}, "address"),
        ("end-withdrawal", {"status": 5, "times": 0}, "times"),
        ("end-withdrawal", {"status": 5, "id": "1", "coin": "ETH"}, "id"),
        ("pace", {}, "seconds"),
        ("pace", {"seconds": "1"}, "seconds"),
        ("pace", {"seconds": -1}, "seconds"),
        ("pace", {"seconds": True}, "seconds"),
        ("hold", {"status": "2"}, "status"),
        ("coin", {"coin": "ETH"}, "available"),
        ("coin", {"coin": "ETH", "available": 0}, "available"),
        ("permissions", {"route": "payout"}, "allowed"),
        ("permissions", {"route": "coinqpay.payout", "allowed": False}, "route"),
        ("permissions", {"route": ["payout"], "allowed": False}, "route"),
        ("freeze", {}, "frozen"),
        ("freeze", {"frozen": "yes"}, "frozen"),
        ("ip", {"allowed": None}, "allowed"),
        ("answers", {"oldestFirst": 1}, "oldestFirst"),
    ],
)
def test_wrong_input_names_the_field_and_the_rule(
    caller: CoinQPayCaller, action: str, fields: object, field: str
) -> None:
    caller.order()
    caller.order(order_id="paid")
    caller.ask("pay", orderId="paid")
    caller.wait(10)
    before = ask(caller, "GET", "coinqpay/books")
    status, answer = ask(caller, "POST", f"coinqpay/{action}", fields)
    assert (status, answer["field"]) == (400, field)
    assert answer["error"] == f"{field}: {answer['rule']}"
    assert ask(caller, "GET", "coinqpay/books") == before


def test_money_that_is_spent_cannot_be_taken_back(caller: CoinQPayCaller) -> None:
    caller.ask("fund", coin="TRON_USDT", amount="5")
    first = result_of(caller.payout())["id"]
    caller.ask("end-withdrawal", id=first, status=5)
    caller.payout(address=TRON_ADDRESS)
    status, answer = ask(caller, "POST", "coinqpay/end-withdrawal", {"id": first, "status": 4})
    assert (status, answer["field"]) == (400, "status")
    assert caller.statuses() == [5, 1]


@pytest.mark.parametrize(("method", "path"), [("POST", "coinqpay/nothing"), ("DELETE", "coinqpay/books")])
def test_any_other_control_is_not_found(caller: CoinQPayCaller, method: str, path: str) -> None:
    assert ask(caller, method, path)[0] == 404
