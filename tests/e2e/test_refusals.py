"""What is not done: conflicts, missing funds, expiry, and messages that are no commands."""

import json
import struct
from datetime import datetime

import pamqp.encode
import pytest
from aio_pika.abc import AbstractIncomingMessage

from tests.e2e.client import Event, transfer
from tests.e2e.conftest import Road

LONG_AGO = "2020-01-01T00:00:00Z"


async def books_are_untouched(road: Road, user: str, amount: int = 100) -> None:
    assert await road.stage.balance(f"user:{user}") == (amount, 0, amount)


def code_of(event: Event) -> str:
    return event["data"]["error"]["code"]


# ---------------------------------------------------------------- well-formed, refused


async def test_other_content_under_the_same_order_id_is_a_conflict_about_that_message_only(road: Road) -> None:
    alice, bob, order_id = await road.rich_user(), road.new_id("user"), road.new_id()
    first = await road.client.ask(transfer(order_id, alice, bob, "1"))
    await road.client.publish(transfer(order_id, alice, bob, "2"))
    conflict = await road.client.tap.delivery(order_id, 2)
    assert code_of(conflict) == "order_id_conflict"
    assert (conflict["data"]["result"], conflict["data"]["sequence"]) == ("rejected", 0)
    assert conflict["id"] != first["id"]
    assert road.client.tap.message_of(conflict).routing_key == "transfer.rejected"
    assert (await road.stage.order(order_id))["state"] == "succeeded"
    assert len(await road.stage.lines(order_id)) == 2
    await road.client.publish(transfer(order_id, alice, bob, "1"))
    assert await road.client.tap.delivery(order_id, 3) == first


async def test_the_same_conflicting_message_again_is_the_same_event_and_another_one_is_not(road: Road) -> None:
    alice, bob, order_id = await road.rich_user(), road.new_id("user"), road.new_id()
    await road.client.ask(transfer(order_id, alice, bob, "1"))
    ids = []
    for number, (amount, message_id) in enumerate([("2", "m-1"), ("2", "m-1"), ("2", "m-2"), ("3", "m-1")], start=2):
        await road.client.publish(transfer(order_id, alice, bob, amount), message_id=message_id)
        ids.append((await road.client.tap.delivery(order_id, number))["id"])
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


async def test_missing_funds_reject_the_order_and_use_up_its_id(road: Road) -> None:
    alice, bob, order_id = await road.rich_user("1"), road.new_id("user"), road.new_id()
    command = transfer(order_id, alice, bob, "1.000001")
    rejected = await road.client.ask(command)
    assert code_of(rejected) == "insufficient_funds"
    assert rejected["data"]["sequence"] == 1
    await road.client.ask(transfer(road.new_id(), bob, alice, "1"))  # bob has nothing at all: rejected too
    await road.stage.fund(road.client, bob, "50")
    await road.client.ask(transfer(road.new_id(), bob, alice, "50"))  # now alice could pay
    await road.client.publish(command)
    assert await road.client.tap.delivery(order_id, 2) == rejected
    await books_are_untouched(road, alice, 51)
    assert (await road.stage.order(order_id))["state"] == "rejected"


async def test_an_expired_command_is_rejected_and_uses_up_its_id(road: Road) -> None:
    alice, bob, order_id = await road.rich_user(), road.new_id("user"), road.new_id()
    command = transfer(order_id, alice, bob, "1", expiresAt=LONG_AGO)
    rejected = await road.client.ask(command)
    assert code_of(rejected) == "expired"
    await road.client.publish({**command, "expiresAt": "2199-01-01T00:00:00Z"})
    assert code_of(await road.client.tap.delivery(order_id, 2)) == "order_id_conflict"
    await books_are_untouched(road, alice)


async def test_a_repeat_that_comes_after_the_expiry_of_a_finished_order_tells_its_result(road: Road) -> None:
    alice, bob, order_id = await road.rich_user(), road.new_id("user"), road.new_id()
    soon = datetime.now().astimezone().timestamp() + 0.5
    command = transfer(order_id, alice, bob, "1", expiresAt=datetime.fromtimestamp(soon).astimezone().isoformat())
    first = await road.client.ask(command)
    assert first["data"]["result"] == "succeeded"
    while datetime.now().astimezone().timestamp() < soon:
        await road.client.ask(transfer(road.new_id(), alice, bob, "0.001"))
    await road.client.publish(command)
    assert await road.client.tap.delivery(order_id, 2) == first


# ---------------------------------------------------------------- no commands

