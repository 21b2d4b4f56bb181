"""Payments without an order id at the provider: of two equal ones at most one is in doubt at a time."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.sql.calls import Calls
from tests.sql.items import LEASE, NOW, Intake, Settlement, fails, later, moves, succeeds, waits

NEW = ("admitted", "sending", 0)
WAITING = ("waiting", "held", 0)


def payment(order_id: str, payee: str | None = "TRON_USDT 1 address", **changes: Any) -> Intake:
    """A payout of 1, whose request carries no order id."""
    return Intake(order_id, **{"type": "payout", "payee": payee, "signature": f"signature {order_id}", **changes})


@pytest.fixture
def funded(calls: Calls) -> Calls:
    """Enough for all, at two providers."""
    calls.fund("10")
    calls.fund("10", provider="coinqpay")
    return calls


@pytest.fixture
def two(funded: Calls) -> Calls:
    """Two equal payments: pay-1 is sending, pay-2 waits."""
    assert funded.admit(payment("pay-1"), payment("pay-2")) == [NEW, WAITING]
    return funded


def row_of(calls: Calls, order_id: str) -> dict[str, Any]:
    row = calls.order(order_id)
    assert row is not None
    return row


def test_the_second_equal_payment_waits_with_its_funds_held_and_nothing_to_send(funded: Calls) -> None:
    assert funded.admit(payment("pay-1")) == [NEW]
    assert funded.admit(payment("pay-2"), now=later(5)) == [WAITING]
    expected = {
        "state": "held",
        "revision": 1,
        "attempts": 0,
        "doubtful": [],
        "payee": "TRON_USDT 1 address",
        "due_at": later(5),
        "hold_amount": 1,
        "events": 0,
    }
    row = row_of(funded, "pay-2")
    assert {name: row[name] for name in expected} == expected
    assert funded.balance() == (10, 2, 8)
    assert funded.count("attempt") == 1
    assert funded.claim(types=("payout",), now=later(5)) == {"pay-2"}, "somebody goes on with it"
    assert funded.violations() == set()


def test_in_one_batch_the_first_goes_and_the_others_wait(funded: Calls) -> None:
    assert funded.admit(*(payment(f"pay-{number}") for number in (3, 1, 2))) == [NEW, WAITING, WAITING]
    assert [funded.state(f"pay-{number}") for number in (3, 1, 2)] == ["sending", "held", "held"]
    attempts = funded.connection.execute("SELECT order_id FROM ledger.attempt").fetchall()
    assert attempts == [("pay-3",)]
    assert funded.balance() == (10, 3, 7)
    assert funded.violations() == set()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(payment("pay-2", "TRON_USDT 1 elsewhere"), id="another address"),
        pytest.param(payment("pay-2", "TRON_USDT 2 address", amount=Decimal(2)), id="another amount"),
        pytest.param(payment("pay-2", "ETH 1 address"), id="another coin"),
        pytest.param(payment("pay-2", provider="coinqpay"), id="another provider"),
        pytest.param(payment("pay-2", None), id="a request that carries its order id"),
    ],
)
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_payments_that_can_be_told_apart_do_not_wait(funded: Calls, other: Intake, together: bool) -> None:
    batches = [[payment("pay-1"), other]] if together else [[payment("pay-1")], [other]]
    assert [answer for batch in batches for answer in funded.admit(*batch)] == [NEW, NEW]
    assert funded.violations() == set()


def test_requests_that_carry_their_order_ids_never_wait_for_each_other(funded: Calls) -> None:
    items = [payment(f"pay-{number}", None) for number in range(5)]
    assert funded.admit_verdicts(*items) == ["admitted"] * 5


def test_a_payment_of_another_account_waits_too(funded: Calls) -> None:
    funded.fund("10", "user:bob123")
    assert funded.admit(payment("pay-1"), payment("pay-2", account="user:bob123")) == [NEW, WAITING]


def test_one_that_cannot_be_paid_takes_nobodys_turn(funded: Calls) -> None:
    dear = payment("pay-1", amount=Decimal(11))
    assert funded.admit_verdicts(dear, payment("pay-2"), payment("pay-3")) == [
        "insufficient_funds",
        "admitted",
        "waiting",
    ]


def test_a_repeated_order_takes_nobodys_turn(two: Calls) -> None:
    assert two.admit(payment("pay-2"), payment("pay-1"), payment("pay-2", fingerprint=b"other")) == [
        ("duplicate", "held", 0),
        ("duplicate", "sending", 0),
        ("conflict", "held", 0),
    ]
    assert two.held() == 2


ENDS = [
    pytest.param(waits("pay-1", 1, "processing", provider_ref="w-1"), id="it has the provider's id"),
    pytest.param(succeeds("pay-1", lines=moves(Decimal(1))), id="it succeeded"),
    pytest.param(fails("pay-1"), id="it failed"),
    pytest.param(fails("pay-1", doubtful="{1}"), id="it failed, and what was in doubt is still noted"),
    pytest.param(waits("pay-1", 1, "held", doubtful="{}"), id="it was definitely refused"),
]
STAYS = [
    pytest.param(waits("pay-1", 1, "unknown"), id="it is not known"),
    pytest.param(waits("pay-1", 1, "review"), id="a person must decide"),
    pytest.param(waits("pay-1", 1, "processing"), id="the provider has it under an id that is not known"),
    pytest.param(waits("pay-1", 1, "sending"), id="it may still be sent"),
]


@pytest.mark.parametrize("decision", ENDS)
def test_the_next_may_go_when_the_first_is_no_longer_in_doubt(two: Calls, decision: Settlement) -> None:
    assert two.settle(decision) == ["settled"]
    assert two.start_attempt("pay-2", 1) == "started"
    assert two.admit(payment("pay-3")) == [WAITING], "now pay-2 is in doubt"
    assert two.violations() == set()


@pytest.mark.parametrize("decision", ENDS)
def test_a_new_one_may_go_when_the_first_is_no_longer_in_doubt(two: Calls, decision: Settlement) -> None:
    two.settle(decision)
    assert two.admit(payment("pay-3")) == [NEW], "pay-2 has nothing under way"
    assert two.start_attempt("pay-2", 1) == "busy"


@pytest.mark.parametrize("decision", STAYS)
def test_nobody_may_go_while_the_first_is_in_doubt(two: Calls, decision: Settlement) -> None:
    assert two.settle(decision) == ["settled"]
    assert two.start_attempt("pay-2", 1) == "busy"
    assert two.admit(payment("pay-3")) == [WAITING]


@pytest.mark.parametrize(
    ("waited", "seconds"),
    [(0, 2), (1.5, 2), (2, 2), (17, 17), (60, 60), (3600, 60)],
)
def test_one_that_is_kept_back_is_looked_at_again_after_as_long_as_it_has_waited(
    two: Calls, waited: float, seconds: float
) -> None:
    before = row_of(two, "pay-2")
    assert two.start_attempt("pay-2", 1, now=later(waited)) == "busy"
    told = {"due_at": later(waited + seconds), "error_code": "equal_payment_in_doubt"}
    assert row_of(two, "pay-2") == {**before, **told}
    assert two.count("attempt") == 1
    assert two.claim(types=("payout",), now=later(waited + seconds)) >= {"pay-2"}
    assert two.violations() == set()


def test_one_that_was_kept_back_may_start_on_the_same_revision_later(two: Calls) -> None:
    assert two.start_attempt("pay-2", 1) == "busy"
    two.settle(fails("pay-1"))
    assert two.start_attempt("pay-2", 1, b"body", now=later(2)) == "started"
    row = row_of(two, "pay-2")
    assert (row["state"], row["revision"], row["attempts"], row["doubtful"]) == ("sending", 2, 1, [1])
    assert row["due_at"] == later(2) + LEASE
    assert two.violations() == set()


SENT_BEFORE = [
    pytest.param(waits("pay-1", 1, "processing", provider_ref="w-1"), id="it has the provider's id"),
    pytest.param(succeeds("pay-1", lines=moves(Decimal(1)), provider_ref="w-1"), id="it succeeded"),
    pytest.param(waits("pay-1", 1, "held", doubtful="{}"), id="it was definitely refused"),
    pytest.param(fails("pay-1"), id="it failed"),
]


@pytest.mark.parametrize("decision", SENT_BEFORE)
def test_the_same_request_is_not_sent_for_an_equal_payment(funded: Calls, decision: Settlement) -> None:
    """Signed in one second, where seconds are signed: the provider takes it for a replay of the first."""
    funded.admit(payment("pay-1", signature="same"))
    funded.settle(decision)
    assert funded.admit(payment("pay-2", signature="same"), payment("pay-3", signature="same")) == [WAITING, WAITING]
    assert funded.count("attempt") == 1
    assert funded.start_attempt("pay-2", 1, now=later(1), signature="same") == "busy"
    row = row_of(funded, "pay-2")
    assert (row["state"], row["revision"], row["attempts"], row["due_at"]) == ("held", 1, 0, later(3))
    assert funded.start_attempt("pay-2", 1, now=later(3), signature="another") == "started"
    assert funded.violations() == set()


def test_the_same_request_is_not_sent_again_for_the_same_payment(funded: Calls) -> None:
    funded.admit(payment("pay-1", signature="same"))
    funded.settle(waits("pay-1", 1, "held", doubtful="{}"))
    assert funded.start_attempt("pay-1", 2, signature="same") == "busy"
    assert funded.start_attempt("pay-1", 2, signature="another") == "started"


def test_a_payment_that_goes_elsewhere_by_now_is_equal_to_what_goes_there(two: Calls) -> None:
    assert two.admit(payment("pay-3", "TRON_USDT 1 elsewhere")) == [NEW]
    assert two.start_attempt("pay-2", 1, payee="TRON_USDT 1 elsewhere") == "busy"
    assert row_of(two, "pay-2")["payee"] == "TRON_USDT 1 address", "it was not signed for that one"
    two.settle(fails("pay-3"))
    assert two.start_attempt("pay-2", 1, payee="TRON_USDT 1 elsewhere") == "started"
    assert [row["payee"] for row in two.read("pay-1", "pay-2")] == ["TRON_USDT 1 address", "TRON_USDT 1 elsewhere"]
    assert two.admit(payment("pay-4", "TRON_USDT 1 elsewhere")) == [WAITING]


def test_the_same_signature_at_another_provider_is_another_request(funded: Calls) -> None:
    funded.admit(payment("pay-1", signature="same"))
    assert funded.admit(payment("pay-2", provider="coinqpay", signature="same")) == [NEW]


def test_one_that_is_kept_back_after_somebody_took_it_is_stale(two: Calls) -> None:
    assert two.claim(types=("payout",), now=NOW) == {"pay-2"}
    before = row_of(two, "pay-2")
    assert two.start_attempt("pay-2", 1) == "stale"
    assert row_of(two, "pay-2") == before


def test_an_order_is_not_in_its_own_way(two: Calls) -> None:
    assert two.start_attempt("pay-1", 1) == "started"
    assert row_of(two, "pay-1")["doubtful"] == [1, 2]


def test_the_table_itself_refuses_a_second_equal_payment_in_doubt(two: Calls) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation, match="orders_one_unbound"):
        two.settle(waits("pay-2", 1, "unknown"))


def test_a_payment_that_waits_may_end_without_ever_being_sent(two: Calls) -> None:
    assert two.settle(fails("pay-2", error_code="expired")) == ["settled"]
    assert two.balance() == (10, 1, 9)
    assert two.admit(payment("pay-3")) == [WAITING]
    assert two.violations() == set()
