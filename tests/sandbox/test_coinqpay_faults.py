"""Every fault on CoinQ Pay's routes, before, after and late, with the effect read from the books."""

from collections.abc import Callable

import pytest

from worker.sandbox.errors import InputError
from worker.sandbox.message import Hang, Reply, Reset, Response, Slow

from .coinqpay_caller import CoinQPayCaller, code_of, refusal_of, result_of


@pytest.fixture
def caller() -> CoinQPayCaller:
    caller = CoinQPayCaller()
    caller.ask("fund", coin="TRON_USDT", amount="100")
    return caller


def is_cut_json(reply: Reply) -> bool:
    if not isinstance(reply, Response):
        return False
    return reply.status == 200 and reply.body.startswith(b'{"success":true') and reply.body[-1:] != b"}"


def is_page(status: int) -> Callable[[Reply], bool]:
    return lambda reply: isinstance(reply, Response) and reply.status == status and reply.body[:1] == b"<"


SIGHTS: dict[str, tuple[dict[str, object], Callable[[Reply], bool]]] = {
    "reset": ({}, lambda reply: reply == Reset()),
    "hang": ({"seconds": 5}, lambda reply: reply == Hang(5)),
    "http_500": ({}, is_page(500)),
    "http_502": ({}, is_page(502)),
    "http_429": ({}, is_page(429)),
    "non_json": ({}, is_page(200)),
    "truncated_json": ({}, is_cut_json),
    "code": ({"code": 1000}, lambda reply: refusal_of(reply) == (500, 1000)),
}
ROWS = pytest.mark.parametrize(
    ("kind", "more", "is_seen"), [(kind, *row) for kind, row in SIGHTS.items()], ids=SIGHTS
)


@ROWS
@pytest.mark.parametrize(
    ("when", "late", "at_once", "later"),
    [("before", {}, 0, 0), ("after", {}, 1, 1), ("late", {"late_seconds": 30}, 0, 1)],
    ids=["before", "after", "late"],
)
def test_a_payout_whose_answer_is_spoilt(
    caller: CoinQPayCaller,
    kind: str,
    more: dict[str, object],
    is_seen: Callable[[Reply], bool],
    when: str,
    late: dict[str, object],
    at_once: int,
    later: int,
) -> None:
    options = {**more, **late}
    caller.sandbox.add_fault(kind, when=when, route="coinqpay.payout", times=1, **options)  # type: ignore[arg-type]
    assert is_seen(caller.payout())
    assert len(result_of(caller.get("withdraws"))) == at_once
    caller.wait(30)
    assert len(result_of(caller.get("withdraws"))) == later
    assert caller.balance() == str(100 - 5 * later)
    assert code_of(caller.payout()) == 0


def test_a_late_withdrawal_goes_on_from_its_own_time(caller: CoinQPayCaller) -> None:
    caller.ask("pace", seconds=1)
    caller.sandbox.add_fault("hang", when="late", late_seconds=30, times=1)
    caller.payout()
    caller.wait(32)
    assert caller.statuses() == [3]


def test_a_late_copy_is_judged_by_the_gate_on_arrival(caller: CoinQPayCaller) -> None:
    caller.sandbox.add_fault("reset", when="late", late_seconds=300, times=1)
    body = b'{"coin":"TRON_USDT","address":"TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1","amount":"5"}'
    request = caller.request("POST", "payout", body=body)
    assert caller.sandbox.handle(request) == Reset()
    assert refusal_of(caller.sandbox.handle(request)) == (401, 1005)
    caller.wait(300)
    assert len(caller.books.withdrawals()) == 1


def test_a_request_lost_before_the_provider_is_no_replay(caller: CoinQPayCaller) -> None:
    caller.sandbox.add_fault("reset", when="before", times=1)
    request = caller.request("GET", "supported_coins")
    assert [caller.sandbox.handle(request) == Reset(), code_of(caller.sandbox.handle(request))] == [True, 0]


def test_a_slow_answer_is_the_true_one(caller: CoinQPayCaller) -> None:
    caller.sandbox.add_fault("slow", when="after", seconds=2, route="coinqpay.payout", times=1)
    reply = caller.payout()
    assert isinstance(reply, Slow)
    assert (reply.seconds, result_of(reply.response)["status"]) == (2, 1)
    assert len(caller.books.withdrawals()) == 1


