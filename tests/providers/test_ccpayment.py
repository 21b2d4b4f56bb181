"""CCPayment: what each answer means, for the attempt that it answers and for the order that is looked up."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.providers.transport import SandboxTransport
from worker.providers.ccpayment.errors import CODES, Meaning
from worker.providers.ccpayment.provider import CCPayment
from worker.providers.protocol import (
    Absent,
    Deferred,
    Disputed,
    Move,
    Processing,
    Refused,
    Succeeded,
    Unknown,
)
from worker.sandbox.sandbox import Sandbox

APP_ID = "merchant-0001"
APP_SECRET = "canary-secret"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MOVE = Move("ord-1", "alice1", "bob123", 1280, "0.5", None)
RECORD: dict[str, Any] = {
    "recordId": "20260101000000000000000000000001",
    "coinId": 1280,
    "coinSymbol": "USDT",
    "orderId": "ord-1",
    "fromUserId": "alice1",
    "toUserId": "bob123",
    "amount": "0.5",
    "status": "Success",
}

Answer = Callable[[httpx.Request], httpx.Response]


def provider(transport: httpx.AsyncBaseTransport) -> CCPayment:
    return CCPayment(
        httpx.AsyncClient(transport=transport),
        base_url="https://provider.example/",
        app_id=APP_ID,
        app_secret=APP_SECRET,
        timeout_seconds=5,
        now=lambda: NOW,
    )


def answering(status: int = 200, body: object = None, **options: Any) -> CCPayment:
    """A provider that gives one answer to everything."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return provider(httpx.MockTransport(lambda _: httpx.Response(status, content=content, **options)))


def envelope(code: object, data: object = None) -> dict[str, object]:
    return {"code": code, "msg": "words", "data": data}


async def execute(ccpayment: CCPayment) -> object:
    return await ccpayment.execute(MOVE, ccpayment.encode(MOVE), NOW)


@pytest.fixture
def sandbox() -> Sandbox:
    simulated = Sandbox(APP_ID, APP_SECRET, NOW.timestamp)
    simulated.fund("alice1", 1280, "10")
    return simulated


async def test_a_transfer_is_executed_and_found_by_its_order_id(sandbox: Sandbox) -> None:
    ccpayment = provider(SandboxTransport(sandbox))
    done = await execute(ccpayment)
    [transfer] = sandbox.books.transfers()
    assert done == Succeeded(transfer.record_id)
    assert await ccpayment.look_up(MOVE) == done


async def test_the_same_order_twice_is_executed_once_and_promises_nothing(sandbox: Sandbox) -> None:
    ccpayment = provider(SandboxTransport(sandbox))
    await execute(ccpayment)
    again = await execute(ccpayment)
    assert isinstance(again, Unknown)
    assert again.provider_code == "11011"
    assert len(sandbox.books.transfers()) == 1


async def test_an_order_that_was_never_sent_is_absent(sandbox: Sandbox) -> None:
    assert await provider(SandboxTransport(sandbox)).look_up(MOVE) == Absent()


async def test_a_remark_is_sent_as_utf_8() -> None:
    move = Move("ord-1", "alice1", "bob123", 1280, "0.5", "café")
    body = answering().encode(move)
    assert json.loads(body)["remark"] == "café"
    assert "é".encode() in body


@pytest.mark.parametrize("code", sorted(CODES))
async def test_each_documented_code_has_its_meaning(code: int) -> None:
    outcome = await execute(answering(body=envelope(code)))
    meaning, name = CODES[code]
    expected: dict[Meaning, type[Refused | Deferred | Unknown]] = {
        Meaning.REFUSED: Refused,
        Meaning.LATER: Deferred,
        Meaning.OPERATOR: Deferred,
        Meaning.UNCERTAIN: Unknown,
        Meaning.DUPLICATE: Unknown,
    }
    assert outcome == expected[meaning](name, "words", str(code))


# Written out a second time, so that a slip in the table itself is seen: the dear ones.
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (10001, Unknown),
        (11000, Refused),
        (11002, Unknown),
        (11003, Refused),
        (11004, Deferred),
        (11005, Deferred),
        (11006, Deferred),
        (11007, Unknown),
        (11011, Unknown),
        (11014, Deferred),
        (11018, Deferred),
        (12002, Deferred),
        (13000, Refused),
        (14000, Refused),
        (14005, Refused),
        (14013, Refused),
        (14018, Deferred),
        (19999, Unknown),
        (0, Unknown),
        (-1, Unknown),
    ],
)
async def test_a_code_is_taken_for_what_the_provider_means(code: int, kind: type) -> None:
    assert isinstance(await execute(answering(body=envelope(code))), kind)


