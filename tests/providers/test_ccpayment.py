"""CCPayment: what each answer means, for the attempt that it answers and for the order that is looked up."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from schemas.money import negate, total
from tests.providers.transport import SandboxTransport
from worker.order import SEND_WITHIN
from worker.providers.ccpayment.api import Api
from worker.providers.ccpayment.errors import CODES
from worker.providers.ccpayment.provider import CCPayment
from worker.providers.meaning import Meaning
from worker.providers.protocol import (
    Absent,
    Collect,
    Convert,
    Converted,
    Deferred,
    Disputed,
    Instruction,
    Move,
    Processing,
    ReadFailed,
    Refused,
    Send,
    Succeeded,
    Trail,
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
SWAP = Convert("ord-2", "alice1", 1280, "1", 1329, "1.5", "0.01")
# The provider documents such a swap, without the extra fee.
SWAP_RECORD: dict[str, Any] = {
    "recordId": "20260101000000000000000000000002",
    "orderId": "ord-2",
    "userId": "alice1",
    "coinIdIn": 1280,
    "coinInSymbol": "USDT",
    "coinIdOut": 1329,
    "coinOutSymbol": "MATIC",
    "amountIn": "1",
    "amountOut": "1.8174262160994585",
    "fee": "0.182472511656572",
    "extraFee": "0.018174262160994585",
    "extraFeeRate": "0.01",
    "netAmountOut": "1.616779442281891915",
    "swapRate": "1.8174262160994585",
    "feeRate": "0.1004016064257028",
    "status": "Success",
    "createdAt": 1767225600,
    "arrivedAt": 1767225600,
}
WITHOUT_EXTRA_FEE = {"extraFee": "", "extraFeeRate": "", "netAmountOut": "1.6349537044428865"}

Answer = Callable[[httpx.Request], httpx.Response]


def provider(transport: httpx.AsyncBaseTransport) -> CCPayment:
    return over(transport)


def over(
    transport: httpx.AsyncBaseTransport,
    base_url: str = "https://provider.example/",
    timeout_seconds: float = 5,
    now: Callable[[], datetime] = lambda: NOW,
) -> CCPayment:
    api = Api(
        transport,
        base_url=base_url,
        app_id=APP_ID,
        app_secret=APP_SECRET,
        timeout_seconds=timeout_seconds,
        now=now,
    )
    return CCPayment(api, APP_ID, now)


def answering(status: int = 200, body: object = None, **options: Any) -> CCPayment:
    """A provider that gives one answer to everything."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return provider(httpx.MockTransport(lambda _: httpx.Response(status, content=content, **options)))


def envelope(code: object, data: object = None) -> dict[str, object]:
    return {"code": code, "msg": "words", "data": data}


async def execute(ccpayment: CCPayment, instruction: Instruction = MOVE) -> object:
    """Sign it now, and send it at once."""
    return await ccpayment.execute(instruction, ccpayment.prepare(instruction, NOW), NOW + SEND_WITHIN)


async def look_up(ccpayment: CCPayment, instruction: Instruction = MOVE) -> object:
    """As after an attempt of just now whose answer was lost."""
    return await ccpayment.look_up(instruction, Trail(None, NOW))


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
    assert await look_up(ccpayment) == done


async def test_the_same_order_twice_is_executed_once_and_promises_nothing(sandbox: Sandbox) -> None:
    ccpayment = provider(SandboxTransport(sandbox))
    await execute(ccpayment)
    again = await execute(ccpayment)
    assert isinstance(again, Unknown)
    assert again.provider_code == "11011"
    assert len(sandbox.books.transfers()) == 1


async def test_an_order_that_was_never_sent_is_absent(sandbox: Sandbox) -> None:
    assert await look_up(provider(SandboxTransport(sandbox))) == Absent()


async def test_a_remark_is_sent_as_utf_8() -> None:
    move = Move("ord-1", "alice1", "bob123", 1280, "0.5", "café")
    body = answering().prepare(move, NOW).body
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
    assert isinstance(await look_up(ccpayment), Unknown)


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


FAILED = Refused("failed", "the provider's record says Failed", by_record=True, provider_ref=str(RECORD["recordId"]))
LOOK_UPS = {
    "equal": ({}, Succeeded(RECORD["recordId"])),
    "amount padded to 24 decimals": ({"amount": "0.500000000000000000000000"}, Succeeded(RECORD["recordId"])),
    "failed": ({"status": "Failed"}, FAILED),
    "a status nobody documented": ({"status": "success"}, Processing(RECORD["recordId"])),
    "every field empty": (dict.fromkeys(RECORD, ""), Absent()),
}


