"""Every command but transfer: each field's rule with right and wrong values, and what means the same."""

import json
import sys
import unicodedata

import pytest

from schemas.command import Command
from schemas.fields import is_clean
from worker.message import Incoming
from worker.steps.decode import Malformed, decode

Fields = dict[str, object]

SWAP: Fields = {
    "type": "swap",
    "orderId": "ord-1",
    "userId": "alice1",
    "coinIdIn": 1280,
    "amountIn": "5",
    "coinIdOut": 1329,
}
PAYOUT: Fields = {"type": "payout", "orderId": "ord-1", "coin": "TRON_USDT", "address": "TDD1DYWk", "amount": "5"}
WITHDRAW: Fields = {"type": "withdraw", "orderId": "ord-1", "coin": "TRON_USDT", "amount": "5"}
PAY_ORDER: Fields = {"type": "payOrder", "orderId": "ord-1", "coin": "ETH", "amount": "5"}
RESCAN: Fields = {"type": "rescan", "orderId": "ord-1", "chain": "TRX", "toAddress": "TDD1DYWk", "txId": "20c0469e"}
ALL = {str(fields["type"]): fields for fields in (SWAP, PAYOUT, WITHDRAW, PAY_ORDER, RESCAN)}
PROVIDER = {
    "swap": "ccpayment",
    "rescan": "ccpayment",
    "payout": "coinqpay",
    "withdraw": "coinqpay",
    "payOrder": "coinqpay",
}


def read(fields: Fields, provider: str | None = None) -> Command | Malformed:
    road = provider or PROVIDER[str(fields["type"])]
    body = json.dumps(fields).encode()
    return decode(Incoming(body=body, routing_key=f"{road}.{fields['type']}", provider=road))


def accepted(fields: Fields) -> Command:
    command = read(fields)
    assert isinstance(command, Command), command
    return command


def refusal(fields: Fields) -> str:
    malformed = read(fields)
    assert isinstance(malformed, Malformed), malformed
    assert (malformed.order_id, malformed.command_type) == ("ord-1", fields["type"])
    return malformed.reason


def rows(*columns: tuple[tuple[str, ...], str, list[object]]) -> list[tuple[str, str, object]]:
    """One row per type, field and value."""
    return [(kind, field, value) for kinds, field, values in columns for kind in kinds for value in values]


def name_of(row: object) -> str:
    return f"{row!a:.40}"


PAYMENTS = ("payout", "withdraw")
ON_COINQPAY = (*PAYMENTS, "payOrder")
EVERY = ("swap", "rescan", *ON_COINQPAY)

RIGHT_AMOUNTS: list[object] = ["5", "0.000000000000000001", "9" * 38 + "." + "9" * 18, "5.00"]
RIGHT = rows(
    (("swap",), "userId", ["alice1", "aZ0_.:@-", "mysys", "a" * 64]),
    (("swap",), "coinIdIn", [1, 2147483647]),
    (("swap",), "coinIdOut", [1, 2147483647]),
    (("swap",), "amountIn", RIGHT_AMOUNTS),
    (("swap",), "amountOutMinimum", [*RIGHT_AMOUNTS, None]),
    (("swap",), "extraFeeRate", ["0", "0.0", "0.01", "0.010", "0." + "9" * 18, None]),
    (ON_COINQPAY, "amount", RIGHT_AMOUNTS),
    (ON_COINQPAY, "coin", ["E", "TRON_USDT", "a.b-c_D9", "X" * 50]),
    (ON_COINQPAY, "account", [None, "merchant", "user:alice1", "user:aZ0_.:@-", "user:" + "a" * 64, "user:mysys"]),
    (("payout",), "address", ["T", "TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1", "0xAb", "bc1q", "!~", "x" * 128, "a:b?c=d"]),
    (("rescan",), "chain", ["T", "TRX", "a.b-c_D9", "X" * 32]),
    (("rescan",), "toAddress", ["T", "0xAb", "x" * 128]),
    (("rescan",), "txId", ["2", "0xAb", "x" * 128]),
    (("rescan",), "memo", ["1", "für dich", "x" * 64, None]),
    (("rescan",), "userId", ["alice1", None]),
    (EVERY, "expiresAt", ["2026-11-20T10:00:00Z", None]),
)

