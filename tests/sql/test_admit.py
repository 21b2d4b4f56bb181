"""ledger.admit: idempotency first, then funds; order, hold and first attempt in one transaction."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest

from tests.sql.calls import Calls
from tests.sql.items import LEASE, NOW, Intake, Rejection, fails, later, moves, succeeds

NEW = ("admitted", "sending", 0)


def test_a_new_order_is_sending_with_its_funds_held_and_its_attempt_written_down(calls: Calls) -> None:
    calls.fund("10")
    item = Intake(
        "ord-1",
        amount=Decimal("2.5"),
        signed_at=later(-1),
        signature="signed",
        command='{"a": "b"}',
        expires_at=later(600),
        message_id="m",
        correlation_id="c",
        app_id="app",
        traceparent="t",
    )
    assert calls.admit(item) == [NEW]
    assert calls.balance() == (Decimal(10), Decimal("2.5"), Decimal("7.5"))
    order = calls.order("ord-1")
    assert order is not None
    expected = {
        "type": "transfer",
        "provider": "ccpayment",
        "fingerprint": b"content",
        "command": {"a": "b"},
        "state": "sending",
        "revision": 1,
        "hold_amount": Decimal("2.5"),
        "attempts": 1,
        "doubtful": [1],
        "polls": 0,
        "due_at": NOW + LEASE,
        "events": 0,
        "expires_at": later(600),
        "message_id": "m",
        "correlation_id": "c",
        "app_id": "app",
        "traceparent": "t",
        "created_at": NOW,
        "updated_at": NOW,
    }
    assert {name: order[name] for name in expected} == expected
    attempt = calls.connection.execute(
        "SELECT order_id, number, body, signed_at, signature, created_at FROM ledger.attempt"
    ).fetchall()
    assert attempt == [("ord-1", 1, b"body", later(-1), "signed", NOW)]
    assert calls.violations() == set()


def test_an_order_without_a_first_attempt_waits_in_held_and_is_due(calls: Calls) -> None:
    calls.fund("10")
    assert calls.admit(Intake("ord-1", body=None)) == [("waiting", "held", 0)]
    order = calls.order("ord-1")
    assert order is not None
    assert (order["attempts"], order["doubtful"], order["due_at"]) == (0, [], NOW)
    assert calls.count("attempt") == 0
    assert calls.held() == 1
    assert calls.violations() == set()


def test_an_order_without_a_hold_needs_no_account(calls: Calls) -> None:
    assert calls.admit(Intake("ord-1", account=None, coin=None, amount=None)) == [NEW]
    order = calls.order("ord-1")
    assert order is not None
    assert (order["hold_account_id"], order["hold_amount"]) == (None, None)
    assert calls.violations() == set()


def test_the_same_content_again_is_a_duplicate_and_changes_nothing(calls: Calls) -> None:
    calls.fund("10")
    calls.admit(Intake("ord-1"))
    before = calls.order("ord-1")
    assert calls.admit(Intake("ord-1"), now=later(5)) == [("duplicate", "sending", 0)]
    assert calls.order("ord-1") == before
    assert calls.held() == 1
    assert calls.count("attempt") == 1


def test_a_duplicate_tells_how_far_the_order_is(calls: Calls) -> None:
    calls.fund("10")
    calls.admit(Intake("ord-1"), Intake("ord-2"))
    calls.settle(succeeds("ord-1", lines=moves(Decimal(1))), fails("ord-2"))
    assert calls.admit(Intake("ord-1"), Intake("ord-2")) == [
        ("duplicate", "succeeded", 1),
        ("duplicate", "failed", 1),
    ]


def test_other_content_under_a_known_order_id_is_a_conflict_and_changes_nothing(calls: Calls) -> None:
    calls.fund("10")
    calls.admit(Intake("ord-1"))
    before = calls.order("ord-1")
    [(verdict, _, _)] = calls.admit(Intake("ord-1", fingerprint=b"other", amount=Decimal(2)))
    assert verdict == "conflict"
    assert calls.order("ord-1") == before
    assert calls.held() == 1


def test_idempotency_is_judged_before_funds(calls: Calls) -> None:
    calls.fund("1")
    calls.admit(Intake("ord-1"))
    again, other = Intake("ord-1"), Intake("ord-1", fingerprint=b"other")
    assert calls.balance() == (1, 1, 0)
    assert calls.admit_verdicts(again) == ["duplicate"]
    assert calls.admit_verdicts(other) == ["conflict"]
    assert calls.admit_verdicts(again, other, Intake("ord-2")) == ["duplicate", "conflict", "insufficient_funds"]


def test_a_rejected_order_id_is_used_up(calls: Calls) -> None:
    calls.fund("10")
    calls.reject(Rejection("ord-1"))
    assert calls.admit_verdicts(Intake("ord-1")) == ["duplicate"]
    assert calls.admit_verdicts(Intake("ord-1", fingerprint=b"other")) == ["conflict"]
    assert calls.held() == 0


@pytest.mark.parametrize(
    ("account", "coin", "amount"),
    [
        pytest.param("user:alice1", "1280", "10.000000000000000001", id="one unit more than there is"),
        pytest.param("user:nobody", "1280", "0.000000000000000001", id="an account that was never used"),
        pytest.param("user:alice1", "9999", "1", id="a coin that was never used"),
        pytest.param("merchant", "1280", "1", id="the merchant's account, never used"),
    ],
)
def test_too_much_is_insufficient_funds_and_leaves_the_order_id_free(
    calls: Calls, account: str, coin: str, amount: str
) -> None:
    calls.fund("10")
    item = Intake("ord-1", account=account, coin=coin, amount=Decimal(amount))
    assert calls.admit(item) == [("insufficient_funds", None, None)]
    assert calls.order("ord-1") is None
    assert calls.held() == 0
    assert calls.count("attempt") == 0
    assert calls.admit_verdicts(Intake("ord-1")) == ["admitted"]


def test_asking_for_an_unknown_account_does_not_open_it(calls: Calls) -> None:
    calls.admit(Intake("ord-1", account="user:nobody"))
    assert calls.count("account") == calls.count("asset") == 0


def test_all_that_is_available_may_be_held(calls: Calls) -> None:
    calls.fund("10")
    items = Intake("ord-1", amount=Decimal("9.999")), Intake("ord-2", amount=Decimal("0.001"))
    assert calls.admit_verdicts(*items) == ["admitted", "admitted"]
    assert calls.balance() == (10, 10, 0)
    assert calls.admit_verdicts(Intake("ord-3", amount=Decimal("0.001"))) == ["insufficient_funds"]


def test_custody_may_go_below_zero(calls: Calls) -> None:
    calls.fund("10")
    assert calls.admit_verdicts(Intake("ord-1", account="custody", amount=Decimal(10**30))) == ["admitted"]


def test_the_same_account_name_with_another_provider_is_another_account(calls: Calls) -> None:
    calls.fund("10", provider="coinqpay")
    assert calls.admit_verdicts(Intake("ord-1")) == ["insufficient_funds"]
    assert calls.admit_verdicts(Intake("ord-1", provider="coinqpay")) == ["admitted"]


def test_in_a_batch_each_item_sees_what_those_before_it_left(calls: Calls) -> None:
    calls.fund("10")
    calls.fund("1", account="user:bob123")
    amounts = [("ord-1", 6), ("ord-2", 5), ("ord-3", 4), ("ord-4", 1)]
    items = [Intake(order_id, amount=Decimal(amount)) for order_id, amount in amounts]
    other = Intake("ord-5", account="user:bob123")
    assert calls.admit_verdicts(*items, other) == [
        "admitted",
        "insufficient_funds",
        "admitted",
        "insufficient_funds",
        "admitted",
    ]
    assert calls.balance() == (10, 10, 0)
    assert calls.balance("user:bob123") == (1, 1, 0)
    assert calls.violations() == set()


def test_one_order_id_twice_in_a_batch_is_judged_against_the_first(calls: Calls) -> None:
    calls.fund("10")
    first = Intake("ord-1")
    other = replace(first, fingerprint=b"other", amount=Decimal(2))
    assert [v for v, _, _ in calls.admit(first, first, other)] == ["admitted", "duplicate", "conflict"]
    assert calls.held() == 1
    assert calls.count("attempt") == 1


def test_an_order_id_that_one_item_could_not_pay_for_is_free_for_the_next(calls: Calls) -> None:
    calls.fund("10")
    dear = Intake("ord-1", amount=Decimal(11))
    cheap = replace(dear, fingerprint=b"other", amount=Decimal(3))
    assert calls.admit(dear, cheap) == [("insufficient_funds", None, None), NEW]
    assert calls.held() == 3


def test_an_empty_batch_does_nothing(calls: Calls) -> None:
    assert calls.admit() == []


@pytest.mark.parametrize(
    "amount",
    [
        pytest.param("99999999999999999999999999999999999999.999999999999999999", id="38 digits and 18 decimals"),
        pytest.param("0.000000000000000001", id="one unit of 18 decimals"),
        pytest.param("12345678901234567890123456789012345678.123456789012345678", id="no round number"),
    ],
)
def test_amounts_are_held_and_released_exactly(calls: Calls, amount: str) -> None:
    exact = Decimal(amount)
    calls.fund(amount)
    assert calls.admit_verdicts(Intake("ord-1", amount=exact)) == ["admitted"]
    assert calls.balance() == (exact, exact, 0)
    calls.settle(fails("ord-1"))
    assert calls.balance() == (exact, 0, exact)


@pytest.mark.parametrize(
    ("amount", "constraint"),
    [
        pytest.param("0", "order_hold_is_whole", id="zero"),
        pytest.param("-1", "order_hold_is_whole", id="below zero"),
        pytest.param("0.0000000000000000000000001", "amount_is_exact", id="25 decimals"),
        pytest.param("NaN", "amount_is_exact", id="not a number"),
    ],
)
def test_a_hold_that_is_no_amount_is_refused_whole(calls: Calls, amount: str, constraint: str) -> None:
    calls.fund("10")
    with pytest.raises(psycopg.errors.CheckViolation, match=constraint):
        calls.admit(Intake("ord-1"), Intake("ord-2", amount=Decimal(amount)))
    assert calls.order("ord-1") is None
    assert calls.held() == 0


def test_infinity_is_more_than_anybody_has(calls: Calls) -> None:
    calls.fund("10")
    assert calls.admit_verdicts(Intake("ord-1", amount=Decimal("Infinity"))) == ["insufficient_funds"]
    assert calls.held() == 0


@pytest.mark.parametrize(
    "order_id",
    [
        pytest.param("ab", id="2 characters"),
        pytest.param("a" * 65, id="65 characters"),
        pytest.param("ord 1", id="space"),
        pytest.param("ord-1\n", id="trailing newline"),
        pytest.param("осrd1", id="Cyrillic"),
        pytest.param("deposit:ccpayment:1", id="colon, which only deposits have"),
    ],
)
def test_a_malformed_order_id_is_refused_by_the_table(calls: Calls, order_id: str) -> None:
    calls.fund("10")
    with pytest.raises(psycopg.errors.CheckViolation, match="order_id_is_well_formed"):
        calls.admit(Intake(order_id))


def test_a_hold_needs_both_account_and_amount(calls: Calls) -> None:
    calls.fund("10")
    with pytest.raises(psycopg.errors.CheckViolation, match="order_hold_is_whole"):
        calls.admit(Intake("ord-1", account=None))


def test_the_lease_is_the_callers_own(calls: Calls) -> None:
    calls.fund("10")
    calls.admit(Intake("ord-1"), lease_until=NOW + timedelta(seconds=7))
    assert calls.claim(now=later(6)) == set()
    assert calls.claim(now=later(7)) == {"ord-1"}