@pytest.mark.parametrize(("changes", "finding"), LOOK_UPS.values(), ids=LOOK_UPS.keys())
async def test_a_record_says_what_became_of_the_order(changes: dict[str, str], finding: object) -> None:
    ccpayment = answering(body=envelope(10000, {"record": {**RECORD, **changes}}))
    assert await look_up(ccpayment) == finding


@pytest.mark.parametrize(
    ("field", "value"),
    [("orderId", "ord-2"), ("coinId", 1281), ("fromUserId", "eve123"), ("toUserId", "eve123"), ("amount", "0.51")],
)
async def test_a_record_of_something_else_is_disputed(field: str, value: object) -> None:
    found = await look_up(answering(body=envelope(10000, {"record": {**RECORD, field: value}})))
    assert isinstance(found, Disputed)
    assert field in found.message


@pytest.mark.parametrize("record", [None, {}, {"recordId": None}, {"recordId": ""}])
async def test_success_without_a_record_is_absence(record: object) -> None:
    assert await look_up(answering(body=envelope(10000, {"record": record}))) == Absent()


@pytest.mark.parametrize("data", [[], "x", 1, {"record": []}, {"record": [RECORD]}, {"record": "x"}])
async def test_data_of_another_kind_is_no_absence(data: object) -> None:
    assert isinstance(await look_up(answering(body=envelope(10000, data))), Unknown)


@pytest.mark.parametrize("record_id", ["a\x00b", "\ud800", "a b", "x" * 129, 12, ["r"]])
async def test_a_record_id_that_cannot_be_stored_is_not_believed(record_id: object) -> None:
    ccpayment = answering(body=envelope(10000, {"recordId": record_id, "record": {**RECORD, "recordId": record_id}}))
    assert isinstance(await execute(ccpayment), Unknown)
    assert isinstance(await look_up(ccpayment), Unknown)


async def test_a_record_with_a_malformed_field_is_not_believed() -> None:
    found = await look_up(answering(body=envelope(10000, {"record": {**RECORD, "coinId": "1280"}})))
    assert isinstance(found, Unknown)


async def test_a_look_up_asks_by_the_order_id_alone() -> None:
    asked: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.content)
        return httpx.Response(200, json=envelope(11003))

    await look_up(provider(httpx.MockTransport(answer)))
    assert asked == [b'{"orderId":"ord-1"}']


async def test_the_secret_is_in_no_outcome_and_no_repr() -> None:
    ccpayment = answering(500, b"x")
    assert APP_SECRET not in repr(await execute(ccpayment)) + repr(ccpayment) + repr(vars(ccpayment))


# ---------------------------------------------------------------- not after its time


@pytest.mark.parametrize("instruction", [MOVE, SWAP], ids=["userTransfer", "userSwap"])
async def test_what_is_too_late_is_put_off_and_not_sent(instruction: Instruction) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(500)

    transport = httpx.MockTransport(answer)
    ccpayment = over(transport, now=lambda: NOW + SEND_WITHIN + timedelta(microseconds=1))
    outcome = await execute(ccpayment, instruction)
    assert isinstance(outcome, Deferred)
    assert outcome.code == "not_sent"
    assert asked == []


async def test_at_the_last_moment_it_is_still_sent(sandbox: Sandbox) -> None:
    transport = SandboxTransport(sandbox)
    assert isinstance(await execute(over(transport, now=lambda: NOW + SEND_WITHIN)), Succeeded)


async def test_what_was_prepared_is_sent_as_it_was_signed_then() -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json=envelope(10000, {"recordId": "r-1"}))

    ccpayment = over(httpx.MockTransport(answer), now=lambda: NOW + timedelta(seconds=9))
    prepared = ccpayment.prepare(MOVE, NOW)
    await ccpayment.execute(MOVE, prepared, NOW + SEND_WITHIN)
    assert sent[0].content == prepared.body
    assert sent[0].headers["Sign"] == prepared.signature
    assert sent[0].headers["Timestamp"] == str(int(NOW.timestamp()))


# ---------------------------------------------------------------- swaps