MALFORMED = {
    "amount is a number": ({"amount": 1.5}, "amount"),
    "amount is zero": ({"amount": "0.00"}, "amount"),
    "amount is negative": ({"amount": "-1"}, "amount"),
    "amount has an exponent": ({"amount": "1e3"}, "amount"),
    "amount has a leading zero": ({"amount": "01"}, "amount"),
    "amount has foreign digits": ({"amount": "１"}, "amount"),
    "amount has 19 decimals": ({"amount": "0.1234567890123456789"}, "amount"),
    "amount has a line end": ({"amount": "1\n"}, "amount"),
    "coinId is text": ({"coinId": "1280"}, "coinId"),
    "coinId is true": ({"coinId": True}, "coinId"),
    "coinId is a float": ({"coinId": 1280.0}, "coinId"),
    "coinId is too large": ({"coinId": 2**31}, "coinId"),
    "user is short": ({"fromUserId": "abcd"}, "fromUserId"),
    "user is the provider's": ({"toUserId": "sys-fee"}, "toUserId"),
    "to oneself": ({"toUserId": "alice-1", "fromUserId": "alice-1"}, "toUserId"),
    "remark is long": ({"remark": "x" * 256}, "remark"),
    "remark has control characters": ({"remark": "a\x00b"}, "remark"),
    "remark has a lone surrogate": ({"remark": "\ud800"}, "remark"),
    "unknown field": ({"fee": "1"}, "fee"),
    "expiry has no offset": ({"expiresAt": "2199-01-01T00:00:00"}, "expiresAt"),
    "expiry is no day": ({"expiresAt": "2199-02-30T00:00:00Z"}, "expiresAt"),
    "other provider": ({"provider": "coinqpay"}, "provider"),
    "null": ({"amount": None}, "amount"),
}


@pytest.mark.parametrize("case", MALFORMED)
async def test_a_malformed_command_is_rejected_by_event_and_kept_with_its_reason(road: Road, case: str) -> None:
    changes, field = MALFORMED[case]
    order_id = road.new_id()
    body = json.dumps({**transfer(order_id, "alice-1", "bob-12", "1"), **changes}).encode()
    await road.client.publish(body, "ccpayment.transfer", correlation_id="c-1", message_id="m-1", app_id="shop")
    letter, event = await road.client.dead_letter(), await road.client.tap.delivery(order_id)
    assert (letter.body, letter.routing_key) == (body, "ccpayment.transfer")
    assert str(letter.headers["x-ledger-reason"]).startswith(field)
    assert (letter.correlation_id, letter.message_id, letter.app_id) == ("c-1", "m-1", "shop")
    assert (code_of(event), event["data"]["sequence"]) == ("invalid_command", 0)
    assert event["data"]["error"]["message"] == letter.headers["x-ledger-reason"]
    message = road.client.tap.message_of(event)
    assert (message.routing_key, message.correlation_id) == ("transfer.rejected", "c-1")


async def test_a_command_of_no_known_type_is_rejected_as_unknown(road: Road) -> None:
    for command_type in ("teleport", 7, None, ["transfer"], "Transfer"):
        order_id = road.new_id()
        await road.client.publish({"type": command_type, "orderId": order_id}, "ccpayment.teleport")
        event = await road.client.tap.delivery(order_id)
        await road.client.dead_letter()
        assert (event["type"], code_of(event)) == ("ledger.unknown.rejected", "invalid_command")
        assert road.client.tap.message_of(event).routing_key == "unknown.rejected"


async def test_an_invalid_command_does_not_use_up_its_order_id(road: Road) -> None:
    alice, order_id = await road.rich_user(), road.new_id()
    command = transfer(order_id, alice, road.new_id("user"), "1")
    await road.client.publish({**command, "amount": 1})
    assert code_of(await road.client.tap.delivery(order_id)) == "invalid_command"
    await road.client.dead_letter()
    event = await road.client.ask(command)
    assert (event["data"]["result"], event["data"]["sequence"]) == ("succeeded", 1)


async def test_an_invalid_command_leaves_the_order_of_that_id_alone(road: Road) -> None:
    alice, order_id = await road.rich_user(), road.new_id()
    command = transfer(order_id, alice, road.new_id("user"), "1")
    first = await road.client.ask(command)
    await road.client.publish({**command, "amount": "1,0"})
    assert code_of(await road.client.tap.delivery(order_id, 2)) == "invalid_command"
    await road.client.dead_letter()
    await road.client.publish(command)
    assert await road.client.tap.delivery(order_id, 3) == first


