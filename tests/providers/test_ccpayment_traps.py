"""CCPayment's answers as no documentation shows them: what cannot be read is never taken for nothing."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.test_ccpayment import (
    APP_ID,
    APP_SECRET,
    MOVE,
    NOW,
    RECORD,
    answering,
    envelope,
    execute,
    look_up,
    over,
    provider,
)
from tests.providers.transport import SandboxTransport
from worker.providers.ccpayment.auth import sign
from worker.providers.ccpayment.errors import CODES
from worker.providers.ccpayment.provider import CCPayment
from worker.providers.protocol import Absent, Deferred, Disputed, Refused, Succeeded, Unknown
from worker.providers.transport import open_transport
from worker.sandbox.ccpayment.signature import expected
from worker.sandbox.sandbox import Sandbox
from worker.sandbox.server import serve


def changed(**changes: object) -> dict[str, object]:
    return {**RECORD, **changes}


def without(name: str) -> dict[str, object]:
    return {field: value for field, value in RECORD.items() if field != name}


# ---------------------------------------------------------------- look-ups

NOT_ABSENT = {
    "no field record": {"records": [RECORD]},
    "a list of records": [RECORD],
    "text": "gone",
    "the record is a list": {"record": [RECORD]},
    "the record is text": {"record": "gone"},
    "the record is a number": {"record": 1},
    "the record id is missing": {"record": without("recordId")},
    "the record id is spelled otherwise": {"record": {**without("recordId"), "recordID": "r-1"}},
    "the record id is null": {"record": changed(recordId=None)},
    "the record id is empty": {"record": changed(recordId="")},
    "the record id is a number": {"record": changed(recordId=5)},
    "the record id has a control character": {"record": changed(recordId="r\x00")},
    "the record id is endless": {"record": changed(recordId="r" * 129)},
    "the status is missing": {"record": without("status")},
    "the status is a number": {"record": changed(status=1)},
    "the amount is missing": {"record": without("amount")},
    "the amount is a number": {"record": changed(amount=0.5)},
    "the coin is true": {"record": changed(coinId=True)},
    "the order id is null": {"record": changed(orderId=None)},
}


@pytest.mark.parametrize("data", NOT_ABSENT.values(), ids=NOT_ABSENT.keys())
async def test_a_look_up_that_cannot_be_read_is_not_absence(data: object) -> None:
    assert isinstance(await look_up(answering(body=envelope(10000, data))), Unknown)


ABSENT = {
    "not found": envelope(11003),
    "no data": {"code": 10000, "msg": "success"},
    "data null": envelope(10000, None),
    "data empty": envelope(10000, {}),
    "record null": envelope(10000, {"record": None}),
    "record empty": envelope(10000, {"record": {}}),
    "record of empty fields": envelope(10000, {"record": {**dict.fromkeys(RECORD, ""), "coinId": 0}}),
}


@pytest.mark.parametrize("body", ABSENT.values(), ids=ABSENT.keys())
async def test_absence_is_said_in_these_ways(body: object) -> None:
    assert await look_up(answering(body=body)) == Absent()


@pytest.mark.parametrize("code", sorted({*CODES, 0, -1, 19999} - {11003}))
async def test_a_look_up_that_is_refused_finds_nothing_out(code: int) -> None:
    found = await look_up(answering(body=envelope(code)))
    assert isinstance(found, Unknown)
    assert (found.code, found.provider_code) == ("look_up_failed", str(code))


@pytest.mark.parametrize("amount", ["0.5000000000000000000000001", "5e-1", "+0.5", "", "0,5", "NaN", "0.50001"])
async def test_an_amount_that_is_not_the_same_number_is_disputed(amount: str) -> None:
    found = await look_up(answering(body=envelope(10000, {"record": changed(amount=amount)})))
    assert found == Disputed("the provider's record differs in amount", str(RECORD["recordId"]), ("amount",))


async def test_every_differing_field_is_named() -> None:
    record = changed(orderId="x", coinId=1, fromUserId="x", toUserId="x", amount="1", status="Failed")
    found = await look_up(answering(body=envelope(10000, {"record": record})))
    assert isinstance(found, Disputed)
    assert found.message.endswith("orderId, coinId, fromUserId, toUserId, amount")
    assert found.apart is None


@pytest.mark.parametrize(("status", "says"), [("Failed", True), ("Success", False), ("Processing", False)])
async def test_of_a_record_under_the_orders_own_id_that_differs_only_a_failure_can_be_built_on(
    status: str, says: bool
) -> None:
    found = await look_up(answering(body=envelope(10000, {"record": changed(amount="1", status=status)})))
    assert isinstance(found, Disputed)
    assert found.differing == ("amount",)
    assert isinstance(found.apart, Refused) is says


@pytest.mark.parametrize("field", ["orderId", "fromUserId", "toUserId"])
async def test_names_are_compared_letter_by_letter(field: str) -> None:
    record = changed(**{field: str(RECORD[field]).upper()})
    assert isinstance(await look_up(answering(body=envelope(10000, {"record": record}))), Disputed)


async def test_a_failed_record_of_something_else_does_not_fail_the_order() -> None:
    found = await look_up(answering(body=envelope(10000, {"record": changed(status="Failed", amount="7")})))
    assert isinstance(found, Disputed)


# ---------------------------------------------------------------- answers to an attempt


@pytest.mark.parametrize("record_id", ["", " ", "r\n", "r\x00", "\ud800", "é", "r" * 129], ids=ascii)
async def test_a_success_with_a_record_id_that_cannot_be_kept_promises_nothing(record_id: str) -> None:
    body = json.dumps(envelope(10000, {"recordId": record_id})).encode()
    assert isinstance(await execute(answering(body=body)), Unknown)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        pytest.param("gzip", b"not gzip", id="no gzip at all"),
        pytest.param("gzip", b"\x1f\x8b\x08\x00" + b"\xff" * 20, id="gzip that goes wrong"),
        pytest.param("deflate", b"\xff\xff\xff", id="no deflate at all"),
    ],
)
async def test_an_answer_that_is_not_compressed_as_it_says_promises_nothing(encoding: str, body: bytes) -> None:
    ccpayment = answering(200, body, headers={"Content-Encoding": encoding})
    assert isinstance(await execute(ccpayment), Unknown)
    assert isinstance(await look_up(ccpayment), Unknown)


@pytest.mark.parametrize("code", [True, 10000.0, None, [10000], "10000", 10**30])
async def test_a_code_that_is_none_of_the_providers_promises_nothing(code: object) -> None:
    assert isinstance(await execute(answering(body=envelope(code, {"recordId": "r-1"}))), Unknown)


async def test_a_refusal_without_words_is_named_by_its_code() -> None:
    outcome = await execute(answering(body={"code": 14000, "msg": "\n\x00", "data": None}))
    assert outcome == Refused("balance_insufficient", "balance_insufficient", "14000")


@pytest.mark.parametrize("kind", ["reset", "hang", "http_500", "http_502", "http_429", "non_json", "truncated_json"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_fault_on_the_wire_never_tells_whether_it_was_done(kind: str, when: str) -> None:
    simulated = sandbox()
    simulated.add_fault(kind, when=when, times=1, **({"seconds": 0} if kind == "hang" else {}))  # type: ignore[arg-type]
    ccpayment = provider(SandboxTransport(simulated))
    assert isinstance(await execute(ccpayment), Unknown)
    found = await look_up(ccpayment)
    assert found == (Absent() if when == "before" else Succeeded(simulated.books.transfers()[0].record_id))


async def test_a_movement_that_the_provider_records_as_failed_is_refused_by_record() -> None:
    simulated = sandbox()
    simulated.add_fault("failed_record", times=1)
    ccpayment = provider(SandboxTransport(simulated))
    assert isinstance(await execute(ccpayment), Unknown)
    found = await look_up(ccpayment)
    assert isinstance(found, Refused)
    assert found.by_record


@pytest.mark.parametrize(
    ("clock_seconds", "expected"),
    [(-121, Deferred), (-120, Succeeded), (0, Succeeded), (120, Succeeded), (121, Deferred)],
)
async def test_a_clock_that_differs_too_much_is_a_refusal_of_this_copy_alone(
    clock_seconds: int, expected: type
) -> None:
    simulated = Sandbox(APP_ID, APP_SECRET, lambda: NOW.timestamp() + clock_seconds)
    simulated.fund("alice1", 1280, "10")
    assert isinstance(await execute(provider(SandboxTransport(simulated))), expected)


def sandbox() -> Sandbox:
    simulated = Sandbox(APP_ID, APP_SECRET, NOW.timestamp)
    simulated.fund("alice1", 1280, "10")
    return simulated


# ---------------------------------------------------------------- over real sockets


@asynccontextmanager
async def served(simulated: Sandbox) -> AsyncIterator[str]:
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(simulated, "127.0.0.1", 0, port.set_result))
    try:
        yield f"http://127.0.0.1:{await port}"
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def connected(url: str, timeout_seconds: float = 10) -> AsyncIterator[CCPayment]:
    async with open_transport(4) as transport:
        yield over(transport, url, timeout_seconds)


async def test_over_the_wire_a_transfer_is_executed_and_found() -> None:
    simulated = sandbox()
    async with served(simulated) as url, connected(url) as ccpayment:
        done = await execute(ccpayment)
        [transfer] = simulated.books.transfers()
        assert done == Succeeded(transfer.record_id) == await look_up(ccpayment)
    sent = simulated.log[0]
    assert sent.body == ccpayment.prepare(MOVE, NOW).body
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["sign"] == sign(APP_ID, APP_SECRET, sent.headers["timestamp"], sent.body)


async def test_over_the_wire_nobody_listening_means_that_nothing_was_sent() -> None:
    async with served(sandbox()) as url:
        pass
    async with connected(url) as ccpayment:
        assert await execute(ccpayment) == Deferred("provider_unreachable", "the connection could not be made")
        assert isinstance(await look_up(ccpayment), Unknown)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_over_the_wire_a_reset_after_the_request_is_not_taken_for_a_failure_to_connect(when: str) -> None:
    simulated = sandbox()
    simulated.add_fault("reset", when=when, times=1)
    async with served(simulated) as url, connected(url) as ccpayment:
        assert isinstance(await execute(ccpayment), Unknown)
        assert isinstance(await look_up(ccpayment), Absent if when == "before" else Succeeded)


async def test_over_the_wire_silence_ends_within_the_timeout_with_the_transfer_done() -> None:
    simulated = sandbox()
    simulated.add_fault("hang", when="after", times=1)
    async with served(simulated) as url, connected(url, timeout_seconds=0.2) as ccpayment:
        assert await execute(ccpayment) == Unknown("no_answer", "no answer within 0.2 s")
        assert len(simulated.books.transfers()) == 1


async def test_over_the_wire_many_at_once_are_each_executed_once() -> None:
    simulated = sandbox()
    moves = [MOVE.__class__(f"ord-{n}", "alice1", "bob123", 1280, "0.01", None) for n in range(40)]
    async with served(simulated) as url, connected(url) as ccpayment:
        outcomes = await asyncio.gather(*(execute(ccpayment, move) for move in moves))
    assert all(isinstance(outcome, Succeeded) for outcome in outcomes)
    assert sorted(t.order_id for t in simulated.books.transfers()) == sorted(move.order_id for move in moves)


# ---------------------------------------------------------------- secrets

SPOILT: dict[str, Callable[[Sandbox], Any]] = {
    "done": lambda _: None,
    "reset": lambda simulated: simulated.add_fault("reset"),
    "no JSON": lambda simulated: simulated.add_fault("non_json"),
    "refused signature": lambda simulated: simulated.add_fault("code", code=11005),
    "server error": lambda simulated: simulated.add_fault("http_500"),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
async def test_neither_secret_nor_signature_is_in_any_log_or_outcome(
    spoil: Callable[[Sandbox], Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    simulated = sandbox()
    spoil(simulated)
    async with served(simulated) as url, connected(url) as ccpayment:
        said = repr(await execute(ccpayment)) + repr(await look_up(ccpayment)) + caplog.text
    signatures = [received.headers["sign"] for received in simulated.log]
    assert len(signatures) == 2
    for secret in (APP_SECRET, *signatures):
        assert secret not in said


@given(st.binary(max_size=200), st.text("0123456789", min_size=10, max_size=10))
def test_whatever_the_bytes_are_the_simulator_reckons_the_same_signature(body: bytes, timestamp: str) -> None:
    assert sign(APP_ID, APP_SECRET, timestamp, body).encode() == expected(APP_ID, APP_SECRET, timestamp, body)


async def test_an_answer_that_repeats_the_request_does_not_bring_the_signature_into_the_outcome() -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, content=repr(request.headers.raw).encode())

    outcome = await execute(provider(httpx.MockTransport(echo)))
    assert outcome == Unknown("no_answer", "HTTP status 400 without the provider's envelope")
