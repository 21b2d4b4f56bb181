"""Every status of a transfer's, a swap's and a withdrawal's record, and what the worker makes of it."""

from decimal import Decimal

import pytest

from schemas.money import total
from tests.conformance.ends import Attempt, Ends
from tests.conformance.orders import CONVERT, MOVE, SENDS, Order, only, refused_by_record, truth
from worker.providers.protocol import (
    Absent,
    Candidates,
    Disputed,
    Finding,
    Processing,
    Refused,
    Send,
    Sent,
    Succeeded,
    Unknown,
)

# What may be asked for by the provider's id once that is known, and by the list of all before.
BY_ID_OR_LIST = pytest.mark.parametrize("by_id", [True, False], ids=["by id", "by list"])
SEND = pytest.mark.parametrize("order", SENDS, ids=lambda order: order.name)


async def look_up_withdrawal(ends: Ends, attempt: Attempt, by_id: bool) -> Finding:
    assert isinstance(attempt.outcome, Processing)
    found = await ends.look_up(attempt, attempt.outcome.provider_ref if by_id else None)
    assert isinstance(found, Candidates) != by_id
    return only(found)


# ---------------------------------------------------------------- transfers and swaps


async def test_a_transfer_that_succeeded(ends: Ends) -> None:
    attempt = await ends.attempt(MOVE)
    assert isinstance(attempt.outcome, Succeeded)
    assert await ends.look_up(attempt) == truth(ends.sandbox, MOVE) == attempt.outcome


@pytest.mark.parametrize("order", [MOVE, CONVERT], ids=lambda order: order.name)
async def test_an_order_that_failed_at_once_is_refused_by_its_record_alone(ends: Ends, order: Order) -> None:
    ends.sandbox.add_fault("failed_record", route=order.route)
    attempt = await ends.attempt(order)
    assert isinstance(attempt.outcome, Unknown)
    [record] = ends.sandbox.books.records() or ends.sandbox.books.swaps()
    assert await ends.look_up(attempt) == refused_by_record("failed", None, record.record_id)
    assert ends.sandbox.books.balance("alice1", 1280) == Decimal(1000)


@pytest.mark.parametrize("fails", [False, True], ids=["Success", "Failed"])
async def test_a_swap_is_processing_until_it_has_ended(ends: Ends, fails: bool) -> None:
    ends.ask("ccpayment", "swaps", processingSeconds=30, fails=fails)
    attempt = await ends.attempt(CONVERT)
    [swap] = ends.sandbox.books.swaps()
    assert attempt.outcome == await ends.look_up(attempt) == Processing(swap.record_id)
    ends.clock.go_on(31)
    expected = refused_by_record("failed", None, swap.record_id) if fails else truth(ends.sandbox, CONVERT)
    assert await ends.look_up(attempt) == expected
    assert isinstance(expected, Refused if fails else Succeeded)


@pytest.mark.parametrize("fails", [False, True], ids=["Success", "Failed"])
async def test_a_swap_that_ends_at_once_is_reported_at_once(ends: Ends, fails: bool) -> None:
    ends.ask("ccpayment", "swaps", processingSeconds=0, fails=fails)
    attempt = await ends.attempt(CONVERT)
    assert isinstance(attempt.outcome, Refused if fails else Succeeded)
    assert await ends.look_up(attempt) == attempt.outcome


# ---------------------------------------------------------------- withdrawals


@SEND
@BY_ID_OR_LIST
@pytest.mark.parametrize("status", [1, 2, 3])
async def test_a_withdrawal_that_is_under_way(ends: Ends, order: Order, by_id: bool, status: int) -> None:
    attempt = await ends.attempt(order)
    [withdrawal] = ends.sandbox.coinqpay_books.withdrawals()
    ends.ask("coinqpay", "end-withdrawal", id=withdrawal.withdrawal_id, status=status)
    assert await look_up_withdrawal(ends, attempt, by_id) == Processing(withdrawal.withdrawal_id)


@SEND
@BY_ID_OR_LIST
async def test_a_withdrawal_that_succeeded_has_its_fee_inside(ends: Ends, order: Order, by_id: bool) -> None:
    attempt = await ends.attempt(order)
    [withdrawal] = ends.sandbox.coinqpay_books.withdrawals()
    ends.ask("coinqpay", "end-withdrawal", id=withdrawal.withdrawal_id, status=4)
    found = await look_up_withdrawal(ends, attempt, by_id)
    assert found == truth(ends.sandbox, order)
    assert isinstance(found, Succeeded)
    assert isinstance(found.receipt, Sent)
    assert isinstance(order.instruction, Send)
    assert total([found.receipt.actual_amount, found.receipt.fee]) == Decimal(order.instruction.amount)
    assert found.receipt.transaction == withdrawal.tx_hash != ""


@SEND
@BY_ID_OR_LIST
@pytest.mark.parametrize(("status", "code"), [(5, "failed"), (6, "approve_failed")])
async def test_a_withdrawal_that_was_not_paid(ends: Ends, order: Order, by_id: bool, status: int, code: str) -> None:
    attempt = await ends.attempt(order)
    [withdrawal] = ends.sandbox.coinqpay_books.withdrawals()
    ends.ask("coinqpay", "end-withdrawal", id=withdrawal.withdrawal_id, status=status)
    expected = refused_by_record(code, str(status), withdrawal.withdrawal_id)
    assert await look_up_withdrawal(ends, attempt, by_id) == expected


@SEND
@BY_ID_OR_LIST
@pytest.mark.parametrize("status", [7, 8, 0, 9, 99])
async def test_a_withdrawal_that_only_a_person_can_judge(ends: Ends, order: Order, by_id: bool, status: int) -> None:
    attempt = await ends.attempt(order)
    [withdrawal] = ends.sandbox.coinqpay_books.withdrawals()
    ends.ask("coinqpay", "end-withdrawal", id=withdrawal.withdrawal_id, status=status)
    found = await look_up_withdrawal(ends, attempt, by_id)
    assert isinstance(found, Disputed)
    assert found.provider_ref == withdrawal.withdrawal_id
    assert f"({status})" in found.message


@pytest.mark.parametrize(
    ("ending", "road"),
    [
        (4, ["Processing"] * 3 + ["Succeeded"]),
        (5, ["Processing"] * 2 + ["Refused"] * 2),
        (6, ["Processing"] + ["Refused"] * 3),
        (7, ["Processing"] * 3 + ["Disputed"]),
        (8, ["Processing"] + ["Disputed"] * 3),
    ],
)
async def test_a_withdrawal_on_its_own_road(ends: Ends, ending: int, road: list[str]) -> None:
    ends.ask("coinqpay", "pace", seconds=10)
    ends.ask("coinqpay", "end-withdrawal", status=ending)
    attempt = await ends.attempt(SENDS[0])
    seen = []
    for _ in road:
        seen.append(type(await look_up_withdrawal(ends, attempt, by_id=True)).__name__)
        ends.clock.go_on(10)
    assert seen == road


@pytest.mark.parametrize("is_error", [False, True], ids=["empty list", "12004"])
async def test_a_withdrawal_that_does_not_exist_is_absent_however_the_provider_says_so(
    ends: Ends, is_error: bool
) -> None:
    ends.ask("coinqpay", "answers", unknownWithdrawalIsError=is_error)
    attempt = await ends.attempt(SENDS[0])
    assert await ends.look_up(attempt, provider_ref="1810000000000000000") == Absent()
    assert await ends.coinqpay.withdrawal("1810000000000000000") is None
