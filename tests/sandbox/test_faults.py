"""Every fault, before and after the effect, with the effect read from the books."""

from collections.abc import Callable

import pytest

from worker.sandbox.errors import InputError
from worker.sandbox.message import Hang, Reply, Reset, Response

from .caller import Caller, answer_of, code_of

JSON = "application/json"
HTML = "text/html; charset=utf-8"


def is_page(status: int) -> Callable[[Reply], bool]:
    def check(reply: Reply) -> bool:
        if not isinstance(reply, Response):
            return False
        return (reply.status, reply.content_type) == (status, HTML) and reply.body[:1] == b"<"

    return check


def is_cut_json(reply: Reply) -> bool:
    if not isinstance(reply, Response):
        return False
    whole_start = (reply.status, reply.content_type) == (200, JSON)
    return whole_start and reply.body[:1] == b"{" and reply.body[-1:] != b"}"


SIGHTS: dict[str, tuple[dict[str, object], Callable[[Reply], bool]]] = {
    "reset": ({}, lambda reply: reply == Reset()),
    "hang": ({"seconds": 5}, lambda reply: reply == Hang(5)),
    "http_500": ({}, is_page(500)),
    "http_502": ({}, is_page(502)),
    "http_429": ({}, is_page(429)),
    "non_json": ({}, is_page(200)),
    "truncated_json": ({}, is_cut_json),
    "code": ({"code": 11018}, lambda reply: code_of(reply) == 11018),
}
ROWS = [(kind, *row) for kind, row in SIGHTS.items()]


@pytest.mark.parametrize(("kind", "more", "is_seen"), ROWS, ids=SIGHTS)
def test_spoilt_before_the_effect(
    caller: Caller, kind: str, more: dict[str, object], is_seen: Callable[[Reply], bool]
) -> None:
    caller.sandbox.add_fault(kind, when="before", times=1, **more)  # type: ignore[arg-type]
    assert is_seen(caller.transfer())
    assert caller.executed() == []
    assert code_of(caller.lookup()) == 11003
    assert code_of(caller.transfer()) == 10000


@pytest.mark.parametrize(("kind", "more", "is_seen"), ROWS, ids=SIGHTS)
def test_spoilt_after_the_effect(
    caller: Caller, kind: str, more: dict[str, object], is_seen: Callable[[Reply], bool]
) -> None:
    caller.sandbox.add_fault(kind, when="after", times=1, **more)  # type: ignore[arg-type]
    assert is_seen(caller.transfer())
    assert caller.executed() == ["ord-1"]
    assert code_of(caller.lookup()) == 10000
    assert code_of(caller.transfer()) == 11011


@pytest.mark.parametrize(("kind", "more", "is_seen"), ROWS, ids=SIGHTS)
def test_the_effect_comes_late(
    caller: Caller, kind: str, more: dict[str, object], is_seen: Callable[[Reply], bool]
) -> None:
    late = {"when": "late", "late_seconds": 30, "times": 1, **more}
    caller.sandbox.add_fault(kind, **late)  # type: ignore[arg-type]
    assert is_seen(caller.transfer())
    caller.clock.seconds += 29.9
    assert (caller.sandbox.advance(), caller.executed()) == (0, [])
    caller.clock.seconds += 0.1
    assert (caller.sandbox.advance(), caller.executed()) == (1, ["ord-1"])


def test_a_late_request_is_executed_before_the_next_one(caller: Caller) -> None:
    caller.sandbox.add_fault("hang", when="late", late_seconds=30, times=1)
    caller.transfer()
    caller.clock.seconds += 30
    assert code_of(caller.lookup()) == 10000


def test_late_requests_are_executed_in_the_order_they_are_due(caller: Caller) -> None:
    for order_id, seconds in [("ord-1", 30.0), ("ord-2", 10.0), ("ord-3", 10.0)]:
        caller.sandbox.add_fault("hang", when="late", late_seconds=seconds, order_id=order_id)
        caller.transfer(orderId=order_id)
    caller.clock.seconds += 60
    assert caller.sandbox.advance() == 3
    assert caller.executed() == ["ord-2", "ord-3", "ord-1"]


