"""Strict parsing: a row for every rule and every trap, with the field and the rule that the reason names."""

import json

import pytest

from schemas.strict_json import BODY_BYTES_MAX
from schemas.transfer import Transfer
from worker.message import Incoming
from worker.steps.decode import Malformed, decode

VALID: dict[str, object] = {
    "type": "transfer",
    "orderId": "ord-1",
    "fromUserId": "alice1",
    "toUserId": "bob123",
    "coinId": 1280,
    "amount": "0.5",
}


def read(body: bytes, provider: str = "ccpayment") -> object:
    return decode(Incoming(body=body, routing_key=f"{provider}.transfer", provider=provider))


def with_fields(**changes: object) -> bytes:
    return json.dumps({**VALID, **changes}).encode()


def refused(body: bytes, provider: str = "ccpayment") -> Malformed:
    malformed = read(body, provider)
    assert isinstance(malformed, Malformed), malformed
    assert malformed.reason.isprintable()
    assert len(malformed.reason) < 250
    return malformed


ACCEPTED: dict[str, dict[str, object]] = {
    "plain": {},
    "remark": {"remark": "für dich"},
    "remark of 255": {"remark": "é" * 255},
    "remark null": {"remark": None},
    "provider named": {"provider": "ccpayment"},
    "expires in UTC": {"expiresAt": "2026-11-20T10:00:00Z"},
    "expires with small letters": {"expiresAt": "2026-11-20t10:00:00z"},
    "expires with an offset": {"expiresAt": "2026-11-20T10:00:00.123456+05:30"},
    "smallest amount": {"amount": "0.000000000000000001"},
    "largest amount": {"amount": "9" * 38 + "." + "9" * 18},
    "trailing zeros": {"amount": "5.00"},
    "largest coin": {"coinId": 2147483647},
    "shortest order id": {"orderId": "a-_"},
    "longest order id": {"orderId": "a" * 64},
    "every user character": {"fromUserId": "aZ0_.:@-"},
    "sys inside": {"fromUserId": "mysys"},
}


