"""What the provider refuses by its own rules: the code that it says so with, and that nothing is left behind."""

from dataclasses import replace

import pytest

from tests.conformance.ends import Ends
from tests.conformance.orders import (
    COLLECT,
    CONVERT,
    MOVE,
    PAYOUT,
    WITHDRAW,
    Order,
    only,
)
from worker.providers.protocol import (
    Absent,
    Refused,
)


@pytest.mark.parametrize(
    ("order", "changes", "code"),
    [
        (MOVE, {"amount": "1000.000001"}, "14000"),
        (MOVE, {"amount": "0.0000001"}, "14013"),
        (MOVE, {"amount": "0.0009"}, "14005"),
        (MOVE, {"coin_id": 77}, "13000"),
        (MOVE, {"to_user_id": "bob"}, "11000"),
        (CONVERT, {"amount_in": "1001"}, "14000"),
        (CONVERT, {"amount_out_minimum": "1000"}, "16003"),
        (CONVERT, {"amount_in": "0.09"}, "16002"),
        (CONVERT, {"coin_id_out": 1280}, "16006"),
        (PAYOUT, {"amount": "1000.1"}, "12007"),
        (PAYOUT, {"amount": "0.1"}, "12011"),
        (PAYOUT, {"address": "TDD1"}, "12012"),
        (PAYOUT, {"coin": "DOGE"}, "12002"),
        (WITHDRAW, {"amount": "1.1234567"}, "12204"),
        (WITHDRAW, {"coin": "ETH"}, "12015"),
        (COLLECT, {"amount": "0.5"}, "12011"),
        (COLLECT, {"coin": "DOGE"}, "12002"),
    ],
    ids=lambda value: value.name if isinstance(value, Order) else str(value),
)
async def test_what_the_provider_refuses_leaves_nothing_behind(
    ends: Ends, order: Order, changes: dict[str, object], code: str
) -> None:
    before = (ends.sandbox.books.balances(), ends.sandbox.coinqpay_books.balances())
    changed = replace(order, instruction=replace(order.instruction, **changes))  # type: ignore[arg-type]
    attempt = await ends.attempt(changed)
    assert isinstance(attempt.outcome, Refused)
    assert (attempt.outcome.provider_code, attempt.outcome.by_record) == (code, False)
    assert only(await ends.look_up(attempt)) == Absent()
    assert (ends.sandbox.books.balances(), ends.sandbox.coinqpay_books.balances()) == before