WRONG_AMOUNTS: list[object] = ["", "0", "0.0", "01", "-1", "+1", ".5", "1.", "1e3", " 1", "1\n", "1" * 39, "NaN", 5]
WRONG_AMOUNTS += ["1." + "0" * 19, 0.5, True, ["1"]]
WRONG_COIN_IDS: list[object] = [0, -1, 2147483648, 1280.0, "1280", True, None]
WRONG = rows(
    (("swap",), "userId", ["", "abcd", "a" * 65, "sys12", "al ice", "alice\n", 12345, None]),
    (("swap",), "coinIdIn", WRONG_COIN_IDS),
    (("swap",), "coinIdOut", WRONG_COIN_IDS),
    (("swap",), "amountIn", [*WRONG_AMOUNTS, None]),
    (("swap",), "amountOutMinimum", WRONG_AMOUNTS),
    (
        ("swap",),
        "extraFeeRate",
        ["", "1", "1.0", "-0.1", ".1", "0.", "00.1", "1e-2", "0." + "0" * 19, "0.1\n", "0,1"],
    ),
    (("swap",), "extraFeeRate", [0, 0.01, True, "NaN", ["0.1"]]),
    (ON_COINQPAY, "amount", [*WRONG_AMOUNTS, None]),
    (ON_COINQPAY, "coin", ["", "X" * 51, "TRON USDT", "TRON/USDT", "USDT\n", "USDТ", 1280, None, True]),
    (
        ON_COINQPAY,
        "account",
        ["", "Merchant", "merchant ", "merchant\n", "custody", "user:", "alice1", "USER:alice1"],
    ),
    (ON_COINQPAY, "account", ["user:abcd", "user:sys12", "user:" + "a" * 65, "user:al ice", "user:alice1\n"]),
    (ON_COINQPAY, "account", ["merchant|user:alice1", 1, ["merchant"]]),
    (("payout",), "address", ["", "a b", "a\n", "a\tb", "a\x00", "x" * 129, "é", "ТDD1", "a\x7f", None, 5, ["a"]]),
    (("rescan",), "chain", ["", "X" * 33, "TRX 20", "TRX\n", "TRX/20", None, 1]),
    (("rescan",), "toAddress", ["", "a b", "a\n", "x" * 129, "é", None, 5]),
    (("rescan",), "txId", ["", "a b", "a\n", "x" * 129, "é", None, 5]),
    (("rescan",), "memo", ["x" * 65, "a\nb", "a\x00", 5]),
    (("rescan",), "userId", ["", "abcd", "sys12", "al ice", 12345]),
    (EVERY, "orderId", ["ab", "a" * 65, "a b", "ord.1", "ord-1\n"]),
    (EVERY, "expiresAt", ["now", "2026-11-20T10:00:00", 1763632800]),
)


@pytest.mark.parametrize(("kind", "field", "value"), RIGHT, ids=name_of)
def test_what_keeps_the_rules_is_a_command(kind: str, field: str, value: object) -> None:
    assert accepted(ALL[kind] | {field: value}).type == kind


@pytest.mark.parametrize(("kind", "field", "value"), WRONG, ids=name_of)
def test_what_breaks_a_rule_is_refused_by_the_name_of_its_field(kind: str, field: str, value: object) -> None:
    malformed = read(ALL[kind] | {field: value})
    assert isinstance(malformed, Malformed), malformed
    assert malformed.reason.startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind, fields in ALL.items() for field in fields if field != "type"]
)
def test_what_is_missing_is_named(kind: str, field: str) -> None:
    malformed = read({name: value for name, value in ALL[kind].items() if name != field})
    assert isinstance(malformed, Malformed)
    assert malformed.reason == f"{field}: is required"


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("swap", "account"),
        ("swap", "remark"),
        ("swap", "coin"),
        ("payout", "coinId"),
        ("payout", "memo"),
        ("withdraw", "address"),
        ("payOrder", "address"),
        ("payOrder", "userId"),
        ("payout", "is_sent_once"),
    ],
)
def test_a_field_of_another_type_is_refused(kind: str, field: str) -> None:
    assert refusal(ALL[kind] | {field: "x"}) == f"{field}: is not a field of this type"


def test_a_coin_is_not_swapped_for_itself() -> None:
    assert refusal(SWAP | {"coinIdOut": 1280}) == "coinIdOut: must differ from coinIdIn"


@pytest.mark.parametrize("kind", EVERY)
def test_a_command_on_another_providers_road_is_refused(kind: str) -> None:
    other = "coinqpay" if PROVIDER[kind] == "ccpayment" else "ccpayment"
    malformed = read(ALL[kind], other)
    assert isinstance(malformed, Malformed)
    assert malformed.reason == f"type: {kind} is executed by {PROVIDER[kind]}"


