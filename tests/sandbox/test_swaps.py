"""Swaps: refusals in the order of the checks, what moves and when, and what the records say."""

from decimal import Decimal
from typing import Any

import pytest

from worker.sandbox.errors import InputError
from worker.sandbox.provider import Conditions

from .caller import APP_ID, NOW, Caller, answer_of, code_of, transfer_fields
from .merchant import Merchant

MISSING = object()


def swap_fields(**changes: object) -> dict[str, Any]:
    """100 USDT of alice1 for MATIC."""
    fields: dict[str, Any] = {
        "orderId": "swap-1",
        "userId": "alice1",
        "coinIdIn": 1280,
        "amountIn": "100",
        "coinIdOut": 1329,
    }
    return {**fields, **changes}


@pytest.fixture
def merchant() -> Merchant:
    merchant = Merchant()
    merchant.provider.fund("alice1", 1280, "1000")
    return merchant


MALFORMED: dict[str, list[object]] = {
    "orderId": [MISSING, None, "", "ab", "x" * 65, 123],
    "userId": [MISSING, None, "", "abcd", "sys12", 12345],
    "coinIdIn": [MISSING, None, 0, True, "1280", 1280.0],
    "coinIdOut": [MISSING, None, 0, True, "1329"],
    "amountIn": [MISSING, None, "", "0", "-1", "1e2", 100, "1" * 65],
    "extraFeeRate": [None, 0.01, "-0.01", "1", "1.5", "0.0000000000000000001", "1%"],
    "amountOutMinimum": [None, 1, "-1", "1e2"],
}
ROWS = [(name, value) for name, row in MALFORMED.items() for value in row]


@pytest.mark.parametrize(("name", "value"), ROWS)
def test_a_malformed_parameter_is_refused_before_anything_else(merchant: Merchant, name: str, value: object) -> None:
    merchant.send("userSwap", **swap_fields())
    fields = {**swap_fields(coinIdOut=9), name: value}
    sent = {key: field for key, field in fields.items() if field is not MISSING}
    assert code_of(merchant.send("userSwap", **sent)) == 11000
    if name not in {"orderId", "userId", "amountOutMinimum"}:
        assert code_of(merchant.send("estimate", **sent)) == 11000


REFUSALS = [
    ("order id of a swap", {"orderId": "swap-0", "coinIdOut": 9}, 11011),
    ("order id of a transfer", {"orderId": "ord-0", "coinIdOut": 9}, 11011),
    ("unknown coin in", {"coinIdIn": 9, "coinIdOut": 9}, 13000),
    ("unknown coin out", {"coinIdOut": 9}, 13000),
    ("the same coin", {"coinIdOut": 1280, "amountIn": "0.0000001"}, 16006),
    ("coin out halted", {"coinIdOut": 1207, "amountIn": "0.0000001"}, 13006),
    ("coin in halted", {"coinIdIn": 1207}, 13006),
    ("coin delisted", {"coinIdOut": 1864}, 13006),
    ("too many decimals", {"amountIn": "0.0000001"}, 14013),
    ("the fee eats all", {"amountIn": "0.100401", "amountOutMinimum": "9999"}, 16002),
    ("the extra fee eats all", {"amountIn": "1", "extraFeeRate": "0.9"}, 16002),
    ("less than the minimum", {"amountIn": "5000", "amountOutMinimum": "4262.6037832748436"}, 16003),
    ("not enough coins", {"amountIn": "901"}, 14000),
    ("an unknown user", {"userId": "nobody"}, 14000),
]


