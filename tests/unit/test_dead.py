"""Dead letters: how one is read, shown and chosen, whatever stands in it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from schemas.strict_json import BODY_BYTES_MAX
from schemas.transfer import Transfer
from worker.broker import Held
from worker.dead import LOOKS_HEADER, Wanted, read_wanted
from worker.dead_letter import SHOWN_BYTES_MAX, Letter, history, plain, read_letter, row_of, shown_body, shown_headers
from worker.dead_replay import REPLAY_HEADER, Replayer, _command, _read, read_replayer
from worker.errors import BadInput
from worker.message import Incoming
from worker.steps.decode import Malformed, decode

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
BODY = b'{"type": "transfer", "orderId": "ord-1"}'
GOOD = (
    b'{"type": "transfer", "orderId": "ord-1", "fromUserId": "alice1", "toUserId": "bob123",'
    b' "coinId": 1280, "amount": "1"}'
)
DEATH = {
    "count": 1,
    "reason": "delivery_limit",
    "queue": "ledger.commands.ccpayment",
    "exchange": "ledger.commands",
    "routing-keys": ["ccpayment.transfer"],
    "time": NOW - timedelta(hours=2),
}


class Delivered:
    """What the broker port hands over, without a broker."""

    def __init__(self, message: Incoming) -> None:
        self.message = message

    async def ack(self) -> None:
        """Nobody waits for it here."""

    async def requeue(self) -> None:
        """Nobody waits for it here."""


def letter(
    body: bytes = BODY,
    headers: dict[str, Any] | None = None,
    routing_key: str = "ccpayment.transfer",
    message_id: str | None = "m-1",
    sent_at: datetime | None = None,
) -> Letter:
    message = Incoming(body, routing_key, "ccpayment", message_id, headers=headers or {})
    return read_letter(Held(Delivered(message), headers or {}, sent_at))


# ---------------------------------------------------------------- why and when


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"x-ledger-reason": "amount: is required"}, "amount: is required"),
        ({"x-ledger-reason": b"amount: is required"}, "amount: is required"),
        ({"x-ledger-reason": "amount", "x-death": [DEATH]}, "amount"),
        ({"x-death": [DEATH, {**DEATH, "reason": "rejected"}]}, "delivery_limit in ledger.commands.ccpayment"),
        ({"x-ledger-reason": "a\x1b[31m\n"}, "a\\x1b[31m\\n"),
        ({"x-ledger-reason": "\u202egnissim"}, "\\u202egnissim"),
        ({"x-ledger-reason": 5}, "5"),
        ({"x-death": "forged"}, None),
        ({"x-death": ["forged", 7]}, None),
        ({"x-death": [{}]}, "None in None"),
        ({}, None),
    ],
)
def test_the_reason_is_the_workers_own_or_else_the_brokers(headers: dict[str, Any], reason: str | None) -> None:
    assert letter(headers=headers).reason == reason


@pytest.mark.parametrize(
    ("headers", "sent_at", "since", "age"),
    [
        ({"x-death": [DEATH]}, None, NOW - timedelta(hours=2), "2:00:00"),
        ({"x-death": [DEATH]}, NOW, NOW - timedelta(hours=2), "2:00:00"),
        ({"x-death": [{**DEATH, "time": "yesterday"}]}, NOW, NOW, "0:00:00"),
        ({}, NOW - timedelta(days=3, seconds=1), NOW - timedelta(days=3, seconds=1), "3 days, 0:00:01"),
        ({}, NOW + timedelta(hours=1), NOW + timedelta(hours=1), "0:00:00"),
        ({}, None, None, None),
    ],
)
def test_the_age_is_what_the_broker_or_the_publisher_says(
    headers: dict[str, Any], sent_at: datetime | None, since: datetime | None, age: str | None
) -> None:
    row = row_of(letter(headers=headers, sent_at=sent_at), NOW)
    assert (row["since"], row["age"]) == (since, age)


@pytest.mark.parametrize(
    ("body", "order_id"),
    [
        (BODY, "ord-1"),
        (b'{"orderId": "ord-1", "amount": NaN}', None),
        (b'{"orderId": "ord-1", "orderId": "ord-2"}', None),
        (b'{"orderId": "a b"}', None),
        (b'{"orderId": 5}', None),
        (b"[]", None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_the_order_is_told_where_it_can_be_read(body: bytes, order_id: str | None) -> None:
    assert letter(body).order_id == order_id


def test_a_letter_has_the_same_id_at_every_look_and_another_than_any_other() -> None:
    again = letter(headers={"x-delivery-count": 3}, sent_at=NOW)
    others = [
        letter(BODY + b" "),
        letter(message_id="m-2"),
        letter(message_id=None),
        letter(routing_key="ccpayment.x"),
    ]
    assert again.letter_id == letter().letter_id
    assert len({letter().letter_id, *(other.letter_id for other in others)}) == 5


def test_a_row_has_everything_that_a_list_needs() -> None:
    row = row_of(letter(headers={"x-ledger-reason": "why"}), NOW)
    assert {name: row[name] for name in ("provider", "reason", "routing_key", "message_id", "order_id", "bytes")} == {
        "provider": "ccpayment",
        "reason": "why",
        "routing_key": "ccpayment.transfer",
        "message_id": "m-1",
        "order_id": "ord-1",
        "bytes": len(BODY),
    }


# ---------------------------------------------------------------- what is shown


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"b":1,"a":{"c":"\\u001b\xc3\xa9"}}', '{\n  "b": 1,\n  "a": {\n    "c": "\\u001b\\u00e9"\n  }\n}'),
        (b'{"a":1,"a":2}', '{"a":1,"a":2}'),
        (b"hello\x1b[31m\r\n", "hello\\x1b[31m\\r\\n"),
        (b"\xff\x00", "\\\\xff\\x00"),
        (b"", ""),
        ("\u202e".encode(), "\\u202e"),
    ],
)
def test_a_body_is_shown_indented_or_escaped(body: bytes, shown: str) -> None:
    assert shown_body(body) == shown


def test_a_long_body_is_cut_and_says_so() -> None:
    shown = shown_body(b"x" * (SHOWN_BYTES_MAX + 5))
    assert shown == "x" * SHOWN_BYTES_MAX + " … 5 bytes more"
    assert len(shown_body(b"[" * BODY_BYTES_MAX)) == BODY_BYTES_MAX


def test_headers_are_text_and_the_history_is_apart() -> None:
    headers = {"b": b"\xff", "a\n": {"x": 1}, "x-death": [DEATH], "n": None}
    assert shown_headers(headers) == {"a\\n": "{'x': 1}", "b": "\\xff", "n": ""}
    assert history(headers) == [
        {
            "reason": "delivery_limit",
            "queue": "ledger.commands.ccpayment",
            "exchange": "ledger.commands",
            "routing_keys": "['ccpayment.transfer']",
            "count": "1",
            "time": DEATH["time"],
        }
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [("é", "é"), ("a\tb", "a\\tb"), (b"a\xff", "a\\xff"), (1, "1"), (None, None), ("\ud800", "\\ud800")],
)
def test_what_comes_from_outside_is_made_plain(value: object, text: str | None) -> None:
    assert plain(value) == text


# ---------------------------------------------------------------- which, and how it goes again

WANTED = {
    "any": ({}, True),
    "its id": ({"letter": letter().letter_id}, True),
    "its message id": ({"letter": "m-1"}, True),
    "another id": ({"letter": "m-2"}, False),
    "a part of its reason": ({"reason": "IS REQ"}, True),
    "another reason": ({"reason": "delivery_limit"}, False),
    "its order": ({"order_id": "ord-1"}, True),
    "a part of its order": ({"order_id": "ord"}, False),
    "its reason but another order": ({"reason": "amount", "order_id": "ord-2"}, False),
}


@pytest.mark.parametrize(("which", "takes"), WANTED.values(), ids=WANTED)
def test_a_letter_is_wanted_by_all_that_is_said_of_it(which: dict[str, str], takes: bool) -> None:
    dead = letter(headers={"x-ledger-reason": "amount: is required"})
    assert read_wanted(("ccpayment",), None, 10, **which).takes(dead) == takes


def test_an_order_or_reason_that_is_not_known_is_not_wanted() -> None:
    assert not Wanted(("ccpayment",), 1, order_id="ord-1").takes(letter(b"hello"))
    assert not Wanted(("ccpayment",), 1, reason="x").takes(letter())


def test_a_provider_is_one_that_there_is() -> None:
    assert read_wanted(("ccpayment",), "coinqpay", 1).providers == ("coinqpay",)
    assert read_wanted(("ccpayment", "coinqpay"), None, 1).providers == ("ccpayment", "coinqpay")
    with pytest.raises(BadInput, match="--provider: must be one of ccpayment, coinqpay"):
        read_wanted(("ccpayment",), "paypal", 1)
    with pytest.raises(BadInput, match="--provider: is required"):
        read_wanted((), None, 1)


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 256])
def test_whoever_replays_has_a_name(name: str) -> None:
    with pytest.raises(BadInput, match="--by"):
        read_replayer(name, None, False)


def test_a_replayed_command_keeps_what_its_publisher_said_and_nothing_of_its_death() -> None:
    headers = {
        "traceparent": "00-1",
        "x-ledger-reason": "why",
        "x-death": [DEATH],
        "x-first-death-queue": "q",
        "x-last-death-reason": "r",
        LOOKS_HEADER: 3,
        REPLAY_HEADER: "an earlier one",
    }
    replay_id = UUID(int=1)
    wish = decode(Incoming(GOOD, "ccpayment.transfer", "ccpayment"))
    assert isinstance(wish, Transfer)
    command = _command(letter(headers=headers, routing_key="ccpayment.swap").message, wish, b"{}", replay_id)
    assert (command.exchange, command.routing_key, command.body) == ("ledger.commands", "ccpayment.transfer", b"{}")
    assert command.message_id == "m-1"
    assert command.headers == {"traceparent": "00-1", REPLAY_HEADER: str(replay_id)}


def test_what_a_letter_said_of_itself_counts_until_it_is_edited() -> None:
    dead = letter(GOOD, routing_key="ccpayment.swap")
    refused = _read(dead, Replayer("ada"))
    assert isinstance(refused, Malformed)
    assert refused.reason == "type: must agree with the routing key"
    assert isinstance(_read(dead, Replayer("ada", edited=GOOD)), Transfer)


@pytest.mark.parametrize("routing_key", ["ledger.dead.ccpayment", "", "coinqpay.payout", "ccpayment"])
def test_a_routing_key_that_leads_elsewhere_is_not_taken(routing_key: str) -> None:
    dead = letter(routing_key=routing_key)
    assert dead.routing_key == "ccpayment.unknown"
    assert row_of(dead, NOW)["routing_key"] == routing_key
    assert json.loads(dead.message.body)["orderId"] == dead.order_id
