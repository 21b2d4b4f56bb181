"""Transfers and their lookup: one row per refusal in the order of the checks, then successes."""

import json
from decimal import Decimal

import pytest

from worker.sandbox.ccpayment.books import Status
from worker.sandbox.message import Response
from worker.sandbox.sandbox import Sandbox

from .caller import APP_ID, NOW, Caller, Clock, answer_of, code_of, transfer_fields

MISSING = object()

MALFORMED: dict[str, list[object]] = {
    "coinId": [MISSING, None, 0, -1, True, 1280.0, "1280", [1280]],
    "amount": [
        *[MISSING, None, 1, 0.005, "", "0", "0.000", "-1", "+1", "1e3", "1E-2", "1_000", "1,5"],
        *[".5", "1.", "01", " 1", "1\n", "NaN", "Infinity", "0x1", "１", "1" * 65],
    ],
    "orderId": [MISSING, None, 123, "", "ab", "x" * 65],
    "fromUserId": [MISSING, None, 12345, "", "abcd", "x" * 65, "sys12", "system-user"],
    "toUserId": [MISSING, None, 12345, "", "abcd", "x" * 65, "sys12", "alice1"],
    "remark": [None, 5, "x" * 256],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, row in MALFORMED.items() for value in row])
def test_a_malformed_parameter_is_refused(caller: Caller, name: str, value: object) -> None:
    # The coin, the amount and the order id are wrong as well: the form is checked before them.
    caller.transfer(orderId="ord-0")
    fields = transfer_fields(coinId=9, amount="99.1234567", orderId="ord-0")
    fields = {**fields, name: value}
    given = {key: field for key, field in fields.items() if field is not MISSING}
    assert code_of(caller.send("userTransfer", given)) == 11000


BUSINESS_REFUSALS = [
    ("order id used, same content", {"orderId": "ord-0"}, 11011),
    ("order id used, all else wrong", {"orderId": "ord-0", "coinId": 9, "amount": "99.9"}, 11011),
    ("unknown coin", {"coinId": 9, "amount": "99.1234567"}, 13000),
    ("more decimals than the coin has", {"amount": "99.1234567"}, 14013),
    ("more decimals, all zeros", {"amount": "1.0000000"}, 14013),
    ("too many decimals and too small", {"amount": "0.0000001"}, 14013),
    ("worth less than the minimum", {"fromUserId": "poor1", "amount": "0.000999"}, 14005),
    ("worth less, by the price", {"coinId": 1482, "amount": "0.007974"}, 14005),
    ("worth the minimum, not there", {"coinId": 1482, "amount": "0.007975"}, 14000),
    ("one millionth short", {"amount": "9.995001"}, 14000),
    ("unknown payer", {"fromUserId": "nobody", "amount": "1"}, 14000),
    ("too much by far", {"amount": "9" * 64}, 14000),
]


@pytest.mark.parametrize(
    ("changes", "code"),
    [row[1:] for row in BUSINESS_REFUSALS],
    ids=[row[0] for row in BUSINESS_REFUSALS],
)
def test_a_refusal_changes_nothing(caller: Caller, changes: dict[str, object], code: int) -> None:
    caller.transfer(orderId="ord-0")
    before = caller.sandbox.books.balances()
    assert code_of(caller.transfer(**changes)) == code
    assert caller.sandbox.books.balances() == before
    assert caller.executed() == ["ord-0"]


def test_a_refused_transfer_does_not_use_up_its_order_id(caller: Caller) -> None:
    assert code_of(caller.transfer(amount="11")) == 14000
    assert code_of(caller.lookup()) == 11003
    assert code_of(caller.transfer(amount="10")) == 10000


def test_a_transfer_moves_money_and_answers_a_record_id_of_33_digits(caller: Caller) -> None:
    answer = answer_of(caller.transfer(remark="thanks"))
    record_id = answer["data"]["recordId"]
    assert answer == {"code": 10000, "msg": "success", "data": {"recordId": record_id}}
    assert len(record_id) == 33
    assert record_id.startswith("20231114221320")
    assert caller.sandbox.books.balances() == {
        ("alice1", 1280): Decimal("9.995"),
        ("bob123", 1280): Decimal("0.005"),
    }


def test_the_limits_themselves_are_allowed(caller: Caller) -> None:
    users = {"fromUserId": "u" * 64, "toUserId": "Sys12"}
    caller.sandbox.fund("u" * 64, 1280, "0.001")
    limits = {**users, "amount": "0.001", "orderId": "o" * 64, "remark": "r" * 255}
    assert code_of(caller.transfer(**limits)) == 10000
    assert code_of(caller.transfer(orderId="abc", amount="10.000000", unknown=1)) == 10000


