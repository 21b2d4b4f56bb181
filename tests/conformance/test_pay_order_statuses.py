"""Every status of a pay order: money in time and late, of the right amount and of another, in both units of time."""

from decimal import Decimal

import pytest

from tests.conformance.ends import Attempt, Ends
from tests.conformance.orders import COLLECT, payable, refused_by_record
from worker.providers.protocol import Collected, Processing, Succeeded
from worker.sandbox.coinqpay.records import PayOrder

IN_BOTH_UNITS = pytest.mark.parametrize("milliseconds", [True, False], ids=["milliseconds", "seconds"])

# From the sight of a payment to its count, in the sandbox.
PACE_SECONDS = 0.3
LIFE_SECONDS = 900


async def ordered(ends: Ends, milliseconds: bool = True) -> tuple[Attempt, PayOrder]:
    """A new pay order, as it was answered and as the books have it."""
    ends.ask("coinqpay", "answers", millisecondPayOrders=milliseconds)
    attempt = await ends.attempt(COLLECT)
    [order] = ends.sandbox.coinqpay_books.pay_orders()
    return attempt, order


def pay(ends: Ends, **fields: str) -> None:
    """Money is seen, and counted."""
    ends.ask("coinqpay", "pay", orderId="ord-collect", **fields)
    ends.clock.go_on(PACE_SECONDS)


def collected(order: PayOrder) -> Succeeded:
    """What must be said of an order that was paid."""
    assert order.pay_amount is not None
    paid = Collected(amount=order.pay_amount, chain=order.chain, address=order.address, transaction=order.tx_hash)
    return Succeeded(order.payment_id, paid)


@IN_BOTH_UNITS
async def test_unpaid_it_can_be_paid_until_it_expires(ends: Ends, milliseconds: bool) -> None:
    attempt, order = await ordered(ends, milliseconds)
    assert order.status == 1
    assert attempt.outcome == await ends.look_up(attempt) == Processing(order.payment_id, payable(order))


@IN_BOTH_UNITS
async def test_pending_it_is_not_paid_yet(ends: Ends, milliseconds: bool) -> None:
    attempt, order = await ordered(ends, milliseconds)
    ends.ask("coinqpay", "pay", orderId="ord-collect")
    assert order.status == 2
    assert await ends.look_up(attempt) == Processing(order.payment_id, payable(order))


@IN_BOTH_UNITS
async def test_paid(ends: Ends, milliseconds: bool) -> None:
    attempt, order = await ordered(ends, milliseconds)
    pay(ends, txHash="5f0c")
    found = await ends.look_up(attempt)
    assert (order.status, order.pay_amount, order.tx_hash) == (3, Decimal(10), "5f0c")
    assert found == collected(order)


async def test_failed(ends: Ends) -> None:
    attempt, order = await ordered(ends)
    ends.ask("coinqpay", "fail-pay-order", orderId="ord-collect")
    assert order.status == 4
    assert await ends.look_up(attempt) == refused_by_record("payment_failed", "4", order.payment_id)


async def test_expired_though_it_has_a_transaction(ends: Ends) -> None:
    attempt, order = await ordered(ends)
    ends.clock.go_on(LIFE_SECONDS + 1)
    assert await ends.look_up(attempt) == refused_by_record("payment_expired", "5", order.payment_id)
    assert (order.status, bool(order.tx_hash)) == (5, True)


@pytest.mark.parametrize("amount", ["9.999999", "10.000001", "0.000001", "500"])
async def test_paid_with_another_amount_it_brings_what_was_paid(ends: Ends, amount: str) -> None:
    attempt, order = await ordered(ends)
    pay(ends, amount=amount)
    found = await ends.look_up(attempt)
    assert (order.status, order.pay_amount) == (6, Decimal(amount))
    assert found == collected(order)


@IN_BOTH_UNITS
@pytest.mark.parametrize(("amount", "status"), [("10", 3), ("9", 6)])
@pytest.mark.parametrize("first", ["expired", "failed"])
async def test_money_that_comes_late_counts(
    ends: Ends, milliseconds: bool, amount: str, status: int, first: str
) -> None:
    attempt, order = await ordered(ends, milliseconds)
    if first == "failed":
        ends.ask("coinqpay", "fail-pay-order", orderId="ord-collect")
    ends.clock.go_on(LIFE_SECONDS + 4514)
    before = await ends.look_up(attempt)
    code, provider_code = ("payment_failed", "4") if first == "failed" else ("payment_expired", "5")
    assert before == refused_by_record(code, provider_code, order.payment_id)
    pay(ends, amount=amount)
    found = await ends.look_up(attempt)
    assert (order.status, order.pay_amount) == (status, Decimal(amount))
    assert found == collected(order)