@pytest.mark.parametrize("changes", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_keeps_the_rules_is_a_command(changes: dict[str, object]) -> None:
    assert isinstance(read(with_fields(**changes)), Transfer)


AMOUNTS = [
    *("", "0", "0.0", "00", "01", "-1", "+1", ".5", "1.", "1e3", "1E+2", "1_000", " 1", "1 ", "1\n", "1,5"),
    *("NaN", "Infinity", "-0", "0x1", "1" * 39, "1." + "0" * 19, "１２", "١٢", "1\u200b", "½"),
    *(1, 0.5, True, None, ["1"], {"amount": "1"}),
]
ORDER_IDS = [
    *("", "ab", "a" * 65, "a b", "ord\n", "ord-1\n", "ord.1", "оrd-1", "ord-１", "ord\u200d1", "ord\x00", "a/b"),
    *(1, None, True, ["ord-1"]),
]
USER_IDS = ["", "abcd", "a" * 65, "sys12", "sysadmin", "al ice", "alice\n", "аlice", "alice/", 12345, None]
COIN_IDS = [0, -1, 2147483648, 10**30, 1280.0, 1280.5, "1280", True, None, [1280]]
INSTANTS = [
    *("", "now", "2026-11-20", "2026-11-20T10:00:00", "2026-11-20 10:00:00Z", "20261120T100000Z", "2026-W47-5"),
    *("2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-20T24:00:00Z", "2026-11-20T10:00:60Z"),
    *("2026-11-20T10:00:00+01:60", "2026-11-20T10:00:00-23:99", "2026-11-20T10:60:00Z", "2026-11-20T10:00:00,5Z"),
    *("2026-11-20T10:00:00+25:00", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "2026-11-20T10:00:00Z\n"),
    *("２０26-11-20T10:00:00Z", 1763632800, True, ["x"]),
]
REMARKS = ["x" * 256, "a\nb", "a\x00b", "a\x7fb", "a\x9bb", "\ud800", 5, ["x"]]
ROWS = [
    *(("amount", value) for value in AMOUNTS),
    *(("orderId", value) for value in ORDER_IDS),
    *(("fromUserId", value) for value in USER_IDS),
    *(("toUserId", value) for value in USER_IDS),
    *(("coinId", value) for value in COIN_IDS),
    *(("expiresAt", value) for value in INSTANTS),
    *(("remark", value) for value in REMARKS),
    ("toUserId", "alice1"),
    ("provider", "coinqpay"),
    ("provider", 1),
    ("type", "swapp"),
    ("type", None),
    ("type", ["transfer"]),
    ("type", "Transfer"),
]


@pytest.mark.parametrize(("field", "value"), ROWS, ids=[f"{field}={value!a:.40}" for field, value in ROWS])
def test_what_breaks_a_rule_is_refused_by_the_name_of_its_field(field: str, value: object) -> None:
    assert refused(with_fields(**{field: value})).reason.startswith(f"{field}: ")


@pytest.mark.parametrize("field", [name for name in VALID if name != "type"])
def test_what_is_missing_is_named(field: str) -> None:
    body = json.dumps({name: value for name, value in VALID.items() if name != field}).encode()
    assert refused(body).reason == f"{field}: is required"


@pytest.mark.parametrize("name", ["memo", "order_id", "amount ", "a\nb", "x" * 500, "é", "🙁" * 64, "\x9b31m"])
def test_an_unknown_field_is_named_without_its_tricks(name: str) -> None:
    assert refused(with_fields(**{name: "x"})).reason.endswith(": is not a field of this type")


BODIES = {
    "empty": b"",
    "not JSON": b"transfer",
    "half of it": with_fields()[:-5],
    "two objects": with_fields() * 2,
    "a list": b"[]",
    "text": b'"transfer"',
    "a number": b"1",
    "null": b"null",
    "byte order mark": b"\xef\xbb\xbf" + with_fields(),
    "UTF-16": with_fields().decode().encode("utf-16"),
    "not UTF-8": with_fields(remark="x").replace(b'"x"', b'"\xff"'),
    "an encoded surrogate": with_fields(remark="x").replace(b'"x"', b'"\xed\xa0\x80"'),
    "one byte too long": with_fields(remark="x") + b" " * (BODY_BYTES_MAX + 1 - len(with_fields(remark="x"))),
    "duplicate key": b'{"amount":"1",' + with_fields()[1:],
    "duplicate key, escaped": b'{"\\u0061mount":"1",' + with_fields()[1:],
    "duplicate key, nested": b'{"x":{"a":1,"a":1},' + with_fields()[1:],
    "NaN": with_fields(remark="x").replace(b'"x"', b"NaN"),
    "Infinity": with_fields(remark="x").replace(b'"x"', b"-Infinity"),
    "nested lists": b"[" * 60_000,
    "order id twice, the same": b'{"orderId":"ord-1",' + with_fields()[1:],
    "nested objects": b'{"a":' * 12_000,
    "thousands of digits": with_fields(coinId=7).replace(b"7", b"7" * 5000),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_what_is_not_one_strict_object_is_refused(body: bytes) -> None:
    assert refused(body).reason.startswith("body: ")


TELLABLE = (
    *("duplicate key", "duplicate key, escaped", "duplicate key, nested", "order id twice, the same"),
    *("one byte too long", "thousands of digits"),
)


@pytest.mark.parametrize("name", BODIES)
def test_the_sender_of_a_refused_object_can_be_told_by_its_order_id(name: str) -> None:
    malformed = refused(BODIES[name])
    expected = ("ord-1", "transfer") if name in TELLABLE else (None, "unknown")
    assert (malformed.order_id, malformed.command_type) == expected


@pytest.mark.parametrize("order_id", [b'"ord-2"', b"7", b'"a b"'])
def test_an_order_id_that_has_two_values_or_is_none_tells_nobody(order_id: bytes) -> None:
    assert refused(b'{"orderId":' + order_id + b"," + with_fields()[1:]).order_id is None


@pytest.mark.parametrize(("megabytes", "order_id"), [(3, "ord-1"), (5, None)])
def test_nobody_looks_into_a_body_of_many_megabytes(megabytes: int, order_id: str | None) -> None:
    assert refused(with_fields() + b" " * megabytes * 1024 * 1024).order_id == order_id


def test_a_body_of_64_kib_is_read() -> None:
    body = with_fields()
    assert isinstance(read(body + b" " * (BODY_BYTES_MAX - len(body))), Transfer)


def test_a_command_on_another_providers_road_is_refused() -> None:
    assert refused(with_fields(), "coinqpay").reason == "type: transfer is executed by ccpayment"


@pytest.mark.parametrize("key", ["ccpayment.swap", "ccpayment.transfer.now", "ccpayment.", "ccpayment"])
def test_a_routing_key_that_names_another_type_is_refused(key: str) -> None:
    malformed = decode(Incoming(body=with_fields(), routing_key=key, provider="ccpayment"))
    assert isinstance(malformed, Malformed)
    assert malformed == Malformed("type: must agree with the routing key", "ord-1", "transfer")


def test_what_was_published_to_the_queue_itself_has_no_key_to_agree_with() -> None:
    command = decode(Incoming(body=with_fields(), routing_key="ledger.commands.ccpayment", provider="ccpayment"))
    assert isinstance(command, Transfer)


def typed(content_type: str | None) -> object:
    return decode(
        Incoming(with_fields(), "ccpayment.transfer", provider="ccpayment", content_type=content_type),
    )


@pytest.mark.parametrize("content_type", [None, "application/json", "Application/JSON ; charset=utf-8"])
def test_a_message_that_says_json_or_nothing_is_read(content_type: str | None) -> None:
    assert isinstance(typed(content_type), Transfer)


@pytest.mark.parametrize("content_type", ["text/plain", "application/cloudevents+json", "json", "application/jsonx"])
def test_a_message_that_says_that_it_is_something_else_is_refused(content_type: str) -> None:
    assert typed(content_type) == Malformed("content_type: must be application/json", "ord-1", "transfer")


def test_a_malformed_command_keeps_its_order_id_and_type_where_they_are_right() -> None:
    malformed = refused(with_fields(amount=7))
    assert (malformed.order_id, malformed.command_type) == ("ord-1", "transfer")
    assert refused(with_fields(type="transferr")).command_type == "unknown"
    assert refused(with_fields(orderId="a b")).order_id is None


SAME: dict[str, dict[str, object]] = {
    "amount spelled out": {"amount": "0.500"},
    "provider named": {"provider": "ccpayment"},
    "remark null": {"remark": None},
}
OTHER: dict[str, dict[str, object]] = {
    "amount": {"amount": "0.51"},
    "payer": {"fromUserId": "carol1"},
    "payee": {"toUserId": "carol1"},
    "coin": {"coinId": 1281},
    "remark": {"remark": ""},
    "expiry": {"expiresAt": "2026-11-20T10:00:00Z"},
    "order": {"orderId": "ord-2"},
}


def fingerprint(body: bytes) -> bytes:
    command = read(body)
    assert isinstance(command, Transfer)
    return command.fingerprint()


@pytest.mark.parametrize("changes", SAME.values(), ids=SAME.keys())
def test_what_means_the_same_has_the_same_fingerprint(changes: dict[str, object]) -> None:
    assert fingerprint(with_fields(**changes)) == fingerprint(with_fields())


@pytest.mark.parametrize("changes", OTHER.values(), ids=OTHER.keys())
def test_what_means_something_else_has_another_fingerprint(changes: dict[str, object]) -> None:
    assert fingerprint(with_fields(**changes)) != fingerprint(with_fields())


def test_order_of_keys_white_space_and_offsets_make_no_difference() -> None:
    one = with_fields(expiresAt="2026-11-20T10:00:00Z")
    shuffled = dict(reversed(json.loads(one).items())) | {"expiresAt": "2026-11-20T12:00:00.000+02:00"}
    assert fingerprint(one) == fingerprint(json.dumps(shuffled, indent=3).encode())
