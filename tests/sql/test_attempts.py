"""ledger.start_attempt, ledger.claim and ledger.read_orders: who may go on with an order, and with what."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.sql.calls import Calls
from tests.sql.items import LEASE, NOW, Intake, Rejection, fails, later, moves, succeeds, waits


@pytest.fixture
def order(calls: Calls) -> str:
    """An order whose first attempt was written down."""
    calls.fund("10")
    calls.admit(Intake("ord-1"))
    return "ord-1"


def test_the_next_attempt_is_numbered_doubted_and_written_down(calls: Calls, order: str) -> None:
    assert calls.start_attempt(order, 1, b"second", now=later(40), lease_until=later(70)) == "started"
    row = calls.order(order)
    assert row is not None
    assert (row["state"], row["revision"], row["attempts"], row["doubtful"]) == ("sending", 2, 2, [1, 2])
    assert (row["due_at"], row["updated_at"]) == (later(70), later(40))
    attempts = calls.connection.execute("SELECT number, body, created_at FROM ledger.attempt ORDER BY number")
    assert attempts.fetchall() == [(1, b"body", NOW), (2, b"second", later(40))]
    assert calls.violations() == set()


def test_a_new_attempt_forgets_why_the_last_was_put_off(calls: Calls, order: str) -> None:
    calls.settle(waits(order, 1, "held", doubtful="{}", error_code="rate_limit", polls=3))
    assert calls.start_attempt(order, 2) == "started"
    row = calls.order(order)
    assert row is not None
    assert (row["error_code"], row["doubtful"]) == (None, [2])


@pytest.mark.parametrize("revision", [0, 2, 3])
def test_an_attempt_on_another_revision_is_refused_and_not_written(calls: Calls, order: str, revision: int) -> None:
    before = calls.order(order)
    assert calls.start_attempt(order, revision) == "stale"
    assert calls.order(order) == before
    assert calls.count("attempt") == 1


def test_the_same_attempt_twice_is_written_once(calls: Calls, order: str) -> None:
    assert [calls.start_attempt(order, 1), calls.start_attempt(order, 1)] == ["started", "stale"]
    assert calls.count("attempt") == 2


def test_an_unknown_order_has_no_attempts(calls: Calls) -> None:
    assert calls.start_attempt("nobody", 1) == "stale"
    assert calls.count("attempt") == 0


@pytest.mark.parametrize(
    ("state", "allowed"),
    [("held", True), ("sending", True), ("unknown", True), ("processing", False), ("review", False)],
)
def test_an_attempt_may_start_only_where_the_provider_does_not_have_it(
    calls: Calls, order: str, state: str, allowed: bool
) -> None:
    calls.settle(waits(order, 1, state))
    assert calls.start_attempt(order, 2) == ("started" if allowed else "stale")
    assert calls.state(order) == ("sending" if allowed else state)
    assert calls.count("attempt") == (2 if allowed else 1)


@pytest.mark.parametrize("state", ["succeeded", "failed", "rejected"])
def test_an_order_that_ended_starts_nothing(calls: Calls, order: str, state: str) -> None:
    if state == "rejected":
        calls.reject(Rejection("ord-2"))
        assert calls.start_attempt("ord-2", 1) == "stale"
        return
    ended = succeeds(order, lines=moves(Decimal(1))) if state == "succeeded" else fails(order)
    calls.settle(ended)
    assert calls.start_attempt(order, 2) == "stale"


def test_what_is_due_is_claimed_with_a_lease(calls: Calls, order: str) -> None:
    assert calls.claim(now=NOW + LEASE - timedelta(microseconds=1)) == set()
    assert calls.claim(now=NOW + LEASE, lease_until=later(100)) == {order}
    row = calls.order(order)
    assert row is not None
    assert (row["due_at"], row["revision"], row["state"]) == (later(100), 2, "sending")
    assert calls.claim(now=later(99)) == set()
    assert calls.claim(now=later(100)) == {order}


def test_a_claim_makes_decisions_of_the_one_before_stale(calls: Calls, order: str) -> None:
    calls.claim(now=NOW + LEASE)
    assert calls.settle(fails(order, 1)) == ["stale"]
    assert calls.start_attempt(order, 1) == "stale"
    assert calls.settle(fails(order, 2)) == ["settled"]


def test_only_orders_of_the_named_providers_are_claimed(calls: Calls, order: str) -> None:
    calls.fund("10", provider="coinqpay")
    calls.admit(Intake("ord-2", provider="coinqpay"))
    due = later(60)
    assert calls.claim("elsewhere", now=due) == set()
    assert calls.claim("coinqpay", now=due) == {"ord-2"}
    assert calls.claim("coinqpay", "ccpayment", now=due) == {order}


def test_only_orders_of_the_named_types_are_claimed(calls: Calls, order: str) -> None:
    calls.admit(Intake("ord-2", type="payout"))
    due = later(60)
    assert calls.claim(types=(), now=due) == set()
    assert calls.claim(types=("payout",), now=due) == {"ord-2"}
    assert calls.claim(types=("transfer", "payout"), now=due) == {order}


def test_a_claim_takes_at_most_so_many_the_longest_due_first(calls: Calls) -> None:
    calls.fund("100")
    for number in range(5):
        calls.admit(Intake(f"ord-{number}"), now=later(-number))
    assert calls.claim(now=later(60), lease_until=later(600), most=2) == {"ord-4", "ord-3"}
    assert calls.claim(now=later(60), lease_until=later(600), most=2) == {"ord-2", "ord-1"}
    assert calls.claim(now=later(60), lease_until=later(600), most=2) == {"ord-0"}


def test_what_has_ended_is_never_claimed(calls: Calls, order: str) -> None:
    calls.settle(fails(order))
    assert calls.claim(now=later(10**6)) == set()


def test_reading_gives_what_a_worker_needs_in_order(calls: Calls, order: str) -> None:
    calls.admit(Intake("ord-0", command='{"orderId": "ord-0"}', expires_at=later(5)))
    first, second = calls.read("ord-1", "nobody", "ord-0")
    assert (first["order_id"], second["order_id"]) == ("ord-0", "ord-1")
    assert first == {
        "order_id": "ord-0",
        "type": "transfer",
        "provider": "ccpayment",
        "command": {"orderId": "ord-0"},
        "state": "sending",
        "revision": 1,
        "attempts": 1,
        "doubtful": [1],
        "polls": 0,
        "due_at": NOW + LEASE,
        "doubt_since": None,
        "absent_at": None,
        "attempted_at": NOW,
        "provider_ref": None,
        "error_code": None,
        "expires_at": later(5),
        "events": 0,
        "correlation_id": None,
        "traceparent": None,
        "app_id": None,
        "created_at": NOW,
        "payee": None,
    }


def test_attempted_at_is_the_last_attempt_in_doubt(calls: Calls, order: str) -> None:
    calls.start_attempt(order, 1, now=later(40))
    calls.start_attempt(order, 2, now=later(80))
    assert calls.read(order)[0]["attempted_at"] == later(80)
    calls.settle(waits(order, 3, "unknown", doubtful="{1,2}"))
    assert calls.read(order)[0]["attempted_at"] == later(40)
    calls.settle(waits(order, 4, "held", doubtful="{}"))
    assert calls.read(order)[0]["attempted_at"] is None


def test_an_attempt_is_as_old_as_its_signature(calls: Calls, order: str) -> None:
    calls.start_attempt(order, 1, now=later(40), signed_at=later(39))
    rows = calls.connection.execute("SELECT number, signed_at, signature FROM ledger.attempt ORDER BY number")
    assert rows.fetchall() == [(1, NOW, "signature"), (2, later(39), f"signature {order}/1")]
    assert calls.read(order)[0]["attempted_at"] == later(39)


def test_an_attempt_that_was_written_without_its_signature_is_as_old_as_its_row(calls: Calls) -> None:
    calls.fund("10")
    calls.admit(Intake("ord-1", signed_at=None, signature=None), now=later(5))
    assert calls.read("ord-1")[0]["attempted_at"] == later(5)


def test_reading_nothing_gives_nothing(calls: Calls) -> None:
    assert calls.read() == []
    assert calls.read("nobody") == []