def test_a_late_request_is_a_duplicate_when_a_retry_was_faster(caller: Caller) -> None:
    caller.sandbox.add_fault("hang", when="late", late_seconds=30, times=1)
    caller.transfer(amount="1")
    assert code_of(caller.transfer(amount="2")) == 10000
    caller.clock.seconds += 30
    caller.sandbox.advance()
    assert [str(transfer.amount) for transfer in caller.sandbox.books.transfers()] == ["2"]


def test_a_late_request_is_judged_by_the_balance_of_then(caller: Caller) -> None:
    caller.sandbox.add_fault("hang", when="late", late_seconds=30, times=2)
    caller.transfer(amount="10")
    caller.transfer(orderId="ord-2", fromUserId="carol5", toUserId="dave55", amount="1")
    caller.transfer(orderId="ord-3", toUserId="carol5", amount="1")
    caller.clock.seconds += 30
    caller.sandbox.advance()
    assert caller.executed() == ["ord-3", "ord-2"]


def test_a_late_request_outlives_its_timestamp_and_the_fault(caller: Caller) -> None:
    caller.sandbox.add_fault("hang", when="late", late_seconds=600)
    caller.transfer()
    caller.sandbox.clear_faults()
    caller.clock.seconds += 600
    assert code_of(caller.lookup()) == 10000


def test_a_late_request_that_the_gate_refuses_never_happens(caller: Caller) -> None:
    caller.sandbox.add_fault("hang", when="late", late_seconds=1)
    body = b'{"fromUserId":"alice1","toUserId":"bob123","coinId":1280,"amount":"1","orderId":"o-1"}'
    request = caller.request("userTransfer", body)
    caller.clock.seconds += 121
    assert isinstance(caller.sandbox.handle(request), Hang)
    caller.clock.seconds += 1
    assert (caller.sandbox.advance(), caller.executed()) == (0, [])


def test_a_lag_hides_young_records_from_lookups_only(caller: Caller) -> None:
    fault_id = caller.sandbox.add_fault("lag", seconds=10)
    caller.transfer()
    caller.clock.seconds += 9.9
    assert code_of(caller.lookup()) == 11003
    assert code_of(caller.transfer()) == 11011
    caller.clock.seconds += 0.1
    assert code_of(caller.lookup()) == 10000
    assert code_of(caller.lookup(orderId="ord-2")) == 11003
    # Only the lookup that would have found the record was kept from it.
    assert [(fault.fault_id, fault.fired) for fault in caller.sandbox.faults()] == [(fault_id, 1)]


def test_the_age_of_a_late_record_counts_from_its_execution(caller: Caller) -> None:
    caller.sandbox.add_fault("reset", when="late", late_seconds=30, times=1)
    caller.sandbox.add_fault("lag", seconds=10)
    caller.transfer()
    caller.clock.seconds += 39
    assert code_of(caller.lookup()) == 11003
    caller.clock.seconds += 1
    assert code_of(caller.lookup()) == 10000


def test_a_clock_set_back_hides_nothing(caller: Caller) -> None:
    caller.transfer()
    caller.clock.seconds -= 5
    assert code_of(caller.lookup()) == 10000


def test_a_transfer_can_be_made_to_fail_on_the_record(caller: Caller) -> None:
    caller.sandbox.add_fault("failed_record", times=1)
    assert code_of(caller.lookup()) == 11003
    assert code_of(caller.transfer()) == 10001
    assert answer_of(caller.lookup())["data"]["record"]["status"] == "Failed"
    assert code_of(caller.transfer()) == 11011
    assert caller.executed() == []
    assert [str(amount) for amount in caller.sandbox.books.balances().values()] == ["10"]


def test_a_failed_record_and_a_lost_answer_go_together(caller: Caller) -> None:
    caller.sandbox.add_fault("failed_record", times=1)
    caller.sandbox.add_fault("reset", when="after", times=1)
    assert caller.transfer() == Reset()
    assert answer_of(caller.lookup())["data"]["record"]["status"] == "Failed"


def test_a_code_of_success_without_data_proves_nothing(caller: Caller) -> None:
    caller.sandbox.add_fault("code", code=10000, times=1)
    assert answer_of(caller.transfer())["data"] is None
    assert caller.executed() == []


