"""The arithmetic of swaps: the documents' own numbers, and what holds of any numbers."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.sandbox.ccpayment.quote import MINIMUM_FEE_USDT, TARIFF, quote
from worker.sandbox.exact import decimals, plain

# Amount in, extra fee rate, then as printed: amount out, fee rate, fee, extra fee, net amount out.
DOCUMENTED = {
    "quote": (
        *("1", "0.01", "3.6790100655646874", "0.1004016064257028"),
        *("0.3693785206390248", "0.036790100655646874", "3.272841444270015726"),
    ),
    "swap": (
        *("1", "0", "1.8174262160994585", "0.1004016064257028"),
        *("0.1824725116565721", "0", "1.6349537044428864"),
    ),
}


@pytest.mark.parametrize("row", DOCUMENTED.values(), ids=DOCUMENTED.keys())
def test_the_documented_numbers_come_out(row: tuple[str, ...]) -> None:
    amount_in, extra_fee_rate, amount_out, fee_rate, fee, extra_fee, net_amount_out = row
    with localcontext(prec=36):
        # The price that lies 0.4 percent above what was paid; the last digit's unknown half is added.
        price_out = Decimal("0.996") / (Decimal(amount_out) + Decimal("5e-17"))
    result = quote(Decimal(amount_in), Decimal(1), price_out, Decimal(extra_fee_rate))
    assert plain(result.amount_out) == plain(result.swap_rate) == amount_out
    assert (plain(result.fee), plain(result.fee_rate)) == (fee, fee_rate)
    assert (plain(result.extra_fee), plain(result.net_amount_out)) == (extra_fee, net_amount_out)


def test_the_documented_tariff_is_half_a_percent_of_larger_swaps() -> None:
    with localcontext(prec=36):
        price_out = Decimal("0.996") / Decimal("1.94091587065081875")
    result = quote(Decimal(100), Decimal(1), price_out, Decimal(0))
    assert plain(result.swap_rate) == "1.9409158706508187"
    assert plain(result.amount_out) == "194.09158706508187"
    assert (plain(result.fee_rate), plain(result.fee)) == ("0.005", "0.97045793532540935")


PRICES = st.decimals("0.000001", "100000", places=6)
AMOUNTS = st.decimals("0.000001", "1000000", places=18)
RATES = st.decimals("0", "0.5", places=4)


@given(AMOUNTS, PRICES, PRICES, RATES)
def test_what_comes_out_is_split_without_a_remainder(
    amount_in: Decimal, price_in: Decimal, price_out: Decimal, rate: Decimal
) -> None:
    result = quote(amount_in, price_in, price_out, rate)
    with localcontext(prec=200):
        assert result.net_amount_out == result.amount_out - result.fee - result.extra_fee
        assert 0 <= result.amount_in * result.swap_rate - result.amount_out < Decimal("1e-16")
        assert 0 <= price_in * Decimal("0.996") - result.swap_rate * price_out < price_out * Decimal("1e-16")
        assert 0 <= rate * result.amount_out - result.extra_fee < Decimal("1e-18")
    assert max(decimals(result.swap_rate), decimals(result.amount_out)) <= 16
    assert max(decimals(result.fee), decimals(result.extra_fee), decimals(result.net_amount_out)) <= 18


@given(AMOUNTS, PRICES, PRICES)
def test_the_fee_is_the_tariff_but_never_less_than_the_minimum(
    amount_in: Decimal, price_in: Decimal, price_out: Decimal
) -> None:
    result = quote(amount_in, price_in, price_out, Decimal(0))
    with localcontext(prec=200):
        minimum, tariff = MINIMUM_FEE_USDT / price_out, TARIFF * result.amount_out
        half_of_the_last_digit = Decimal("5e-17")
        assert result.fee >= minimum - half_of_the_last_digit
        assert abs(result.fee - max(minimum, tariff)) <= half_of_the_last_digit
        if result.amount_out:
            assert abs(result.fee_rate - result.fee / result.amount_out) <= half_of_the_last_digit


def test_an_output_below_the_last_digit_is_nothing_and_has_no_rate() -> None:
    result = quote(Decimal("1e-18"), Decimal("1e-6"), Decimal(100000), Decimal("0.01"))
    assert (result.amount_out, result.fee_rate, result.extra_fee) == (0, 0, 0)
    assert result.net_amount_out < 0