def answering_by_route(**answers: object) -> tuple[CCPayment, list[tuple[str, Any]]]:
    """A provider that gives one answer to each route; and what it was asked."""
    asked: list[tuple[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        route = request.url.path.rsplit("/", 1)[-1]
        asked.append((route, json.loads(request.content or b"null")))
        return httpx.Response(200, content=json.dumps(answers[route]).encode())

    return provider(httpx.MockTransport(answer)), asked


def swap_record(**changes: object) -> dict[str, object]:
    return envelope(10000, {"record": {**SWAP_RECORD, **changes}})


ACCEPTED = envelope(10000, {"recordId": SWAP_RECORD["recordId"], "orderId": "ord-2"})
SWAPPED = Succeeded(
    str(SWAP_RECORD["recordId"]),
    Converted(Decimal("1.8174262160994585"), Decimal("0.182472511656572"), Decimal("0.018174262160994585")),
)


@pytest.mark.parametrize(
    ("instruction", "optional"),
    [
        (SWAP, {"extraFeeRate": "0.01", "amountOutMinimum": "1.5"}),
        (replace(SWAP, extra_fee_rate=None, amount_out_minimum=None), {}),
        (replace(SWAP, extra_fee_rate=None), {"amountOutMinimum": "1.5"}),
    ],
    ids=["with both", "with neither", "with a minimum"],
)
async def test_a_swap_is_asked_for_and_then_its_record(instruction: Convert, optional: dict[str, str]) -> None:
    record = swap_record() if instruction.extra_fee_rate else swap_record(**WITHOUT_EXTRA_FEE)
    ccpayment, asked = answering_by_route(userSwap=ACCEPTED, getUserSwapRecord=record)
    assert isinstance(await execute(ccpayment, instruction), Succeeded)
    fields = {"orderId": "ord-2", "userId": "alice1", "coinIdIn": 1280, "amountIn": "1", "coinIdOut": 1329}
    assert asked == [("userSwap", fields | optional), ("getUserSwapRecord", {"orderId": "ord-2"})]


SWAP_RECORDS: dict[str, tuple[dict[str, object], object]] = {
    "success": ({}, SWAPPED),
    "padded to 24 decimals": (
        {"amountIn": "1.000000000000000000000000", "fee": "0.182472511656572000000000"},
        SWAPPED,
    ),
    "the extra fee rate spelled out": ({"extraFeeRate": "0.0100"}, SWAPPED),
    "no user named": ({"userId": ""}, SWAPPED),
    "under way": ({"status": "Processing"}, Processing(str(SWAP_RECORD["recordId"]))),
    "under way, nothing known yet": (
        {"status": "Processing", "amountOut": "", "netAmountOut": "", "fee": "", "extraFee": ""},
        Processing(str(SWAP_RECORD["recordId"])),
    ),
    "a status nobody documented": ({"status": "Done"}, Processing(str(SWAP_RECORD["recordId"]))),
    "failed": (
        {"status": "Failed"},
        Refused(
            "failed",
            "the provider's record says Failed",
            by_record=True,
            provider_ref=str(SWAP_RECORD["recordId"]),
        ),
    ),
}


@pytest.mark.parametrize(("changes", "outcome"), SWAP_RECORDS.values(), ids=SWAP_RECORDS.keys())
async def test_what_a_swap_brought_its_record_says(changes: dict[str, object], outcome: object) -> None:
    ccpayment, _ = answering_by_route(userSwap=ACCEPTED, getUserSwapRecord=swap_record(**changes))
    assert await execute(ccpayment, SWAP) == outcome
    assert await look_up(ccpayment, SWAP) == outcome


@pytest.mark.parametrize(
    "record",
    [envelope(11003), envelope(11002), envelope(10000, {"record": None}), swap_record(status=1), [], envelope(11004)],
    ids=["not found", "internal error", "empty", "unreadable", "no envelope", "rate limit"],
)
async def test_a_swap_that_was_accepted_is_under_way_until_its_record_is_seen(record: object) -> None:
    ccpayment, _ = answering_by_route(userSwap=ACCEPTED, getUserSwapRecord=record)
    assert await execute(ccpayment, SWAP) == Processing(str(SWAP_RECORD["recordId"]))
    assert isinstance(await look_up(ccpayment, SWAP), Absent | Unknown)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("orderId", "ord-3"),
        ("userId", "eve123"),
        ("coinIdIn", 1281),
        ("coinIdOut", 1281),
        ("amountIn", "1.1"),
        ("extraFeeRate", "0.02"),
        ("extraFeeRate", "one percent"),
    ],
)
@pytest.mark.parametrize("status", ["Success", "Processing", "Failed"])
async def test_a_record_of_another_swap_is_disputed(field: str, value: object, status: str) -> None:
    found = await look_up(answering(body=swap_record(**{field: value, "status": status})), SWAP)
    assert isinstance(found, Disputed)
    assert found.message == f"the provider's record differs in {field}"
    assert (found.provider_ref, found.differing) == (str(SWAP_RECORD["recordId"]), (field,))
    assert isinstance(found.apart, Refused) is (status == "Failed" and field != "orderId")