def test_a_fault_is_for_its_route_and_order_only(caller: Caller) -> None:
    caller.sandbox.add_fault("reset", route="userTransfer", order_id="ord-2")
    assert code_of(caller.transfer()) == 10000
    assert code_of(caller.lookup(orderId="ord-2")) == 11003
    assert caller.transfer(orderId="ord-2") == Reset()
    assert [fault.fired for fault in caller.sandbox.faults()] == [1]


def test_the_first_fault_that_fires_wins(caller: Caller) -> None:
    caller.sandbox.add_fault("reset", times=1)
    caller.sandbox.add_fault("hang", times=1)
    assert [caller.transfer(), caller.transfer()] == [Reset(), Hang(60)]
    assert code_of(caller.transfer()) == 10000
    assert [fault.fired for fault in caller.sandbox.faults()] == [1, 1]


def test_no_fault_is_left_after_clearing(caller: Caller) -> None:
    caller.sandbox.add_fault("reset")
    caller.sandbox.add_fault("lag", seconds=5)
    assert caller.sandbox.clear_faults() == 2
    assert caller.sandbox.faults() == []
    assert code_of(caller.transfer()) == 10000


def resets(caller: Caller) -> list[bool]:
    return [caller.lookup() == Reset() for _ in range(200)]


def test_chance_is_repeatable_and_of_the_asked_size() -> None:
    first, same, other = Caller(seed=1), Caller(seed=1), Caller(seed=2)
    for caller in (first, same, other):
        caller.sandbox.add_fault("reset", probability=0.3)
    drawn = resets(first)
    assert 30 < sum(drawn) < 90
    assert sum(drawn) == first.sandbox.faults()[0].fired
    assert resets(same) == drawn
    assert resets(other) != drawn


def test_chance_may_be_limited_to_a_number_of_times() -> None:
    caller = Caller()
    caller.sandbox.add_fault("reset", probability=0.5, times=3)
    assert sum(resets(caller)) == 3


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"kind": "explode"}, "kind"),
        ({"kind": None}, "kind"),
        ({"kind": ["reset"]}, "kind"),
        ({"kind": "reset", "when": "never"}, "when"),
        ({"kind": "lag", "seconds": 5, "when": "after"}, "when"),
        ({"kind": "failed_record", "when": "late", "late_seconds": 1}, "when"),
        ({"kind": "reset", "route": "usertransfer"}, "route"),
        ({"kind": "reset", "route": ["userTransfer"]}, "route"),
        ({"kind": "reset", "order_id": 5}, "order_id"),
        ({"kind": "reset", "times": 0}, "times"),
        ({"kind": "reset", "times": True}, "times"),
        ({"kind": "reset", "times": "1"}, "times"),
        ({"kind": "reset", "probability": 0}, "probability"),
        ({"kind": "reset", "probability": 1.1}, "probability"),
        ({"kind": "reset", "probability": float("nan")}, "probability"),
        ({"kind": "reset", "probability": "0.5"}, "probability"),
        ({"kind": "reset", "seconds": 5}, "seconds"),
        ({"kind": "lag"}, "seconds"),
        ({"kind": "hang", "seconds": -1}, "seconds"),
        ({"kind": "hang", "seconds": True}, "seconds"),
        ({"kind": "hang", "seconds": 10**400}, "seconds"),
        ({"kind": "hang", "when": "late"}, "late_seconds"),
        ({"kind": "hang", "late_seconds": 5}, "late_seconds"),
        ({"kind": "hang", "when": "late", "late_seconds": "5"}, "late_seconds"),
        ({"kind": "code"}, "code"),
        ({"kind": "code", "code": 999}, "code"),
        ({"kind": "code", "code": "11000"}, "code"),
        ({"kind": "reset", "code": 11000}, "code"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(caller: Caller, rule: dict[str, object], field: str) -> None:
    with pytest.raises(InputError) as refused:
        caller.sandbox.add_fault(**rule)  # type: ignore[arg-type]
    assert refused.value.field == field
    assert caller.sandbox.faults() == []
