"""Quotes and records of swaps: the provider's own numbers, and what its sentences about them get wrong."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from tests.providers.test_ccpayment_reads import answering, changed, without
from worker.providers.ccpayment.api import Api, ReadFailed
from worker.providers.ccpayment.swaps import SwapAmounts, estimate, parse_swap_amounts
from worker.providers.ccpayment.wire import SwapRecord, read_data
from worker.providers.protocol import Unreadable

QUOTE: dict[str, Any] = {
    "coinIdIn": 1280,
    "coinIdOut": 1482,
    "amountOut": "3.6790100655646874",
    "amountIn": "1",
    "swapRate": "3.6790100655646874",
    "feeRate": "0.1004016064257028",
    "fee": "0.3693785206390248",
    "extraFee": "0.036790100655646874",
    "netAmountOut": "3.272841444270015726",
}
RECORD: dict[str, Any] = {
    "recordId": "20240722021342166923068583059456",
    "orderId": "1721614421267",
    "coinInSymbol": "USDT",
    "coinIdIn": 1280,
    "coinOutSymbol": "MATIC",
    "coinIdOut": 1329,
    "amountOut": "1.8174262160994585",
    "amountIn": "1.000000000000000000000000",
    "netAmountOut": "1.634953704442886400000000",
    "userId": "user-swap1",
    "extraFee": "0",
    "extraFeeRate": "0",
    "swapRate": "1.817426216099458500000000",
    "feeRate": "0.1004016064257028",
    "fee": "0.182472511656572100000000",
    "status": "Success",
    "createdAt": 1721614422,
    "arrivedAt": 1721614422,
}


async def quote(api: Api, amount_in: str = "1", extra_fee_rate: str | None = "0.01") -> SwapAmounts:
    return await estimate(
        api,
        coin_id_in=1280,
        amount_in=Decimal(amount_in),
        coin_id_out=1482,
        extra_fee_rate=None if extra_fee_rate is None else Decimal(extra_fee_rate),
    )


# ---------------------------------------------------------------- quotes


async def test_a_quote_is_read_field_by_field() -> None:
    api, asked = answering(QUOTE)
    assert await quote(api) == SwapAmounts(
        amount_in=Decimal(1),
        amount_out=Decimal("3.6790100655646874"),
        net_amount_out=Decimal("3.272841444270015726"),
        fee=Decimal("0.3693785206390248"),
        extra_fee=Decimal("0.036790100655646874"),
        swap_rate=Decimal("3.6790100655646874"),
        fee_rate=Decimal("0.1004016064257028"),
    )
    assert asked.routes == ["estimate"]
    assert asked.bodies == [b'{"coinIdIn":1280,"amountIn":"1","coinIdOut":1482,"extraFeeRate":"0.01"}']


async def test_a_quote_without_an_extra_fee_does_not_ask_for_one() -> None:
    api, asked = answering(changed(QUOTE, extraFee="0", netAmountOut="3.3096315449256626"))
    assert (await quote(api, extra_fee_rate=None)).extra_fee == 0
    assert asked.bodies == [b'{"coinIdIn":1280,"amountIn":"1","coinIdOut":1482}']


async def test_an_amount_is_asked_for_in_plain_text() -> None:
    api, asked = answering(changed(QUOTE, amountIn="100000.000000000000000000000000"))
    await quote(api, amount_in="1E+5")
    assert b'"amountIn":"100000"' in asked.bodies[0]


SAMPLES = {
    "the quote of 1 USDT": QUOTE,
    "the swap of 1 USDT": RECORD,
    "a quote of 100 USDT, fee rate 0.005": {
        "amountIn": "100",
        "amountOut": "194.09158706508187",
        "swapRate": "1.9409158706508187",
        "feeRate": "0.005",
        "fee": "0.97045793532540935",
        "extraFee": "0",
        "netAmountOut": "193.12112912975646065",
    },
}


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES.keys())
def test_the_rate_of_a_swap_is_output_per_input(sample: dict[str, Any]) -> None:
    record = read_data(SwapRecord, {**RECORD, **sample})
    amounts = parse_swap_amounts(record)
    assert amounts.swap_rate is not None
    assert Fraction(amounts.amount_in) * Fraction(amounts.swap_rate) == Fraction(amounts.amount_out)
    net = Fraction(amounts.amount_out) - Fraction(amounts.fee) - Fraction(amounts.extra_fee)
    assert net == Fraction(amounts.net_amount_out)


async def test_a_fee_that_is_not_the_fee_rates_is_believed() -> None:
    assert Decimal(QUOTE["feeRate"]) * Decimal(QUOTE["amountOut"]) != Decimal(QUOTE["fee"])
    api, _ = answering(changed(QUOTE, feeRate="0.5"))
    assert (await quote(api)).fee == Decimal("0.3693785206390248")


WRONG_QUOTES: dict[str, tuple[object, str]] = {
    "the net is one unit too high": (changed(QUOTE, netAmountOut="3.272841444270015727"), "netAmountOut is not"),
    "the net is off at the 24th decimal": (
        changed(QUOTE, netAmountOut="3.272841444270015726000001"),
        "netAmountOut is not",
    ),
    "the extra fee is left out though there is one": (without(QUOTE, "extraFee"), "netAmountOut is not"),
    "another coin in": (changed(QUOTE, coinIdIn=1281), "another swap"),
    "another coin out": (changed(QUOTE, coinIdOut=1281), "another swap"),
    "another amount": (changed(QUOTE, amountIn="100"), "another swap"),
    "no fee": (without(QUOTE, "fee"), "field fee"),
    "a blank fee": (changed(QUOTE, fee=""), "field fee"),
    "a fee that is a number": (changed(QUOTE, fee=0.3693785206390248), "field fee"),
    "a negative fee": (changed(QUOTE, fee="-0.1"), "field fee"),
    "a rate that is none": (changed(QUOTE, swapRate="inf"), "field swapRate"),
    "an amount with an exponent": (changed(QUOTE, amountOut="3e0"), "field amountOut"),
    "no data": (None, "field data"),
}


@pytest.mark.parametrize(("data", "message"), WRONG_QUOTES.values(), ids=WRONG_QUOTES.keys())
async def test_a_quote_that_does_not_add_up_is_refused(data: object, message: str) -> None:
    api, _ = answering(data)
    with pytest.raises(ReadFailed, match=rf"^estimate: .*{message}"):
        await quote(api)


# ---------------------------------------------------------------- records


def test_a_record_has_every_documented_field() -> None:
    record = read_data(SwapRecord, changed(RECORD, amountOutMinimum="1.5", arrivedAt=1721614423000))
    expected = {
        "record_id": "20240722021342166923068583059456",
        "order_id": "1721614421267",
        "user_id": "user-swap1",
        "coin_id_in": 1280,
        "coin_in_symbol": "USDT",
        "coin_id_out": 1329,
        "coin_out_symbol": "MATIC",
        "amount_in": "1.000000000000000000000000",
        "amount_out": "1.8174262160994585",
        "net_amount_out": "1.634953704442886400000000",
        "amount_out_minimum": "1.5",
        "swap_rate": "1.817426216099458500000000",
        "fee_rate": "0.1004016064257028",
        "fee": "0.182472511656572100000000",
        "extra_fee_rate": "0",
        "extra_fee": "0",
        "status": "Success",
    }
    dumped = record.model_dump()
    times = [dumped.pop(name).isoformat() for name in ("created_at", "arrived_at")]
    assert dumped == expected
    assert times == ["2024-07-22T02:13:42+00:00", "2024-07-22T02:13:43+00:00"]


@pytest.mark.parametrize("name", ["recordId", "orderId", "coinIdIn", "coinIdOut", "amountIn", "status"])
def test_a_record_names_its_order_and_its_status(name: str) -> None:
    with pytest.raises(Unreadable, match=f"field {name} is missing"):
        read_data(SwapRecord, without(RECORD, name))


def test_a_record_that_is_not_done_may_have_blanks_but_no_amounts() -> None:
    blank = changed(RECORD, status="Processing", amountOut="", netAmountOut=None, fee="", arrivedAt=0)
    record = read_data(SwapRecord, blank)
    assert (record.amount_out, record.net_amount_out, record.arrived_at) == ("", "", None)
    with pytest.raises(Unreadable, match="field amountOut is missing"):
        parse_swap_amounts(record)