UNREADABLE = {
    "500 with an error page": (500, b"<html>"),
    "500 with a refusal in it": (500, envelope(14000)),
    "502 with a success in it": (502, envelope(10000, {"recordId": "r-1"})),
    "no JSON": (200, b"<html>"),
    "half a JSON": (200, b'{"code":10000,"msg":"suc'),
    "empty": (200, b""),
    "a list": (200, b"[]"),
    "not UTF-8": (200, b'{"code":10000,"msg":"\xff"}'),
    "nested too deeply": (200, b"[" * 200_000),
    "a number of thousands of digits": (200, b'{"code":' + b"1" * 5000 + b"}"),
    "code as text": (200, envelope("14000")),
    "code missing": (200, {"msg": "x"}),
    "429 without the envelope": (429, b"slow down"),
    "redirect": (302, b""),
    "larger than any answer": (200, b" " * (5 * 1024 * 1024)),
}


@pytest.mark.parametrize(("status", "body"), UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_an_answer_that_cannot_be_read_promises_nothing(status: int, body: object) -> None:
    ccpayment = answering(status, body, headers={"Location": "https://elsewhere.example/"})
    assert isinstance(await execute(ccpayment), Unknown)
    assert isinstance(await ccpayment.look_up(MOVE), Unknown)


@pytest.mark.parametrize("data", [None, {}, {"recordId": 12}, {"recordId": None}, "r-1"])
async def test_a_success_without_its_record_id_promises_nothing(data: object) -> None:
    assert isinstance(await execute(answering(body=envelope(10000, data))), Unknown)


async def test_a_compressed_answer_is_bounded_by_what_it_unpacks_to() -> None:
    bomb = gzip.compress(b" " * (64 * 1024 * 1024))
    assert isinstance(await execute(answering(200, bomb, headers={"Content-Encoding": "gzip"})), Unknown)


async def test_a_refusal_may_come_with_a_status_of_its_own() -> None:
    assert isinstance(await execute(answering(400, envelope(14000))), Refused)


async def test_the_providers_words_are_cut_and_cleaned() -> None:
    outcome = await execute(answering(body={"code": 14000, "msg": "a\nb\x00" + "x" * 1000, "data": None}))
    assert isinstance(outcome, Refused)
    assert outcome.message.startswith("abx")
    assert len(outcome.message) == 300


LOOK_UPS = {
    "equal": ({}, Succeeded(RECORD["recordId"])),
    "amount padded to 24 decimals": ({"amount": "0.500000000000000000000000"}, Succeeded(RECORD["recordId"])),
    "failed": ({"status": "Failed"}, Refused("failed", "the provider's record says Failed", by_record=True)),
    "a status nobody documented": ({"status": "success"}, Processing(RECORD["recordId"])),
    "every field empty": (dict.fromkeys(RECORD, ""), Absent()),
}


@pytest.mark.parametrize(("changes", "finding"), LOOK_UPS.values(), ids=LOOK_UPS.keys())
async def test_a_record_says_what_became_of_the_order(changes: dict[str, str], finding: object) -> None:
    ccpayment = answering(body=envelope(10000, {"record": {**RECORD, **changes}}))
    assert await ccpayment.look_up(MOVE) == finding


@pytest.mark.parametrize(
    ("field", "value"),
    [("orderId", "ord-2"), ("coinId", 1281), ("fromUserId", "eve123"), ("toUserId", "eve123"), ("amount", "0.51")],
)
async def test_a_record_of_something_else_is_disputed(field: str, value: object) -> None:
    found = await answering(body=envelope(10000, {"record": {**RECORD, field: value}})).look_up(MOVE)
    assert isinstance(found, Disputed)
    assert field in found.message


@pytest.mark.parametrize("record", [None, {}, {"recordId": None}, {"recordId": ""}])
async def test_success_without_a_record_is_absence(record: object) -> None:
    assert await answering(body=envelope(10000, {"record": record})).look_up(MOVE) == Absent()


@pytest.mark.parametrize("data", [[], "x", 1, {"record": []}, {"record": [RECORD]}, {"record": "x"}])
async def test_data_of_another_kind_is_no_absence(data: object) -> None:
    assert isinstance(await answering(body=envelope(10000, data)).look_up(MOVE), Unknown)


@pytest.mark.parametrize("record_id", ["a\x00b", "\ud800", "a b", "x" * 129, 12, ["r"]])
async def test_a_record_id_that_cannot_be_stored_is_not_believed(record_id: object) -> None:
    ccpayment = answering(body=envelope(10000, {"recordId": record_id, "record": {**RECORD, "recordId": record_id}}))
    assert isinstance(await execute(ccpayment), Unknown)
    assert isinstance(await ccpayment.look_up(MOVE), Unknown)


async def test_a_record_with_a_malformed_field_is_not_believed() -> None:
    found = await answering(body=envelope(10000, {"record": {**RECORD, "coinId": "1280"}})).look_up(MOVE)
    assert isinstance(found, Unknown)


async def test_a_look_up_asks_by_the_order_id_alone() -> None:
    asked: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.content)
        return httpx.Response(200, json=envelope(11003))

    await provider(httpx.MockTransport(answer)).look_up(MOVE)
    assert asked == [b'{"orderId":"ord-1"}']


async def test_the_secret_is_in_no_outcome_and_no_repr() -> None:
    ccpayment = answering(500, b"x")
    assert APP_SECRET not in repr(await execute(ccpayment)) + repr(ccpayment) + repr(vars(ccpayment))