@pytest.mark.parametrize(
    "changes",
    [
        {"netAmountOut": "1.616779442281891916"},
        {"fee": "0.2"},
        {"extraFee": ""},
        {"amountOut": ""},
        {"fee": "-0.1"},
        {"fee": "1e-1"},
    ],
    ids=["one unit in the last place", "another fee", "no extra fee", "no amount", "a negative fee", "an exponent"],
)
async def test_a_swap_that_does_not_add_up_is_not_booked(changes: dict[str, object]) -> None:
    found = await look_up(answering(body=swap_record(**changes)), SWAP)
    assert isinstance(found, Disputed)
    assert "cannot be booked" in found.message
    assert found.provider_ref == SWAP_RECORD["recordId"]


async def test_a_swap_is_executed_at_the_simulator_and_found_by_its_order_id(sandbox: Sandbox) -> None:
    ccpayment = provider(SandboxTransport(sandbox))
    done = await execute(ccpayment, replace(SWAP, amount_out_minimum=None))
    assert isinstance(done, Succeeded)
    assert isinstance(done.receipt, Converted)
    assert await look_up(ccpayment, replace(SWAP, amount_out_minimum=None)) == done
    received = sandbox.books.balance("alice1", SWAP.coin_id_out)
    assert total([done.receipt.amount_out, negate(done.receipt.fee), negate(done.receipt.extra_fee)]) == received


async def test_less_than_the_least_that_is_to_come_out_is_refused(sandbox: Sandbox) -> None:
    outcome = await execute(provider(SandboxTransport(sandbox)), replace(SWAP, amount_out_minimum="1000"))
    assert isinstance(outcome, Refused)
    assert outcome.code == "amount_out_minimum_too_high"


@pytest.mark.parametrize(
    "instruction",
    [Send("ord-1", "TRON_USDT", "T1", "5", False), Collect("ord-1", "ETH", "1")],
    ids=["Send", "Collect"],
)
def test_what_the_provider_does_not_do_is_a_mistake_of_ours(instruction: Instruction) -> None:
    with pytest.raises(TypeError, match=type(instruction).__name__):
        answering().prepare(instruction, NOW)


# ---------------------------------------------------------------- coins and the harmless read

NETWORK = {"chain": "TRX", "contract": "c", "canDeposit": True, "canWithdraw": True, "isSupportMemo": False}


def coin(coin_id: int, *precisions: int, **changes: object) -> dict[str, object]:
    networks = {str(number): {**NETWORK, "precision": number} for number in precisions}
    return {"coinId": coin_id, "symbol": "USDT", "status": "Normal", "networks": networks, **changes}


async def test_coins_have_the_decimals_of_their_narrowest_chain_and_a_price_wherever_it_comes_from() -> None:
    listed = [coin(1280, 18, 6, price="1.01"), coin(1281, 8), coin(1282), coin(1283, 6, status="Delisted")]
    ccpayment, asked = answering_by_route(
        getCoinList=envelope(10000, {"coins": listed}),
        getCoinUSDTPrice=envelope(10000, {"prices": {"1281": "0.5"}}),
    )
    known = {each.coin: each for each in await ccpayment.coins()}
    assert {name: (each.decimals, each.enabled, each.price_usd, each.minimum) for name, each in known.items()} == {
        "1280": (6, True, Decimal("1.01"), None),
        "1281": (8, True, Decimal("0.5"), None),
        "1282": (18, True, None, None),
        "1283": (6, False, None, None),
    }
    assert asked[1] == ("getCoinUSDTPrice", {"coinIds": [1281, 1282, 1283]})


@pytest.mark.parametrize(
    ("code", "what"),
    [(11005, "LEDGER_CCPAYMENT_APP_SECRET"), (11006, "clock"), (12002, "whitelist"), (13000, "13000")],
)
async def test_the_harmless_read_says_what_an_operator_has_to_look_at(code: int, what: str) -> None:
    with pytest.raises(ReadFailed, match=what) as failed:
        await answering(body=envelope(code)).check()
    assert APP_SECRET not in str(failed.value)


async def test_the_harmless_read_passes(sandbox: Sandbox) -> None:
    await provider(SandboxTransport(sandbox)).check()
    assert [received.route for received in sandbox.log] == ["getAppCoinAssetList"]