GARBAGE = {
    "empty": b"",
    "text": b"hello",
    "half an object": b'{"type":"transfer"',
    "a list": b'[{"orderId":"ord-1"}]',
    "a number": b"1",
    "null": b"null",
    "latin-1": '{"orderId":"é"}'.encode("latin-1"),
    "utf-16": '{"orderId":"ord-1"}'.encode("utf-16"),
    "with a byte order mark": b'\xef\xbb\xbf{"orderId":"ord-1"}',
    "NaN": b'{"orderId":"ord-1","amount":NaN}',
    "duplicate keys": b'{"orderId":"ord-1","orderId":"ord-2"}',
    "deep": b"[" * 100_000,
    "a deep object": b'{"a":' * 30_000 + b"1" + b"}" * 30_000,
    "ten thousand digits": b'{"coinId":' + b"9" * 10_000 + b"}",
    "large": b'{"remark":"' + b"x" * 65_536 + b'"}',
    "a megabyte": b"x" * 1_000_000,
    "an orderId that is none": b'{"type":"transfer","orderId":"a b"}',
    "an orderId that is a number": b'{"type":"transfer","orderId":123}',
    "without an orderId": b'{"type":"transfer"}',
}


@pytest.mark.parametrize("case", GARBAGE)
async def test_garbage_is_kept_and_told_to_nobody(road: Road, case: str) -> None:
    body, events = GARBAGE[case], len(road.client.tap.events)
    await road.client.publish(body, "ccpayment.transfer")
    letter = await road.client.dead_letter()
    assert letter.body == body
    assert letter.headers["x-ledger-reason"]
    await the_worker_still_works(road)
    assert {event["data"]["result"] for event in road.client.tap.events[events:]} == {"succeeded"}


@pytest.mark.parametrize("routing_key", ["ccpayment", "ccpayment.", "ccpayment.transfer.more", "ccpayment.#.*"])
async def test_odd_routing_keys_reach_the_dead_letters(road: Road, routing_key: str) -> None:
    await road.client.publish(b"hello", routing_key)
    letter = await road.client.dead_letter()
    assert letter.body == b"hello"
    assert str(letter.routing_key).startswith("ccpayment.")


class Raw(bytes):
    """A value as other clients write it and ours would not."""


@pytest.fixture
def _raw_values(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = pamqp.encode.encode_table_value
    monkeypatch.setattr(
        pamqp.encode, "encode_table_value", lambda value: value if isinstance(value, Raw) else usual(value)
    )


HEADERS = {
    "of every type": {
        "text": "é" * 200,
        "number": 2**62,
        "negative": -1,
        "float": 1.5,
        "true": True,
        "null": None,
        "bytes": bytearray(b"\x00\xff"),
        "list": [1, "two", [3]],
        "table": {"a": {"b": "c"}},
    },
    "that look like ours": {"x-ledger-reason": "forged", "traceparent": "nonsense"},
    "that look like the broker's": {"x-death": "forged", "x-delivery-count": -5, "CC": ["ccpayment.copy"]},
    "that fill a frame": {"large": "x" * 130_990},
    "that are text of no encoding": {"text": Raw(b"S\x00\x00\x00\x01\xff")},
    "that are too large for a float": {"number": Raw(b"d" + struct.pack(">d", 1e300))},
    "that are a time in microseconds": {"time": Raw(b"T" + struct.pack(">Q", 1_700_000_000_000_000))},
}


@pytest.mark.usefixtures("_raw_values")
@pytest.mark.parametrize("case", HEADERS)
async def test_odd_headers_neither_lose_a_message_nor_stop_the_worker(road: Road, case: str) -> None:
    await road.client.publish(b"hello", "ccpayment.transfer", headers=HEADERS[case])
    letter = await road.client.dead_letter()
    assert letter.body == b"hello"
    assert str(letter.headers["x-ledger-reason"]).startswith("body")
    await the_worker_still_works(road)


async def test_a_command_stamped_in_microseconds_is_done(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """No date of that number: the library would drop the connection, and the message come back, for ever."""
    monkeypatch.setitem(pamqp.encode.METHODS, "timestamp", lambda _: struct.pack(">Q", 1_700_000_000_000_000))
    alice, order_id = await road.rich_user(), road.new_id()
    event = await road.client.ask(transfer(order_id, alice, road.new_id("user"), "1"), timestamp=1)
    assert event["data"]["result"] == "succeeded"


@pytest.mark.parametrize("text", ["x" * 255, "\x00", "a\nb", "é" * 127])
async def test_odd_properties_neither_lose_a_command_nor_stop_the_worker(road: Road, text: str) -> None:
    alice, order_id = await road.rich_user(), road.new_id()
    event = await road.client.ask(
        transfer(order_id, alice, road.new_id("user"), "1"),
        correlation_id=text,
        message_id=text,
        app_id=text,
        headers={"traceparent": text},
    )
    message: AbstractIncomingMessage = road.client.tap.message_of(event)
    assert event["data"]["result"] == "succeeded"
    assert message.correlation_id in {text, order_id}
    assert "traceparent" not in message.headers


async def the_worker_still_works(road: Road) -> None:
    user = road.new_id("user")
    await road.stage.fund(road.client, user, "1")