RATE = SWAP | {"extraFeeRate": "0.01", "amountOutMinimum": "9"}
SAME: dict[str, tuple[Fields, Fields]] = {
    "a swap's amount spelled out": (SWAP, SWAP | {"amountIn": "5.0"}),
    "a rate spelled out": (RATE, RATE | {"extraFeeRate": "0.010"}),
    "a minimum spelled out": (RATE, RATE | {"amountOutMinimum": "9.00"}),
    "a rate of zero": (SWAP | {"extraFeeRate": "0"}, SWAP | {"extraFeeRate": "0.00"}),
    "what may be left out is null": (SWAP, SWAP | {"extraFeeRate": None, "amountOutMinimum": None}),
    "a payout's amount spelled out": (PAYOUT, PAYOUT | {"amount": "5.0"}),
    "a withdrawal's amount spelled out": (WITHDRAW, WITHDRAW | {"amount": "5.0"}),
    "a pay order's amount spelled out": (PAY_ORDER, PAY_ORDER | {"amount": "5.0"}),
    "a rescan's hash in capitals": (RESCAN | {"txId": "0xab12"}, RESCAN | {"txId": "0XAB12"}),
    **{f"the merchant named in a {kind}": (ALL[kind], ALL[kind] | {"account": "merchant"}) for kind in ON_COINQPAY},
    **{f"nobody named in a {kind}": (ALL[kind], ALL[kind] | {"account": None}) for kind in ON_COINQPAY},
    **{f"the provider named in a {kind}": (ALL[kind], ALL[kind] | {"provider": PROVIDER[kind]}) for kind in EVERY},
}
OTHER: dict[str, tuple[Fields, Fields]] = {
    "a swap's user": (SWAP, SWAP | {"userId": "carol1"}),
    "a swap's coin in": (SWAP, SWAP | {"coinIdIn": 1281}),
    "a swap's coin out": (SWAP, SWAP | {"coinIdOut": 1281}),
    "a swap's amount": (SWAP, SWAP | {"amountIn": "5.01"}),
    "a swap's minimum": (RATE, RATE | {"amountOutMinimum": "9.01"}),
    "a swap's rate": (RATE, RATE | {"extraFeeRate": "0.011"}),
    "a rate or none": (RATE, {name: value for name, value in RATE.items() if name != "extraFeeRate"}),
    "rate and minimum exchanged": (
        SWAP | {"extraFeeRate": "0.5"},
        SWAP | {"amountOutMinimum": "0.5"},
    ),
    "a payout's address": (PAYOUT, PAYOUT | {"address": "TDD1DYWK"}),
    "a payout's coin": (PAYOUT, PAYOUT | {"coin": "TRON_USDC"}),
    "a rescan's transaction": (RESCAN, RESCAN | {"txId": "20C0469E"}),
    "a rescan's address": (RESCAN, RESCAN | {"toAddress": "TDD1DYWK"}),
    "a rescan's memo": (RESCAN, RESCAN | {"memo": "1"}),
    "a rescan's user": (RESCAN, RESCAN | {"userId": "alice1"}),
    "a payout or a withdrawal": (PAYOUT, WITHDRAW),
    "a withdrawal or a pay order": (WITHDRAW, PAY_ORDER | {"coin": "TRON_USDT"}),
    **{f"the account of a {kind}": (ALL[kind], ALL[kind] | {"account": "user:alice1"}) for kind in ON_COINQPAY},
    **{f"the amount of a {kind}": (ALL[kind], ALL[kind] | {"amount": "5.01"}) for kind in ON_COINQPAY},
}


@pytest.mark.parametrize(("one", "another"), SAME.values(), ids=SAME.keys())
def test_what_means_the_same_has_the_same_fingerprint(one: Fields, another: Fields) -> None:
    assert accepted(one).fingerprint() == accepted(another).fingerprint()


@pytest.mark.parametrize(("one", "another"), OTHER.values(), ids=OTHER.keys())
def test_what_means_something_else_has_another_fingerprint(one: Fields, another: Fields) -> None:
    assert accepted(one).fingerprint() != accepted(another).fingerprint()


@pytest.mark.parametrize("fields", [*ALL.values(), RATE], ids=[*ALL, "swap with everything"])
def test_what_is_stored_is_read_back_as_the_same_command(fields: Fields) -> None:
    command = accepted(fields | {"expiresAt": "2026-11-20T12:00:00+02:00"})
    again = type(command).model_validate(json.loads(command.content()))
    assert again == command
    assert again.fingerprint() == command.fingerprint()


def test_clean_is_what_has_no_control_characters_and_no_lone_surrogates() -> None:
    clean = {number for number in range(sys.maxunicode + 1) if is_clean(chr(number))}
    assert clean == {n for n in range(sys.maxunicode + 1) if unicodedata.category(chr(n)) not in ("Cc", "Cs")}
    assert not is_clean("in the middle\x00of it")
