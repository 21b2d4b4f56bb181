"""Second confirmations: whose a withdrawal is, which payment it may be of, and refusals, which are for ever."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import psycopg
import pytest

from tests.sql.calls import Calls
from tests.sql.connections import connected, until_waiting
from tests.sql.items import Intake, Settlement, fails, moves, succeeds, waits

PAYEE = "TRON_USDT 1 address"


def payment(order_id: str = "pay-1", payee: str = PAYEE) -> Intake:
    return Intake(order_id, type="payout", payee=payee)


@pytest.fixture
def sent(calls: Calls) -> Calls:
    """A payment without an order id that has left, and a transfer with one."""
    calls.fund("10")
    calls.admit(payment(), Intake("ord-1"))
    return calls


def test_a_withdrawal_that_nobody_knows_belongs_to_no_order(sent: Calls) -> None:
    assert sent.confirmation("w-1") == (None, None, False)


@pytest.mark.parametrize(
    "decision",
    [
        pytest.param(waits("pay-1", 1, "processing", provider_ref="w-1"), id="processing"),
        pytest.param(waits("pay-1", 1, "review", provider_ref="w-1"), id="review"),
        pytest.param(succeeds("pay-1", lines=moves(Decimal(1)), provider_ref="w-1"), id="succeeded"),
        pytest.param(fails("pay-1", provider_ref="w-1"), id="failed"),
    ],
)
def test_a_withdrawal_of_an_order_is_told_with_how_far_that_is(sent: Calls, decision: Settlement) -> None:
    sent.settle(decision)
    assert sent.confirmation("w-1") == ("pay-1", decision.state, False)
    assert sent.confirmation("w-1", "coinqpay") == (None, None, False)


def test_an_id_of_an_order_that_the_provider_knows_by_its_order_id_is_no_withdrawals(sent: Calls) -> None:
    sent.settle(waits("ord-1", 1, "processing", provider_ref="w-1"))
    assert sent.confirmation("w-1") == (None, None, False)


def test_a_payment_in_doubt_is_found_by_its_payee(sent: Calls) -> None:
    assert sent.payment_in_doubt(PAYEE) == "pay-1"
    assert sent.payment_in_doubt("TRON_USDT 2 address") is None
    assert sent.payment_in_doubt(PAYEE, "coinqpay") is None


@pytest.mark.parametrize(
    "decision",
    [
        pytest.param(waits("pay-1", 1, "processing", provider_ref="w-1"), id="it has an id"),
        pytest.param(waits("pay-1", 1, "held", doubtful="{}"), id="it was refused"),
        pytest.param(fails("pay-1"), id="it is over"),
    ],
)
def test_a_payment_that_is_not_in_doubt_is_not_found_by_its_payee(sent: Calls, decision: Settlement) -> None:
    sent.settle(decision)
    assert sent.payment_in_doubt(PAYEE) is None


def test_of_two_equal_payments_the_one_that_has_left_is_found(sent: Calls) -> None:
    sent.admit(payment("pay-0"), payment("pay-2"))
    assert sent.payment_in_doubt(PAYEE) == "pay-1"


def test_a_refusal_is_remembered_for_ever_and_for_its_provider_alone(sent: Calls) -> None:
    assert sent.refuse_confirmation("w-1", PAYEE)
    assert sent.confirmation("w-1") == (None, None, True)
    assert sent.confirmation("w-1", "coinqpay") == (None, None, False)
    assert sent.refuse_confirmation("w-1", PAYEE), "again is no contradiction"
    assert sent.count("refusal") == 1


@pytest.mark.parametrize("payee", [PAYEE, "a payee that nobody pays"])
def test_a_withdrawal_that_has_become_an_orders_is_not_refused_any_more(sent: Calls, payee: str) -> None:
    sent.settle(waits("pay-1", 1, "processing", provider_ref="w-1"))
    assert not sent.refuse_confirmation("w-1", payee)
    assert sent.confirmation("w-1") == ("pay-1", "processing", False)


def test_a_withdrawal_of_an_order_that_failed_is_refused(sent: Calls) -> None:
    sent.settle(fails("pay-1", provider_ref="w-1"))
    assert sent.refuse_confirmation("w-1", PAYEE)
    assert sent.confirmation("w-1") == ("pay-1", "failed", True)


def test_a_binding_that_is_about_to_commit_is_waited_for_before_refusing(database_url: str) -> None:
    with (
        connected(database_url) as calls,
        psycopg.connect(database_url) as first,
        connected(database_url) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        calls.fund("10")
        calls.admit(payment())
        first.execute("SELECT")  # a transaction that stays open
        Calls(first).settle(waits("pay-1", 1, "processing", provider_ref="w-1"))
        waiting = thread.submit(lambda: other.refuse_confirmation("w-1", PAYEE))
        until_waiting(calls, other.connection)
        first.commit()
        assert waiting.result() is False
        assert calls.confirmation("w-1") == ("pay-1", "processing", False)


def test_a_binding_that_comes_during_a_refusal_waits_and_finds_it(database_url: str) -> None:
    with (
        connected(database_url) as calls,
        psycopg.connect(database_url) as first,
        connected(database_url) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        calls.fund("10")
        calls.admit(payment())
        first.execute("SELECT")
        assert Calls(first).refuse_confirmation("w-1", PAYEE)
        waiting = thread.submit(lambda: other.settle(waits("pay-1", 1, "processing", provider_ref="w-1")))
        until_waiting(calls, other.connection)
        first.commit()
        assert waiting.result() == ["settled"]
        assert calls.confirmation("w-1") == ("pay-1", "processing", True)