def test_the_app_id_is_the_merchant_account(caller: Caller) -> None:
    assert code_of(caller.transfer(toUserId=APP_ID, amount="3")) == 10000
    assert code_of(caller.transfer(orderId="ord-2", fromUserId=APP_ID, amount="2.5")) == 10000
    assert caller.sandbox.books.balance(APP_ID, 1280) == Decimal("0.5")


def test_sums_beyond_the_digits_of_the_default_context_stay_exact(sandbox: Sandbox) -> None:
    sandbox.fund("whale", 1329, "9" * 45 + "." + "9" * 18)
    sandbox.fund("whale", 1329, "0." + "0" * 17 + "1")
    assert sandbox.books.balance("whale", 1329) == Decimal("1" + "0" * 45)


def test_record_ids_differ_while_the_clock_stands_still_or_goes_back(caller: Caller) -> None:
    for number in range(50):
        caller.transfer(orderId=f"ord-{number}")
        caller.clock.seconds -= 0.5
    records = caller.sandbox.books.records()
    assert len({record.record_id for record in records}) == 50


@pytest.mark.parametrize("seconds", [0.0, float(NOW), 2840140800.0])
def test_record_ids_have_33_digits_at_any_time(seconds: float) -> None:
    record_id = Caller(Clock(seconds)).sandbox.books.new_record_id(seconds)
    assert len(record_id) == 33
    assert record_id.isdecimal()


def test_a_lookup_answers_the_documented_record(caller: Caller) -> None:
    record_id = answer_of(caller.transfer(amount="1.50"))["data"]["recordId"]
    record = {
        "recordId": record_id,
        "coinId": 1280,
        "coinSymbol": "USDT",
        "orderId": "ord-1",
        "fromUserId": "alice1",
        "toUserId": "bob123",
        "amount": "1.5",
        "status": "Success",
    }
    found = {"code": 10000, "msg": "success", "data": {"record": record}}
    assert answer_of(caller.lookup(orderId="ord-1")) == found
    assert answer_of(caller.lookup(recordId=record_id)) == found
    assert answer_of(caller.lookup(recordId=record_id, orderId="ord-1")) == found
    assert answer_of(caller.lookup(recordId="", orderId="ord-1")) == found


def test_a_record_carries_the_remark_that_was_given(caller: Caller) -> None:
    caller.transfer(remark="café \ud800")
    assert answer_of(caller.lookup())["data"]["record"]["remark"] == "café \ud800"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"other": 1}, 11000),
        ({"orderId": "", "recordId": ""}, 11000),
        ({"orderId": 123}, 11000),
        ({"orderId": None}, 11000),
        ({"orderId": "ab"}, 11000),
        ({"recordId": 2023}, 11000),
        ({"orderId": "ord-2"}, 11003),
        ({"recordId": "ord-1"}, 11003),
        ({"recordId": "1" * 33, "orderId": "ord-1"}, 11003),
    ],
)
def test_a_lookup_refuses(caller: Caller, fields: dict[str, object], code: int) -> None:
    caller.transfer()
    assert code_of(caller.lookup(**fields)) == code


def test_a_lookup_by_both_ids_of_different_transfers_finds_nothing(caller: Caller) -> None:
    record_id = answer_of(caller.transfer())["data"]["recordId"]
    caller.transfer(orderId="ord-2")
    assert code_of(caller.lookup(recordId=record_id, orderId="ord-2")) == 11003


def test_the_oracle_sees_what_was_executed(caller: Caller) -> None:
    caller.transfer(remark="r")
    [transfer] = caller.sandbox.books.transfers()
    assert (transfer.order_id, transfer.from_user_id, transfer.to_user_id) == (
        "ord-1",
        "alice1",
        "bob123",
    )
    assert (transfer.coin_id, transfer.amount) == (1280, Decimal("0.005"))
    assert (transfer.remark, transfer.status, transfer.at) == ("r", Status.SUCCESS, NOW)


def test_answers_are_compact_json_of_the_documented_envelope(caller: Caller) -> None:
    reply = caller.transfer(amount="0")
    assert isinstance(reply, Response)
    assert json.loads(reply.body)["data"] is None
    assert reply.body.startswith(b'{"code":11000,"msg":')
    assert reply.body.endswith(b',"data":null}')