@pytest.mark.parametrize(("changes", "code"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_a_refusal_changes_nothing(merchant: Merchant, changes: dict[str, object], code: int) -> None:
    merchant.control("coin", coinId=1207, canSwap=False)
    merchant.control("coin", coinId=1864, status="Delisted")
    merchant.send("userTransfer", **transfer_fields(orderId="ord-0", amount="0.5"))
    merchant.send("userSwap", **swap_fields(orderId="swap-0"))
    before = merchant.books.balances()
    fields = swap_fields(**changes)
    assert code_of(merchant.send("userSwap", **fields)) == code
    assert merchant.books.balances() == before
    assert [swap.order_id for swap in merchant.books.swaps()] == ["swap-0"]
    if code in {13000, 16006, 13006, 14013, 16002}:
        assert code_of(merchant.send("estimate", **fields)) == code


def test_the_order_id_of_a_swap_is_used_up_for_transfers(merchant: Merchant) -> None:
    merchant.send("userSwap", **swap_fields())
    assert merchant.code("userTransfer", **transfer_fields(orderId="swap-1", amount="1")) == 11011


def test_a_quote_reserves_nothing_and_needs_no_balance(merchant: Merchant) -> None:
    before = merchant.books.balances()
    asked = {"coinIdIn": 1280, "amountIn": "1000000", "coinIdOut": 1329, "extraFeeRate": "0.01"}
    quote = merchant.data("estimate", **asked)
    assert (quote["coinIdIn"], quote["coinIdOut"], quote["amountIn"]) == (1280, 1329, "1000000")
    assert quote["swapRate"] == "0.8525207566549687"
    assert (quote["amountOut"], quote["feeRate"]) == ("852520.7566549687", "0.005")
    assert (quote["fee"], quote["extraFee"]) == ("4262.6037832748435", "8525.207566549687")
    assert quote["netAmountOut"] == "839732.9453051441695"
    assert merchant.books.balances() == before


def test_a_swap_is_what_was_quoted_and_pays_the_merchant_its_fee(merchant: Merchant) -> None:
    extra = {"extraFeeRate": "0.01", "amountOutMinimum": "85.25207566549687"}
    quote = merchant.data("estimate", **swap_fields(**extra))
    answer = merchant.data("userSwap", **swap_fields(**extra))
    assert answer == {"recordId": answer["recordId"], "orderId": "swap-1", **quote}
    assert merchant.books.balances() == {
        ("alice1", 1280): Decimal(900),
        ("alice1", 1329): Decimal(quote["netAmountOut"]),
        (APP_ID, 1329): Decimal(quote["extraFee"]),
    }


def test_the_record_pads_some_numbers_to_24_decimals(merchant: Merchant) -> None:
    answer = merchant.data("userSwap", **swap_fields(amountIn="100.50"))
    record = merchant.data("getUserSwapRecord", orderId="swap-1")["record"]
    assert record == merchant.data("getUserSwapRecord", recordId=answer["recordId"], orderId="")["record"]
    assert record == {
        "recordId": answer["recordId"],
        "orderId": "swap-1",
        "coinInSymbol": "USDT",
        "coinIdIn": 1280,
        "coinOutSymbol": "MATIC",
        "coinIdOut": 1329,
        "amountOut": "85.6783360438243543",
        "amountIn": "100.500000000000000000000000",
        "netAmountOut": "85.249944363605232528000000",
        "userId": "alice1",
        "extraFee": "0",
        "extraFeeRate": "0",
        "swapRate": "0.852520756654968700000000",
        "feeRate": "0.005",
        "fee": "0.428391680219121772000000",
        "status": "Success",
        "createdAt": NOW,
        "arrivedAt": NOW,
    }
    assert merchant.data("getUserSwapRecordList")["records"] == [record]


def test_the_record_names_the_minimum_that_was_asked_for(merchant: Merchant) -> None:
    merchant.send("userSwap", **swap_fields(amountOutMinimum="80.50"))
    assert merchant.data("getUserSwapRecord", orderId="swap-1")["record"]["amountOutMinimum"] == "80.5"


def status_of(merchant: Merchant) -> tuple[object, object]:
    record = merchant.data("getUserSwapRecord", orderId="swap-1")["record"]
    return record["status"], record["arrivedAt"]


@pytest.mark.parametrize(
    ("fails", "outcome", "arrived_at", "left"),
    [(False, "Success", NOW + 30, "900"), (True, "Failed", 0, "1000")],
)
def test_a_swap_can_stay_under_way(merchant: Merchant, fails: bool, outcome: str, arrived_at: int, left: str) -> None:
    merchant.control("swaps", processingSeconds=30, fails=fails)
    net = merchant.data("userSwap", **swap_fields())["netAmountOut"]
    merchant.clock.seconds += 29.9
    assert status_of(merchant) == ("Processing", 0)
    assert (merchant.balance("alice1", 1280), merchant.balance("alice1", 1329)) == ("900", "0")
    assert merchant.code("userSwap", **swap_fields()) == 11011
    merchant.clock.seconds += 0.1
    assert status_of(merchant) == (outcome, arrived_at)
    assert merchant.balance("alice1", 1280) == left
    assert merchant.balance("alice1", 1329) == ("0" if fails else net)


def test_a_plan_for_one_order_leaves_the_others_alone(merchant: Merchant) -> None:
    asked = {"processingSeconds": 5, "fails": True, "orderId": "swap-1"}
    assert merchant.control("swaps", **asked) == {"processingSeconds": 5, "fails": True}
    for order_id in ("swap-1", "swap-2"):
        merchant.send("userSwap", **swap_fields(orderId=order_id))
    assert [swap.status(NOW) for swap in merchant.books.swaps()] == ["Processing", "Success"]


def test_a_changed_price_binds_swaps_to_come_only(merchant: Merchant) -> None:
    merchant.control("swaps", processingSeconds=30)
    net = merchant.data("userSwap", **swap_fields())["netAmountOut"]
    merchant.control("coin", coinId=1329, priceUsdt="0.5")
    assert merchant.data("estimate", **swap_fields())["swapRate"] == "1.992"
    merchant.clock.seconds += 30
    assert merchant.balance("alice1", 1329) == net


def test_a_swap_can_be_made_to_fail_on_the_record(merchant: Merchant) -> None:
    merchant.control("swaps", processingSeconds=30)
    assert code_of(merchant.send("userSwap", Conditions(fails=True), **swap_fields())) == 10001
    assert status_of(merchant) == ("Failed", 0)
    assert merchant.books.balances() == {("alice1", 1280): Decimal(1000)}
    assert merchant.code("userSwap", **swap_fields()) == 11011


def test_the_faults_of_transfers_are_for_swaps_too(caller: Caller) -> None:
    swap = swap_fields(amountIn="9")
    caller.sandbox.add_fault("failed_record", route="userSwap", times=1)
    caller.sandbox.add_fault("lag", seconds=10)
    assert code_of(caller.send("userSwap", swap)) == 10001
    assert code_of(caller.send("getUserSwapRecord", {"orderId": "swap-1"})) == 11003
    assert answer_of(caller.send("getUserSwapRecordList", {}))["data"]["records"] == []
    caller.clock.seconds += 10
    assert answer_of(caller.send("getUserSwapRecord", {"orderId": "swap-1"}))["data"]["record"]["status"] == "Failed"
    assert len(answer_of(caller.send("getUserSwapRecordList", {}))["data"]["records"]) == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, 11000),
        ({"recordId": "", "orderId": ""}, 11000),
        ({"recordId": "1" * 33, "orderId": "swap-1"}, 11000),
        ({"orderId": 5}, 11000),
        ({"orderId": "ab"}, 11000),
        ({"recordId": None}, 11000),
        ({"orderId": "swap-2"}, 11003),
        ({"recordId": "swap-1"}, 11003),
    ],
)
def test_a_lookup_refuses(merchant: Merchant, fields: dict[str, object], code: int) -> None:
    merchant.send("userSwap", **swap_fields())
    assert code_of(merchant.send("getUserSwapRecord", **fields)) == code  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "processingSeconds"),
        ({"processingSeconds": -1}, "processingSeconds"),
        ({"processingSeconds": "5"}, "processingSeconds"),
        ({"processingSeconds": True}, "processingSeconds"),
        ({"processingSeconds": 10**400}, "processingSeconds"),
        ({"processingSeconds": 1, "fails": 1}, "fails"),
        ({"processingSeconds": 1, "orderId": "x"}, "orderId"),
        ({"processingSeconds": 1, "when": 5}, "when"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(merchant: Merchant, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as refused:
        merchant.control("swaps", **fields)
    assert refused.value.field == field
