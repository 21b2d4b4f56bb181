"""ledger.settle and ledger.bound: an id of the provider ends one payment without an order id, never two."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.sql.calls import Calls
from tests.sql.items import Intake, Settlement, ended, fails, moves, succeeds, waits
from worker.group_commit import GroupCommit

ONE = Decimal(1)


@pytest.fixture
def two(calls: Calls) -> Calls:
    """Two payments of different payees on their way; withdrawal w-1 is the first one's."""
    calls.fund("10")
    calls.admit(*(Intake(f"pay-{number}", type="payout", payee=f"payee {number}") for number in (1, 2)))
    assert calls.settle(waits("pay-1", 1, "processing", provider_ref="w-1")) == ["settled"]
    return calls


def rows(calls: Calls) -> list[Any]:
    """All that a settlement could have changed; an account that it opened is empty and says nothing."""
    tables = ("orders", "balance WHERE version > 0", "journal", "entry", "evidence", "outbox")
    queries = [f"SELECT * FROM ledger.{table} ORDER BY 1, 2" for table in tables]
    return [calls.connection.execute(query.encode()).fetchall() for query in queries]


DECISIONS = [
    pytest.param(succeeds("pay-2", lines=moves(ONE), provider_ref="w-1"), id="it succeeded"),
    pytest.param(fails("pay-2", provider_ref="w-1"), id="it failed"),
    pytest.param(waits("pay-2", 1, "processing", provider_ref="w-1"), id="it is processing"),
    pytest.param(waits("pay-2", 1, "review", provider_ref="w-1"), id="a person must decide"),
]


@pytest.mark.parametrize("decision", DECISIONS)
def test_an_id_of_another_order_is_taken_and_nothing_is_applied(two: Calls, decision: Settlement) -> None:
    before = rows(two)
    assert two.settle(decision) == ["taken"]
    assert rows(two) == before
    assert two.violations() == set()


def test_what_was_decided_on_an_older_revision_is_stale_whoever_has_the_id_now(two: Calls) -> None:
    # "taken" would put an order in review that has meanwhile got an id of its own.
    assert two.settle(waits("pay-2", 1, "processing", provider_ref="w-2")) == ["settled"]
    before = rows(two)
    assert two.settle(waits("pay-2", 1, "processing", provider_ref="w-1")) == ["stale"]
    assert two.settle(waits("pay-2", 2, "processing", provider_ref="w-1")) == ["taken"]
    assert rows(two) == before


def test_an_id_stays_taken_after_its_order_has_ended(two: Calls) -> None:
    two.settle(succeeds("pay-1", 2, lines=moves(ONE), provider_ref="w-1"))
    assert two.settle(succeeds("pay-2", lines=moves(ONE), provider_ref="w-1")) == ["taken"]
    assert two.balance("user:bob123") == (1, 0, 1)


def test_a_taken_id_does_not_hold_up_its_batch(two: Calls) -> None:
    batch = succeeds("pay-2", lines=moves(ONE), provider_ref="w-1"), fails("pay-1", 2)
    assert two.settle(*batch) == ["taken", "settled"]
    assert two.balance() == (10, 1, 9)
    assert two.violations() == set()


def test_after_a_taken_decision_another_one_of_the_batch_passes(two: Calls) -> None:
    taken = succeeds("pay-2", lines=moves(ONE), provider_ref="w-1")
    assert two.settle(taken, waits("pay-2", 1, "review")) == ["taken", "settled"]
    assert two.state("pay-2") == "review"


def test_an_order_settles_again_with_its_own_id(two: Calls) -> None:
    assert two.settle(waits("pay-1", 2, "processing", provider_ref="w-1")) == ["settled"]
    assert two.settle(succeeds("pay-1", 3, lines=moves(ONE), provider_ref="w-1")) == ["settled"]
    assert two.balance("user:bob123") == (1, 0, 1)
    assert two.violations() == set()


def test_an_order_settles_twice_with_its_own_id_in_one_batch(two: Calls) -> None:
    item = succeeds("pay-1", 2, lines=moves(ONE), provider_ref="w-1")
    assert two.settle(item, fails("pay-1", 2, provider_ref="w-1")) == ["settled", "stale"]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"payee": None}, id="an order that the provider knows by its order id"),
        pytest.param({"provider": "coinqpay"}, id="a payment of another provider"),
    ],
)
def test_the_same_id_elsewhere_is_another_id(two: Calls, other: dict[str, Any]) -> None:
    item = Intake("pay-3", **{"payee": "payee 3", "account": None, "coin": None, "amount": None, **other})
    assert two.admit_verdicts(item) == ["admitted"]
    assert two.settle(waits("pay-3", 1, "processing", provider_ref="w-1")) == ["settled"]


def test_orders_that_the_provider_knows_by_their_ids_may_share_one(calls: Calls) -> None:
    calls.fund("10")
    calls.admit(Intake("ord-1"), Intake("ord-2"))
    batch = [succeeds(order, lines=moves(ONE), provider_ref="ref") for order in ("ord-1", "ord-2")]
    assert calls.settle(*batch) == ["settled", "settled"]


def both_with(provider_ref: str) -> list[Settlement]:
    """Two payments that both found themselves in one withdrawal."""
    return [succeeds(order, lines=moves(ONE), provider_ref=provider_ref) for order in ("pay-2", "pay-3")]


@pytest.fixture
def three(two: Calls) -> Calls:
    """A third payment on its way."""
    two.admit(Intake("pay-3", type="payout", payee="payee 3"))
    return two


def test_one_id_for_two_orders_of_a_batch_fails_the_batch_whole(three: Calls) -> None:
    before = rows(three)
    with pytest.raises(psycopg.errors.UniqueViolation, match="orders_bound_once"):
        three.settle(*both_with("w-2"))
    assert rows(three) == before


async def test_one_id_for_two_orders_of_a_batch_ends_the_first_when_the_caller_tries_one_by_one(three: Calls) -> None:
    async def commit(items: Sequence[Settlement]) -> list[str]:
        batches.append(len(items))
        return three.settle(*items)

    batches: list[int] = []
    settle = GroupCommit(commit)  # as the worker calls it
    assert await asyncio.gather(*map(settle, both_with("w-2"))) == ["settled", "taken"]
    assert batches == [2, 1, 1]
    assert [three.state(order) for order in ("pay-2", "pay-3")] == ["succeeded", "sending"]
    assert three.balance("user:bob123") == (1, 0, 1)
    assert three.balance() == (9, 2, 7)
    assert three.violations() == set()


def test_the_table_itself_refuses_one_id_for_two_payments(two: Calls) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation, match="orders_bound_once"):
        two.connection.execute("UPDATE ledger.orders SET provider_ref = 'w-1' WHERE order_id = 'pay-2'")


def test_bound_tells_which_ids_belong_to_payments_without_order_ids(two: Calls) -> None:
    two.admit(Intake("ord-1"))
    two.settle(succeeds("ord-1", lines=moves(ONE), provider_ref="w-9"))
    assert two.bound("ccpayment", "w-1", "w-2", "w-9") == {"w-1"}
    assert two.bound("coinqpay", "w-1") == set()
    assert two.bound("ccpayment") == set()


@pytest.mark.parametrize("state", ["succeeded", "failed"])
def test_an_id_is_bound_for_ever(two: Calls, state: str) -> None:
    lines = moves(ONE) if state == "succeeded" else ()
    two.settle(ended("pay-1", 2, state, lines=lines, error_code=None if lines else "refused"))
    assert two.bound("ccpayment", "w-1") == {"w-1"}
