"""The command `swap`: what it holds, what it asks, and what its success posts."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.event import Line
from schemas.money import EXACT, negate, parse_amount, total
from schemas.swap import Swap
from tests.unit.stand_in import MERCHANT, StandIn
from worker.commands.swap import SwapRules
from worker.order import Hold
from worker.providers.protocol import Convert, Converted, Moved

PROVIDER = StandIn()
RULES = SwapRules()
AMOUNTS = st.decimals(0, 10**20, places=18)


def swap(**changes: Any) -> Swap:
    fields = {
        "type": "swap",
        "orderId": "ord-1",
        "userId": "alice1",
        "coinIdIn": 1280,
        "amountIn": "5.00",
        "coinIdOut": 1329,
    }
    return Swap.model_validate({**fields, **changes})


def posted(command: Swap, *receipt: str) -> list[tuple[str, str, str, str]]:
    lines = RULES.lines(command, PROVIDER, Converted(*map(Decimal, receipt)))
    return [(line.account, line.coin, str(line.amount), line.purpose) for line in lines]


def test_it_holds_the_whole_amount_that_goes_in() -> None:
    assert RULES.hold(swap(), PROVIDER) == Hold("user:alice1", "1280", "5.00")
    assert RULES.hold(swap(userId=MERCHANT), PROVIDER).account == "merchant"


@pytest.mark.parametrize(
    ("given", "minimum", "rate"),
    [
        ({}, None, None),
        ({"amountOutMinimum": "9.10"}, "9.1", None),
        ({"extraFeeRate": "0.010"}, None, "0.01"),
        ({"extraFeeRate": "0.0", "amountOutMinimum": "10"}, "10", "0"),
    ],
)
def test_it_asks_the_provider_to_convert_it_in_one_spelling(
    given: dict[str, str], minimum: str | None, rate: str | None
) -> None:
    asked = RULES.instruction(swap(**given), PROVIDER)
    assert asked == Convert("ord-1", "alice1", 1280, "5", 1329, minimum, rate)


def test_its_success_posts_what_went_in_what_came_out_and_each_fee() -> None:
    assert posted(swap(), "9", "0.1", "0.09") == [
        ("user:alice1", "1280", "-5.00", "swap_in"),
        ("custody", "1280", "5.00", "swap_in"),
        ("custody", "1329", "-9", "swap_out"),
        ("user:alice1", "1329", "9", "swap_out"),
        ("user:alice1", "1329", "-0.1", "provider_fee"),
        ("custody", "1329", "0.1", "provider_fee"),
        ("user:alice1", "1329", "-0.09", "service_fee"),
        ("merchant", "1329", "0.09", "service_fee"),
    ]


@pytest.mark.parametrize(
    ("receipt", "purposes"),
    [
        (("9", "0", "0"), {"swap_in", "swap_out"}),
        (("9", "0.000000000000000000000000", "0.0"), {"swap_in", "swap_out"}),
        (("9", "0.1", "0"), {"swap_in", "swap_out", "provider_fee"}),
        (("9", "0", "0.1"), {"swap_in", "swap_out", "service_fee"}),
    ],
)
def test_a_fee_of_zero_makes_no_lines(receipt: tuple[str, ...], purposes: set[str]) -> None:
    assert {purpose for *_, purpose in posted(swap(), *receipt)} == purposes


def test_a_swap_of_the_merchants_own_pays_its_extra_fee_to_itself() -> None:
    lines = posted(swap(userId=MERCHANT), "9", "0", "0.1")
    assert [(account, amount) for account, _, amount, purpose in lines if purpose == "service_fee"] == [
        ("merchant", "-0.1"),
        ("merchant", "0.1"),
    ]


@given(
    amount_in=AMOUNTS.filter(bool),
    amount_out=AMOUNTS.filter(bool),
    fee=AMOUNTS,
    extra_fee=AMOUNTS,
    user=st.sampled_from(["alice1", MERCHANT]),
)
def test_the_lines_sum_to_zero_per_coin_and_the_user_has_the_net_amount(
    amount_in: Decimal, amount_out: Decimal, fee: Decimal, extra_fee: Decimal, user: str
) -> None:
    command = swap(amountIn=f"{amount_in:f}", userId=user)
    hold = RULES.hold(command, PROVIDER)
    lines = RULES.lines(command, PROVIDER, Converted(amount_out, fee, extra_fee))
    for coin in ("1280", "1329"):
        assert total(line.amount for line in lines if line.coin == coin) == 0
    assert all(line.amount for line in lines)
    assert sum_of(lines, hold.account, "1280") == negate(parse_amount(hold.amount))
    if user != MERCHANT:
        assert sum_of(lines, hold.account, "1329") == EXACT.subtract(EXACT.subtract(amount_out, fee), extra_fee)
        assert sum_of(lines, "merchant", "1329") == extra_fee
    assert sum_of(lines, "custody", "1329") == EXACT.subtract(fee, amount_out)


def sum_of(lines: tuple[Line, ...], account: str, coin: str) -> Decimal:
    return total(line.amount for line in lines if (line.account, line.coin) == (account, coin))


def test_a_receipt_of_another_kind_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError):
        RULES.lines(swap(), PROVIDER, Moved())
