"""ledger.hasten and ledger.remember_webhook: what a provider tells moves the next look, and nothing else."""

from typing import Any

import pytest

from tests.sql.calls import Calls
from tests.sql.connections import THREADS, at_once
from tests.sql.items import NOW, Intake, fails, later, waits

PAYEE = "TRON_USDT 1 address"


@pytest.fixture
def waiting(calls: Calls) -> Calls:
    """A transfer and two payments without order ids, of which one has an id of the provider; all due in a minute."""
    calls.fund("10")
    calls.admit(Intake("ord-1"), *(Intake(f"pay-{payee}", type="payout", payee=payee) for payee in ("a", "b")))
    calls.settle(
        waits("ord-1", 1, "unknown", due_at=later(60)),
        waits("pay-a", 1, "unknown", due_at=later(60)),
        waits("pay-b", 1, "processing", due_at=later(60), provider_ref="w-1"),
    )
    return calls


def due(calls: Calls) -> set[str]:
    """The orders that are due now."""
    rows = calls.connection.execute("SELECT order_id FROM ledger.orders WHERE due_at <= %s", (NOW,)).fetchall()
    return {order_id for (order_id,) in rows}


@pytest.mark.parametrize(
    ("hint", "meant"),
    [
        pytest.param({"order_id": "ord-1"}, {"ord-1"}, id="our order id"),
        pytest.param({"provider_ref": "w-1"}, {"pay-b"}, id="the provider's id"),
        pytest.param({"payee": "a"}, {"pay-a"}, id="the payee of a payment in doubt"),
        pytest.param(
            {"order_id": "ord-1", "provider_ref": "w-1", "payee": "a"}, {"ord-1", "pay-a", "pay-b"}, id="all"
        ),
        pytest.param({"payee": "b"}, set(), id="the payee of a payment that has its id"),
        pytest.param({"order_id": "nobody", "provider_ref": "w-9", "payee": "z"}, set(), id="nobody knows it"),
        pytest.param({"order_id": "ord-1", "provider": "coinqpay"}, set(), id="another provider"),
        pytest.param({}, set(), id="nothing"),
    ],
)
def test_an_order_that_is_meant_is_looked_at_now(waiting: Calls, hint: dict[str, Any], meant: set[str]) -> None:
    assert waiting.hasten(**hint) == len(meant)
    assert due(waiting) == meant


def test_only_the_moment_of_the_next_look_changes(waiting: Calls) -> None:
    before = waiting.order("ord-1") or {}
    waiting.hasten(order_id="ord-1", now=later(3))
    assert waiting.order("ord-1") == {**before, "due_at": later(3)}
    assert waiting.violations() == set()


@pytest.mark.parametrize(
    ("state", "hastened"),
    [("unknown", 1), ("processing", 1), ("review", 1), ("sending", 0), ("held", 0)],
)
def test_an_order_that_somebody_sends_or_will_send_is_left_alone(waiting: Calls, state: str, hastened: int) -> None:
    waiting.settle(waits("ord-1", 2, state, due_at=later(60)))
    assert waiting.hasten(order_id="ord-1") == hastened


def test_an_order_that_is_due_or_over_stays_as_it_is(waiting: Calls) -> None:
    waiting.settle(fails("ord-1", 2))
    assert waiting.hasten(order_id="ord-1") == 0
    assert waiting.hasten(payee="a", now=later(61)) == 0
    assert (waiting.order("pay-a") or {})["due_at"] == later(60)


def test_a_webhook_is_new_once_per_provider(calls: Calls) -> None:
    assert [calls.remember_webhook(digest) for digest in (b"one", b"one", b"two")] == [True, False, True]
    assert calls.remember_webhook(b"one", "coinqpay")
    assert calls.count("webhook") == 3


def test_a_webhook_that_comes_many_times_at_once_is_new_once(database_url: str) -> None:
    def work(calls: Calls, _number: int) -> list[bool]:
        return [calls.remember_webhook(f"webhook {turn}".encode()) for turn in range(10)]

    answers = at_once(database_url, work)
    for turn in range(10):
        assert sorted(new[turn] for new in answers) == [*[False] * (THREADS - 1), True]
