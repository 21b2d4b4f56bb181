"""CoinQ Pay's documented examples field by field, and each way in which one of their fields can be wrong."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from worker.providers.coinqpay.records import (
    CoinBalance,
    CoinPrice,
    Confirmation,
    CreatedPayOrder,
    CreatedWithdrawal,
    PayOrder,
    SupportedCoin,
    Withdrawal,
)
from worker.providers.coinqpay.wire import read_notice, read_result, read_results
from worker.providers.protocol import Unreadable

# The examples as the provider documents them; where its JSON is invalid, with the commas put right.
COINS: list[dict[str, Any]] = [
    {
        "coin": "BSC_USDC",
        "chain": "BSC",
        "display_code": "USDC",
        "contract_address": "0x64544969ed7ebf5f083679233325356ebe738930",
        "decimal": 18,
        "can_pay": True,
        "minimum_pay_amount": "1",
        "withdrawal_fixed_fee": "0.1",
        "withdrawal_percentage_fee": "0",
    },
    {
        "coin": "ETH",
        "chain": "ETH",
        "display_code": "ETH",
        "contract_address": "",
        "decimal": 18,
        "can_pay": True,
        "minimum_pay_amount": "0.001",
        "withdrawal_fixed_fee": "4.1",
        "withdrawal_percentage_fee": "0.1",
    },
]
PRICES: list[dict[str, Any]] = [
    {"coin": "ETH", "currency": "USD", "price": "3111.5", "update_time": 1720102180},
    {"coin": "ETH_USDT", "currency": "USD", "price": "0.998236", "update_time": 1720102180},
    {"coin": "ETH_USDC", "currency": "USD", "price": "0.998646", "update_time": 1720102180},
]
BALANCES: list[dict[str, Any]] = [
    {"coin": "ETH", "balance": "0.1"},
    {"coin": "BNB", "balance": "10"},
    {"coin": "ETH_USDT", "balance": "102"},
]
CREATED_ORDER: dict[str, Any] = {
    "payment_id": "1808862046989713408",
    "order_id": "OR00000001",
    "coin": "ETH",
    "chain": "ETH",
    "amount": "0.001",
    "address": "0xb9a78dd2bc989cff715e1d8d95bb3474b61aeb9c",
    "expire_time": 1720102193,
    "create_time": 1720101293,
}
UNPAID_ORDER: dict[str, Any] = {
    "payment_id": "1808862986631249920",
    "order_id": "OR00000002",
    "coin": "TRON_USDT",
    "chain": "TRON",
    "original_amount": "10",
    "pay_amount": None,
    "address": "TEELyKT4XCVZAcGujYaKm7F9uHp2fFipRH",
    "tx_hash": "20c0469e418bc0b7b26396fcac4cc3e3b471c0f2f336f168eaf3af7f169f9f72",
    "status": 1,
    "expire_time": 1720102418000,
    "create_time": 1720101518000,
    "success_time": 0,
}
PAID_ORDER: dict[str, Any] = {
    "payment_id": "1809047750516539392",
    "order_id": "XET00000205",
    "coin": "ETH",
    "chain": "ETH",
    "original_amount": "0.01",
    "pay_amount": "0.01",
    "address": "0xb9a78dd2bc989cff715e1d8d95bb3474b61aeb9c",
    "tx_hash": "0xe3847ba9b6907157f431cd6d2cd37096acc1024b2ecf347a1ea32a9b5d1d0802",
    "status": 3,
    "expire_time": 1720146469,
    "create_time": 1720145569,
    "success_time": 1720150983,
}
CONFIRMATION: dict[str, Any] = {
    "id": "1816745214862295040",
    "coin": "TRON_USDT",
    "withdraw_amount": "5",
    "fee": "0.1049",
    "actual_amount": "4.8951",
    "address": "TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1",
    "create_time": 1721980787,
}
CREATED_WITHDRAWAL = {**CONFIRMATION, "status": 1}
WITHDRAWAL = {
    **CREATED_WITHDRAWAL,
    "tx_hash": "20c0469e418bc0b7b26396fcac4cc3e3b471c0f2f336f168eaf3af7f169f9f72",
}

CREATED_AT = datetime(2024, 7, 26, 7, 59, 47, tzinfo=UTC)
WITHDRAWN: dict[str, Any] = {
    "id": "1816745214862295040",
    "coin": "TRON_USDT",
    "withdraw_amount": Decimal(5),
    "fee": Decimal("0.1049"),
    "actual_amount": Decimal("4.8951"),
    "address": "TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1",
    "create_time": CREATED_AT,
}

READ: dict[str, tuple[type[BaseModel], dict[str, Any], dict[str, Any]]] = {
    "a token": (
        SupportedCoin,
        COINS[0],
        {
            "coin": "BSC_USDC",
            "chain": "BSC",
            "display_code": "USDC",
            "contract_address": "0x64544969ed7ebf5f083679233325356ebe738930",
            "decimals": 18,
            "can_pay": True,
            "minimum_pay_amount": Decimal(1),
            "withdrawal_fixed_fee": Decimal("0.1"),
            "withdrawal_percentage_fee": Decimal(0),
        },
    ),
    "a native coin": (
        SupportedCoin,
        COINS[1],
        {
            "coin": "ETH",
            "chain": "ETH",
            "display_code": "ETH",
            "contract_address": None,
            "decimals": 18,
            "can_pay": True,
            "minimum_pay_amount": Decimal("0.001"),
            "withdrawal_fixed_fee": Decimal("4.1"),
            "withdrawal_percentage_fee": Decimal("0.1"),
        },
    ),
    "a price": (
        CoinPrice,
        PRICES[1],
        {
            "coin": "ETH_USDT",
            "currency": "USD",
            "price": Decimal("0.998236"),
            "update_time": datetime(2024, 7, 4, 14, 9, 40, tzinfo=UTC),
        },
    ),
    "a balance": (CoinBalance, BALANCES[2], {"coin": "ETH_USDT", "balance": Decimal(102)}),
    "a created pay order": (
        CreatedPayOrder,
        CREATED_ORDER,
        {
            "payment_id": "1808862046989713408",
            "order_id": "OR00000001",
            "coin": "ETH",
            "chain": "ETH",
            "amount": Decimal("0.001"),
            "address": "0xb9a78dd2bc989cff715e1d8d95bb3474b61aeb9c",
            "expire_time": datetime(2024, 7, 4, 14, 9, 53, tzinfo=UTC),
            "create_time": datetime(2024, 7, 4, 13, 54, 53, tzinfo=UTC),
        },
    ),
    "an unpaid pay order, its times in milliseconds": (
        PayOrder,
        UNPAID_ORDER,
        {
            "payment_id": "1808862986631249920",
            "order_id": "OR00000002",
            "coin": "TRON_USDT",
            "chain": "TRON",
            "original_amount": Decimal(10),
            "pay_amount": None,
            "address": "TEELyKT4XCVZAcGujYaKm7F9uHp2fFipRH",
            "tx_hash": "20c0469e418bc0b7b26396fcac4cc3e3b471c0f2f336f168eaf3af7f169f9f72",
            "status": 1,
            "expire_time": datetime(2024, 7, 4, 14, 13, 38, tzinfo=UTC),
            "create_time": datetime(2024, 7, 4, 13, 58, 38, tzinfo=UTC),
            "success_time": None,
        },
    ),
    "a paid pay order": (
        PayOrder,
        PAID_ORDER,
        {
            "payment_id": "1809047750516539392",
            "order_id": "XET00000205",
            "coin": "ETH",
            "chain": "ETH",
            "original_amount": Decimal("0.01"),
            "pay_amount": Decimal("0.01"),
            "address": "0xb9a78dd2bc989cff715e1d8d95bb3474b61aeb9c",
            "tx_hash": "0xe3847ba9b6907157f431cd6d2cd37096acc1024b2ecf347a1ea32a9b5d1d0802",
            "status": 3,
            "expire_time": datetime(2024, 7, 5, 2, 27, 49, tzinfo=UTC),
            "create_time": datetime(2024, 7, 5, 2, 12, 49, tzinfo=UTC),
            "success_time": datetime(2024, 7, 5, 3, 43, 3, tzinfo=UTC),
        },
    ),
    "a second confirmation": (Confirmation, CONFIRMATION, WITHDRAWN),
    "a created withdrawal": (CreatedWithdrawal, CREATED_WITHDRAWAL, {**WITHDRAWN, "status": 1}),
    "a withdrawal": (
        Withdrawal,
        WITHDRAWAL,
        {**WITHDRAWN, "status": 1, "tx_hash": "20c0469e418bc0b7b26396fcac4cc3e3b471c0f2f336f168eaf3af7f169f9f72"},
    ),
}


@pytest.mark.parametrize(("model", "example", "fields"), READ.values(), ids=READ.keys())
def test_a_documented_example_is_read_field_by_field(
    model: type[BaseModel], example: dict[str, Any], fields: dict[str, Any]
) -> None:
    assert read_result(model, example).model_dump() == fields


@pytest.mark.parametrize(("model", "example", "fields"), READ.values(), ids=READ.keys())
def test_a_field_that_nobody_documented_is_ignored(
    model: type[BaseModel], example: dict[str, Any], fields: dict[str, Any]
) -> None:
    assert read_result(model, {**example, "new": {"a": [1]}}).model_dump() == fields


# What is known only later may be left out until then: one withdrawal without it must not hide the whole list.
LATER = {"pay_amount", "success_time", "tx_hash"}


@pytest.mark.parametrize("field", sorted(LATER))
def test_what_is_known_only_later_may_be_left_out(field: str) -> None:
    without = {name: value for name, value in PAID_ORDER.items() if name != field}
    assert getattr(read_result(PayOrder, without), field) is None


@pytest.mark.parametrize(
    ("model", "example", "field"),
    [(model, example, field) for model, example, _ in READ.values() for field in example],
)
def test_no_field_may_be_missing_or_of_another_kind(
    model: type[BaseModel], example: dict[str, Any], field: str
) -> None:
    without = [{name: value for name, value in example.items() if name != field}]
    wrongs: list[object] = [[], {}, 1.5, "a\x00b"]
    for broken in (*(without if field not in LATER else []), *({**example, field: wrong} for wrong in wrongs)):
        with pytest.raises(Unreadable, match=rf"^the answer's field {field} is missing or malformed$"):
            read_result(model, broken)


# ---------------------------------------------------------------- ids, amounts, times


@pytest.mark.parametrize(
    "id_", [1816745214862295040, 1.816745214862295e18, None, "", "1" * 21, "1 2", "1\n", "\ud800"]
)
def test_an_id_is_text_or_nothing(id_: object) -> None:
    with pytest.raises(Unreadable, match="field id is"):
        read_result(Withdrawal, {**WITHDRAWAL, "id": id_})


def test_ids_beyond_53_bits_that_differ_in_the_last_digit_stay_apart() -> None:
    ids = ["1816745214862295040", "1816745214862295041"]
    assert [read_result(Withdrawal, {**WITHDRAWAL, "id": id_}).id for id_ in ids] == ids


@pytest.mark.parametrize(
    "amount",
    [
        5,
        4.8951,
        Decimal("4.8951"),
        True,
        None,
        "",
        "-1",
        "+1",
        "1e3",
        "1.",
        ".5",
        "0x1",
        "1_0",
        "１",
        "NaN",
        " 1",
        "01",
    ],
)
def test_an_amount_is_plain_decimal_text_or_nothing(amount: object) -> None:
    with pytest.raises(Unreadable, match="field fee is"):
        read_result(Withdrawal, {**WITHDRAWAL, "fee": amount})


@pytest.mark.parametrize("amount", ["0", "0.000000000000000001", "12345678901234567890.123456789012345678", "1.50"])
def test_an_amount_keeps_every_digit(amount: str) -> None:
    assert format(read_result(CoinBalance, {"coin": "ETH", "balance": amount}).balance, "f") == amount


@pytest.mark.parametrize("time", [0, -1, 10**14 + 1, 10**400, "1721980787", 1721980787.5, Decimal(1), True, None])
def test_a_time_is_a_plausible_whole_number_or_nothing(time: object) -> None:
    with pytest.raises(Unreadable, match="field create_time is"):
        read_result(Withdrawal, {**WITHDRAWAL, "create_time": time})


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (1, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        (1720102418, datetime(2024, 7, 4, 14, 13, 38, tzinfo=UTC)),
        (1720102418000, datetime(2024, 7, 4, 14, 13, 38, tzinfo=UTC)),
        (1720102418123, datetime(2024, 7, 4, 14, 13, 38, 123_000, tzinfo=UTC)),
        (10**11, datetime(5138, 11, 16, 9, 46, 40, tzinfo=UTC)),
        (10**11 + 1, datetime(1973, 3, 3, 9, 46, 40, 1_000, tzinfo=UTC)),
        (10**14, datetime(5138, 11, 16, 9, 46, 40, tzinfo=UTC)),
    ],
)
def test_a_time_beyond_any_in_seconds_is_in_milliseconds(number: int, moment: datetime) -> None:
    assert read_result(Withdrawal, {**WITHDRAWAL, "create_time": number}).create_time == moment


@pytest.mark.parametrize("status", [0, 7, 8, 99, -1])
def test_a_status_that_nobody_documented_is_read(status: int) -> None:
    assert read_result(Withdrawal, {**WITHDRAWAL, "status": status}).status == status


@pytest.mark.parametrize("status", ["4", True, 4.0, None])
def test_a_status_is_a_whole_number(status: object) -> None:
    with pytest.raises(Unreadable, match="field status is"):
        read_result(Withdrawal, {**WITHDRAWAL, "status": status})


@pytest.mark.parametrize("nothing", ["", None])
def test_a_transaction_that_is_not_there_is_none(nothing: str | None) -> None:
    assert read_result(Withdrawal, {**WITHDRAWAL, "tx_hash": nothing}).tx_hash is None
    assert read_result(PayOrder, {**UNPAID_ORDER, "tx_hash": nothing}).tx_hash is None


@pytest.mark.parametrize("nothing", [0, None])
def test_a_success_that_is_not_there_has_no_time(nothing: int | None) -> None:
    assert read_result(PayOrder, {**PAID_ORDER, "success_time": nothing}).success_time is None


@pytest.mark.parametrize("time", [False, "", "0", -1, Decimal(0)])
def test_only_zero_stands_for_a_success_that_is_not_there(time: object) -> None:
    with pytest.raises(Unreadable, match="field success_time is"):
        read_result(PayOrder, {**PAID_ORDER, "success_time": time})


def test_an_order_id_need_not_be_ascii() -> None:
    assert read_result(PayOrder, {**PAID_ORDER, "order_id": "Bestellung 5 für é"}).order_id == "Bestellung 5 für é"


# ---------------------------------------------------------------- what the examples show


def test_in_the_examples_the_fee_is_inside_what_was_asked_for() -> None:
    withdrawal = read_result(Withdrawal, WITHDRAWAL)
    assert withdrawal.withdraw_amount - withdrawal.fee == withdrawal.actual_amount


@pytest.mark.parametrize(("model", "example"), [(CreatedPayOrder, CREATED_ORDER), (PayOrder, UNPAID_ORDER)])
def test_in_the_examples_a_pay_order_lives_for_a_quarter_of_an_hour(
    model: type[CreatedPayOrder] | type[PayOrder], example: dict[str, Any]
) -> None:
    order = read_result(model, example)
    assert order.expire_time - order.create_time == timedelta(seconds=900)


def test_a_pay_order_can_be_paid_after_it_has_expired() -> None:
    order = read_result(PayOrder, PAID_ORDER)
    assert order.success_time is not None
    assert order.success_time - order.expire_time == timedelta(seconds=4514)


# ---------------------------------------------------------------- lists and notices


def test_a_list_is_read_in_its_order() -> None:
    assert [price.coin for price in read_results(CoinPrice, PRICES)] == ["ETH", "ETH_USDT", "ETH_USDC"]
    assert [coin.coin for coin in read_results(SupportedCoin, COINS)] == ["BSC_USDC", "ETH"]
    assert read_results(CoinBalance, []) == ()


@pytest.mark.parametrize("result", [None, {}, WITHDRAWAL, "x", 0, {"0": WITHDRAWAL}])
def test_what_is_not_a_list_is_not_an_empty_one(result: object) -> None:
    with pytest.raises(Unreadable, match="not a list"):
        read_results(Withdrawal, result)


@pytest.mark.parametrize("item", [None, {}, [], [WITHDRAWAL], "x", {**WITHDRAWAL, "id": 1}])
def test_an_item_that_cannot_be_read_is_not_left_out(item: object) -> None:
    with pytest.raises(Unreadable):
        read_results(Withdrawal, [WITHDRAWAL, item])


NOTICES = {
    "a pay order": (PayOrder, PAID_ORDER),
    "a withdrawal's result": (Withdrawal, {**WITHDRAWAL, "status": 4}),
    "a second confirmation": (Confirmation, CONFIRMATION),
}


@pytest.mark.parametrize(("model", "example"), NOTICES.values(), ids=NOTICES.keys())
def test_a_notice_is_the_bare_object(model: type[BaseModel], example: dict[str, Any]) -> None:
    assert read_notice(model, json.dumps(example).encode()) == read_result(model, example)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"id":"1"',
        b"\xff",
        json.dumps({"success": True, "result": CONFIRMATION}).encode(),
        json.dumps(CONFIRMATION).replace('"5"', '5, "withdraw_amount": "5"').encode(),
        json.dumps(CONFIRMATION).replace('"5"', "5").encode(),
    ],
)
def test_a_notice_that_cannot_be_read_says_so_without_quoting_it(body: bytes) -> None:
    with pytest.raises(Unreadable) as unreadable:
        read_notice(Confirmation, body)
    assert "TDD1" not in str(unreadable.value)
