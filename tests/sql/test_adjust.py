"""ledger.adjust, ledger.open_accounts and ledger.contradict: what operators and late evidence write."""

import uuid
from dataclasses import replace
from decimal import Decimal

import psycopg
import pytest

from tests.sql.calls import Calls
from tests.sql.items import NOW, Event, Intake, Rejection


def test_an_adjustment_posts_against_custody(calls: Calls) -> None:
    assert calls.adjust("adj-1", Decimal("12.5")) == "adjusted"
    assert calls.lines("adj-1") == [
        ("user:alice1", Decimal("12.5"), "adjust", Decimal("12.5")),
        ("custody", Decimal("-12.5"), "adjust", Decimal("-12.5")),
    ]
    assert calls.balance() == (Decimal("12.5"), 0, Decimal("12.5"))
    assert calls.balance("custody") == (Decimal("-12.5"), 0, Decimal("-12.5"))
    order = calls.order("adj-1")
    assert order is not None
    assert (order["type"], order["state"], order["due_at"]) == ("adjust", "succeeded", None)
    assert order["command"] == {"account": "user:alice1", "coin": "1280", "amount": "12.5", "reason": "a reason"}
    assert calls.value("SELECT reason FROM ledger.journal WHERE order_id = 'adj-1'") == "a reason"
    assert calls.value("SELECT at FROM ledger.journal WHERE order_id = 'adj-1'") == NOW
    assert calls.violations() == set()


def test_an_adjustment_may_take_away_what_is_available(calls: Calls) -> None:
    calls.fund("10")
    calls.admit(Intake("ord-1", amount=Decimal(4)))
    assert calls.adjust("adj-1", Decimal("-6.000000000000000001")) == "insufficient_funds"
    assert calls.order("adj-1") is None
    assert calls.adjust("adj-1", Decimal(-6)) == "adjusted"
    assert calls.balance() == (4, 4, 0)
    assert calls.violations() == set()


def test_an_adjustment_is_done_once(calls: Calls) -> None:
    assert calls.adjust("adj-1", Decimal(5)) == "adjusted"
    assert calls.adjust("adj-1", Decimal(5)) == "duplicate"
    assert calls.balance() == (5, 0, 5)


def test_idempotency_is_judged_before_funds(calls: Calls) -> None:
    calls.fund("5")
    calls.adjust("adj-1", Decimal(-5))
    assert calls.adjust("adj-1", Decimal(-5)) == "duplicate"
    assert calls.adjust("adj-1", Decimal(-9), fingerprint=b"other") == "conflict"


def test_an_order_id_of_a_command_is_taken(calls: Calls) -> None:
    calls.fund("10")
    calls.admit(Intake("ord-1", fingerprint=b"a transfer"))
    calls.reject(Rejection("ord-2", fingerprint=b"a transfer"))
    assert calls.adjust("ord-1", Decimal(5)) == "conflict"
    assert calls.adjust("ord-2", Decimal(5)) == "conflict"


def test_a_command_finds_the_order_id_of_an_adjustment_taken(calls: Calls) -> None:
    calls.adjust("adj-1", Decimal(5))
    assert calls.admit_verdicts(Intake("adj-1", fingerprint=b"a transfer")) == ["conflict"]


def test_custody_may_owe_without_end(calls: Calls) -> None:
    most = Decimal("99999999999999999999999999999999999999.999999999999999999")
    assert calls.adjust("adj-1", most) == "adjusted"
    assert calls.balance("custody") == (most.copy_negate(), 0, most.copy_negate())


@pytest.mark.parametrize(
    ("amount", "constraint"),
    [
        pytest.param("0", "entry_moves_something", id="zero"),
        pytest.param("NaN", "amount_is_exact", id="not a number"),
        pytest.param("Infinity", "amount_is_exact", id="infinity"),
        pytest.param("0.0000000000000000000000001", "amount_is_exact", id="25 decimals"),
        pytest.param("1E+38", "amount_is_exact", id="39 digits"),
    ],
)
def test_an_amount_that_is_none_is_refused(calls: Calls, amount: str, constraint: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match=constraint):
        calls.adjust("adj-1", Decimal(amount))
    assert calls.order("adj-1") is None


@pytest.mark.parametrize("account", ["alice1", "user:", "users:alice1", "", "Merchant"])
def test_an_account_name_that_is_none_is_refused(calls: Calls, account: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="account_name_is_known"):
        calls.adjust("adj-1", Decimal(1), account)


def test_custody_is_not_adjusted_against_itself(calls: Calls) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation, match="entry_once"):
        calls.adjust("adj-1", Decimal(1), "custody")


def test_accounts_are_opened_once_and_found_again(calls: Calls) -> None:
    statement = "SELECT ledger.open_accounts(%s::text[], %s::text[], %s::text[])"
    asked = (["ccpayment"] * 4, ["1", "1", "2", "1"], ["user:alice1", "custody", "custody", "user:alice1"])
    ids = calls.value(statement, *asked)
    assert ids[0] == ids[3]
    assert len(set(ids)) == 3
    assert calls.value(statement, *asked) == ids
    assert calls.value(statement, *([column[1]] for column in asked)) == [ids[1]]
    floors = calls.connection.execute(
        "SELECT a.name, b.floor, b.posted, b.held, b.version FROM ledger.balance b"
        " JOIN ledger.account a ON a.id = b.account_id ORDER BY a.id"
    ).fetchall()
    assert sorted(floors, key=str) == [
        ("custody", None, 0, 0, 0),
        ("custody", None, 0, 0, 0),
        ("user:alice1", 0, 0, 0, 0),
    ]


def test_an_account_without_a_name_has_no_id_and_opens_nothing(calls: Calls) -> None:
    ids = calls.value(
        "SELECT ledger.open_accounts(%s::text[], %s::text[], %s::text[])", ["p", "p"], ["1", None], [None, None]
    )
    assert ids == [None, None]
    assert calls.count("asset") == 0


def test_late_evidence_is_remembered_once_and_breaks_an_invariant(calls: Calls) -> None:
    calls.reject(Rejection("ord-1"))
    details = ["the provider did it", "the provider did it", "twice"]
    assert [calls.contradict("ord-1", detail) for detail in details] == [True, False, True]
    assert calls.count("contradiction") == 2
    assert calls.violations() == {"no evidence contradicts how an order ended"}
    assert calls.state("ord-1") == "rejected"


def test_late_evidence_is_told_once_and_is_no_second_end(calls: Calls) -> None:
    calls.reject(Rejection("ord-1"))
    event = Event(uuid.uuid4(), 2, routing_key="order.contradicted", body='{"a": 1}', correlation_id="c")
    assert calls.contradict("ord-1", "the provider did it", event)
    assert not calls.contradict("ord-1", "the provider did it", replace(event, event_id=uuid.uuid4()))
    rows = calls.connection.execute(
        "SELECT event_id, sequence, terminal, routing_key, body, correlation_id, traceparent, lease_until"
        " FROM ledger.outbox WHERE sequence > 1"
    ).fetchall()
    assert rows == [(event.event_id, 2, False, "order.contradicted", '{"a": 1}', "c", "trace", NOW)]


def test_evidence_about_an_order_that_does_not_exist_is_refused(calls: Calls) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        calls.contradict(f"nobody-{uuid.uuid4().hex}", "the provider did it")