def test_a_fault_is_for_its_route_and_order_only(caller: CoinQPayCaller) -> None:
    caller.sandbox.add_fault("reset", route="coinqpay.pay_order", order_id="OR-2")
    assert code_of(caller.order()) == 0
    assert caller.order(order_id="OR-2") == Reset()
    assert code_of(caller.get("pay_order", order_id="OR-2")) == 12016


@pytest.mark.parametrize("code", [1000, 1001, 1999, 12009, 12345, 99999])
def test_any_code_of_four_or_five_digits_can_be_answered(caller: CoinQPayCaller, code: int) -> None:
    caller.sandbox.add_fault("code", code=code, route="coinqpay.withdraws")
    assert refusal_of(caller.get("withdraws"))[1] == code


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"kind": "code", "code": 1000}, "code"),
        ({"kind": "code", "code": 1000, "route": "userTransfer"}, "code"),
        ({"kind": "code", "code": 999, "route": "coinqpay.payout"}, "code"),
        ({"kind": "reset", "route": "payout"}, "route"),
        ({"kind": "truncated_list"}, "keep"),
        ({"kind": "truncated_list", "keep": -1}, "keep"),
        ({"kind": "truncated_list", "keep": True}, "keep"),
        ({"kind": "truncated_list", "keep": 1, "when": "after"}, "when"),
        ({"kind": "reset", "keep": 1}, "keep"),
        ({"kind": "slow", "seconds": 1}, "when"),
        ({"kind": "slow", "when": "late", "late_seconds": 1, "seconds": 1}, "when"),
        ({"kind": "slow", "when": "after"}, "seconds"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(caller: CoinQPayCaller, rule: dict[str, object], field: str) -> None:
    with pytest.raises(InputError) as refused:
        caller.sandbox.add_fault(**rule)  # type: ignore[arg-type]
    assert refused.value.field == field


def test_a_withdrawal_can_be_made_to_fail_on_the_record(caller: CoinQPayCaller) -> None:
    caller.sandbox.add_fault("failed_record", times=1)
    caller.order()
    assert result_of(caller.payout())["status"] == 1
    caller.wait(10)
    assert (caller.statuses(), caller.balance()) == ([5], "100")


def test_a_lag_hides_young_withdrawals_from_queries(caller: CoinQPayCaller) -> None:
    old = result_of(caller.payout())["id"]
    caller.wait(10)
    young = result_of(caller.payout())["id"]
    caller.sandbox.add_fault("lag", seconds=10)
    assert [row["id"] for row in result_of(caller.get("withdraws"))] == [old]
    assert result_of(caller.get("withdraws", id=young)) == []
    assert len(result_of(caller.get("withdraws", id=old))) == 1
    assert [fault.fired for fault in caller.sandbox.faults()] == [2]
    caller.wait(10)
    assert len(result_of(caller.get("withdraws"))) == 2


def test_a_lag_hides_young_pay_orders_from_queries_only(caller: CoinQPayCaller) -> None:
    caller.sandbox.add_fault("lag", seconds=10)
    caller.order()
    assert code_of(caller.get("pay_order", order_id="OR-1")) == 12016
    assert code_of(caller.order()) == 12017
    caller.wait(10)
    assert code_of(caller.get("pay_order", order_id="OR-1")) == 0


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("keep", [0, 1, 2, 9])
def test_a_truncated_list_has_only_the_newest(caller: CoinQPayCaller, keep: int, oldest_first: bool) -> None:
    ids = [result_of(caller.payout())["id"] for _ in range(3)]
    caller.ask("answers", oldestFirst=oldest_first)
    caller.sandbox.add_fault("truncated_list", keep=keep, times=1)
    assert len(result_of(caller.get("withdraws", id=ids[0]))) == 1
    newest = ids[max(0, 3 - keep) :]
    seen = [row["id"] for row in result_of(caller.get("withdraws"))]
    assert seen == (newest if oldest_first else newest[::-1])
    assert len(result_of(caller.get("withdraws"))) == 3


def test_a_lag_and_a_truncation_go_together(caller: CoinQPayCaller) -> None:
    ids = [result_of(caller.payout())["id"] for _ in range(2)]
    caller.wait(10)
    caller.payout()
    caller.sandbox.add_fault("lag", seconds=5)
    caller.sandbox.add_fault("truncated_list", keep=1)
    assert [row["id"] for row in result_of(caller.get("withdraws"))] == [ids[1]]
