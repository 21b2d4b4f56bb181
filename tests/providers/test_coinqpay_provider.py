"""CoinQ Pay as a provider: what each answer and each record means for the order, and which records may be its."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from nacl.signing import SigningKey

from tests.providers.test_coinqpay_records import CREATED_ORDER, PAID_ORDER, UNPAID_ORDER, WITHDRAWAL
from tests.providers.transport import SandboxTransport
from worker.order import SEND_WITHIN
from worker.providers.coinqpay.api import Api
from worker.providers.coinqpay.auth import Signer
from worker.providers.coinqpay.errors import CODES
from worker.providers.coinqpay.provider import CoinQPay, Patience
from worker.providers.coinqpay.recipe import Recipe
from worker.providers.meaning import Meaning
from worker.providers.protocol import (
    Absent,
    Candidates,
    Coin,
    Collect,
    Collected,
    Deferred,
    Disputed,
    Instruction,
    Move,
    Payable,
    Processing,
    ReadFailed,
    Refused,
    Send,
    Sent,
    Succeeded,
    Trail,
    Unknown,
)
from worker.providers.transport import open_transport
from worker.sandbox.coinqpay.account import CoinQPayAccount
from worker.sandbox.sandbox import Sandbox

SEED = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
RECIPE = Recipe(
    *("Biz-Api-Key", "Biz-Api-Nonce", "Biz-Api-Signature", "{method}|{path}|{timestamp}|{params}|{body}"),
    *("dsha256", "ms", "hex"),
)
PATIENCE = Patience(validity=timedelta(seconds=300), skew=timedelta(seconds=30), list_lag=timedelta(seconds=60))
# The second in which the documented withdrawal was made.
NOW = datetime(2024, 7, 26, 7, 59, 47, tzinfo=UTC)

ADDRESS = str(WITHDRAWAL["address"])
REF = str(WITHDRAWAL["id"])
PAYOUT = Send("ord-1", "TRON_USDT", ADDRESS, "5", bound=False)
WITHDRAW = replace(PAYOUT, bound=True)
COLLECT = Collect("OR00000002", "TRON_USDT", "10")

Handler = Callable[[httpx.Request], httpx.Response]


def over(
    transport: httpx.AsyncBaseTransport, now: Callable[[], datetime] = lambda: NOW, base_url: str = ""
) -> CoinQPay:
    api = Api(
        transport,
        base_url=base_url or "https://provider.example/",
        signer=Signer(SEED, RECIPE),
        recipe=RECIPE,
        timeout_seconds=5,
        now=now,
    )
    return CoinQPay(api, {"TRON_USDT": ADDRESS}, PATIENCE, now)


def provider(handler: Handler) -> CoinQPay:
    return over(httpx.MockTransport(handler))


def answering(body: object, status: int = 200) -> CoinQPay:
    """A provider that gives one answer to everything."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return provider(lambda _: httpx.Response(status, content=content))


def success(result: object) -> dict[str, object]:
    return {"success": True, "result": result}


def error(code: object) -> dict[str, object]:
    return {"success": False, "error_code": code, "error_description": "words"}


async def execute(coinqpay: CoinQPay, instruction: Instruction = PAYOUT) -> object:
    """Sign it now, and send it at once."""
    return await coinqpay.execute(instruction, coinqpay.prepare(instruction, NOW), NOW + SEND_WITHIN)


async def look_up(coinqpay: CoinQPay, instruction: Instruction = PAYOUT, provider_ref: str | None = REF) -> object:
    return await coinqpay.look_up(instruction, Trail(provider_ref, NOW))


def withdrawal(**changes: object) -> dict[str, object]:
    return {**WITHDRAWAL, **changes}


# ---------------------------------------------------------------- what is sent


@pytest.mark.parametrize(
    ("instruction", "route", "fields"),
    [
        (PAYOUT, "payout", {"coin": "TRON_USDT", "address": ADDRESS, "amount": "5"}),
        (WITHDRAW, "withdraw", {"coin": "TRON_USDT", "amount": "5"}),
        (COLLECT, "pay_order", {"coin": "TRON_USDT", "order_id": "OR00000002", "amount": "10"}),
    ],
    ids=["payout", "withdraw", "pay_order"],
)
async def test_what_was_prepared_is_sent_as_it_was_signed_then(
    instruction: Instruction, route: str, fields: dict[str, str]
) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(500)

    transport = httpx.MockTransport(answer)
    coinqpay = over(transport, now=lambda: NOW + timedelta(seconds=9))
    prepared = coinqpay.prepare(instruction, NOW)
    await coinqpay.execute(instruction, prepared, NOW + SEND_WITHIN)
    [request] = sent
    assert (request.method, request.url.path) == ("POST", f"/api/v1/{route}")
    assert request.content == prepared.body
    assert json.loads(request.content) == fields
    assert request.headers["Biz-Api-Signature"] == prepared.signature
    assert request.headers["Biz-Api-Nonce"] == str(int(NOW.timestamp()) * 1000)


@pytest.mark.parametrize("instruction", [PAYOUT, WITHDRAW, COLLECT], ids=["payout", "withdraw", "pay_order"])
async def test_what_is_too_late_is_put_off_and_not_sent(instruction: Instruction) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(500)

    transport = httpx.MockTransport(answer)
    outcome = await execute(over(transport, now=lambda: NOW + SEND_WITHIN + timedelta(microseconds=1)), instruction)
    assert isinstance(outcome, Deferred)
    assert outcome.code == "not_sent"
    assert sent == []


def test_what_the_provider_does_not_do_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="Move"):
        answering({}).prepare(Move("ord-1", "alice1", "bob123", 1280, "1", None), NOW)


def test_nobody_can_be_sure_before_validity_skew_and_lag_are_over() -> None:
    assert answering({}).settling_time == timedelta(seconds=390)


# ---------------------------------------------------------------- withdrawals, by their status

SENT = Sent(Decimal("4.8951"), Decimal("0.1049"), str(WITHDRAWAL["tx_hash"]))
DONE = Succeeded(REF, SENT)


def not_paid(code: str, words: str, status: int) -> Refused:
    return Refused(code, f"the provider's record says {words}", str(status), by_record=True, provider_ref=REF)


STATUSES: dict[int, object] = {
    1: Processing(REF),
    2: Processing(REF),
    3: Processing(REF),
    4: DONE,
    5: not_paid("failed", "failed", 5),
    6: not_paid("approve_failed", "approve failed", 6),
    7: Disputed("the provider's record says exception (7)", REF),
    8: Disputed("the provider's record says risk (8)", REF),
    0: Disputed("the provider's record says a status that is not documented (0)", REF),
    9: Disputed("the provider's record says a status that is not documented (9)", REF),
    -4: Disputed("the provider's record says a status that is not documented (-4)", REF),
}


@pytest.mark.parametrize(("status", "outcome"), STATUSES.items())
@pytest.mark.parametrize("instruction", [PAYOUT, WITHDRAW], ids=["payout", "withdraw"])
async def test_a_withdrawal_is_what_its_status_says(instruction: Send, status: int, outcome: object) -> None:
    record = withdrawal(status=status)
    assert await look_up(answering(success([record])), instruction) == outcome
    candidates = await look_up(answering(success([record])), instruction, provider_ref=None)
    assert candidates == Candidates(((REF, outcome),), covered=False)
    created = {name: value for name, value in record.items() if name != "tx_hash"}
    told_at_once = Succeeded(REF, replace(SENT, transaction=None)) if outcome == DONE else outcome
    assert await execute(answering(success(created)), instruction) == told_at_once


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("coin", "TRON_USDC"),
        ("coin", "tron_usdt"),
        ("withdraw_amount", "5.000000000000000001"),
        ("withdraw_amount", "4.8951"),
        ("address", "TEELyKT4XCVZAcGujYaKm7F9uHp2fFipRH"),
        ("address", ADDRESS.lower()),
    ],
)
@pytest.mark.parametrize("status", [1, 4, 5, 7])
async def test_a_withdrawal_of_something_else_is_disputed_and_no_candidate(
    field: str, value: str, status: int
) -> None:
    record = withdrawal(**{field: value, "status": status})
    for found in (await look_up(answering(success([record]))), await execute(answering(success(record)))):
        assert isinstance(found, Disputed)
        assert found.message == f"the provider's record differs in {field}"
        assert (found.provider_ref, found.differing) == (REF, (field,))
    assert await look_up(answering(success([record])), provider_ref=None) == Candidates((), covered=False)


async def test_every_differing_field_is_named() -> None:
    found = await look_up(answering(success([withdrawal(coin="ETH", withdraw_amount="1", address="x")])))
    assert isinstance(found, Disputed)
    assert found.message == "the provider's record differs in coin, withdraw_amount, address"
    assert found.differing == ("coin", "withdraw_amount", "address")


ELSEWHERE = "TEELyKT4XCVZAcGujYaKm7F9uHp2fFipRH"


@pytest.mark.parametrize(
    ("changes", "status", "apart"),
    [
        ({"address": ELSEWHERE}, 4, Succeeded),
        ({"withdraw_amount": "4.9", "actual_amount": "4.7951"}, 4, Succeeded),
        ({"withdraw_amount": "5.1", "actual_amount": "4.9951"}, 4, type(None)),
        ({"coin": "TRON_USDC"}, 4, type(None)),
        ({"address": ELSEWHERE, "fee": "1"}, 4, Disputed),
        ({"coin": "TRON_USDC"}, 5, Refused),
        ({"withdraw_amount": "5.1", "address": ELSEWHERE}, 6, Refused),
        ({"address": ELSEWHERE}, 1, Processing),
        ({"address": ELSEWHERE}, 3, Processing),
        ({"address": ELSEWHERE}, 7, Disputed),
        ({"address": ELSEWHERE}, 8, Disputed),
        ({"address": ELSEWHERE}, 0, Disputed),
    ],
    ids=str,
)
async def test_of_a_record_that_differs_it_is_told_what_it_says_apart_from_that(
    changes: dict[str, str], status: int, apart: type
) -> None:
    """A person may build on it. Paid in another coin, or more than was ordered: what is held cannot pay for that."""
    found = await look_up(answering(success([withdrawal(**changes, status=status)])))
    assert isinstance(found, Disputed)
    assert found.differing == tuple(name for name in ("coin", "withdraw_amount", "address") if name in changes)
    assert type(found.apart) is apart


@pytest.mark.parametrize(
    "changes",
    [{"withdraw_amount": "5.000000000000000000000000"}, {"address": ADDRESS}],
    ids=["padded to 24 decimals", "as it was"],
)
async def test_another_spelling_of_the_amount_is_the_same(changes: dict[str, str]) -> None:
    assert await look_up(answering(success([withdrawal(**changes, status=4)]))) == DONE


async def test_the_checksum_in_an_addresss_case_makes_no_difference() -> None:
    ours = replace(PAYOUT, address="0xb9a78Dd2bc989cff715e1d8d95bb3474b61aEb9C")
    record = withdrawal(address=ours.address.lower(), status=4)
    assert isinstance(await look_up(answering(success([record])), ours), Succeeded)
    found = await look_up(answering(success([record])), ours, provider_ref=None)
    assert isinstance(found, Candidates)
    assert len(found.found) == 1


@pytest.mark.parametrize(
    ("actual", "fee", "adds_up"),
    [
        ("4.8951", "0.1049", True),
        ("5", "0", True),
        ("4.89510", "0.104900", True),
        ("5", "0.1049", False),
        ("4.8951", "0", False),
        ("4.8951", "0.104900000000000001", False),
        ("0", "0", False),
    ],
)
async def test_only_what_adds_up_to_the_last_decimal_is_booked(actual: str, fee: str, adds_up: bool) -> None:
    found = await look_up(answering(success([withdrawal(actual_amount=actual, fee=fee, status=4)])))
    if adds_up:
        assert found == Succeeded(REF, Sent(Decimal(actual), Decimal(fee), str(WITHDRAWAL["tx_hash"])))
    else:
        assert isinstance(found, Disputed)
        assert (found.provider_ref, "cannot be booked" in found.message) == (REF, True)


@pytest.mark.parametrize("status", [1, 2, 3])
async def test_what_is_under_way_need_not_add_up_yet(status: int) -> None:
    record = withdrawal(actual_amount="0", fee="0", status=status, tx_hash="")
    assert await look_up(answering(success([record]))) == Processing(REF)


# ---------------------------------------------------------------- look-ups by the provider's id


async def test_a_withdrawal_is_asked_for_by_its_id_where_it_is_known() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url).removeprefix("https://provider.example/api/v1/"))
        return httpx.Response(200, json=success([]))

    coinqpay = provider(answer)
    assert await look_up(coinqpay) == Absent()
    assert await look_up(coinqpay, provider_ref=None) == Candidates((), covered=False)
    assert asked == [f"withdraws?id={REF}", "withdraws"]


async def test_a_withdrawal_that_the_provider_does_not_know_by_its_id_is_absent() -> None:
    assert await look_up(answering(error(12004))) == Absent()


@pytest.mark.parametrize("provider_ref", [None, REF], ids=["all", "one"])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, success([withdrawal(id=12)])),
        (200, success([withdrawal(withdraw_amount=5)])),
        (200, success([withdrawal(), {"id": "w-2"}])),
        (200, success({"list": []})),
        (200, success(None)),
        (200, {"success": True}),
        (200, error(1000)),
        (200, error(12016)),
        (500, error(12004)),
        (502, b"<html>"),
        (200, b""),
    ],
    ids=[
        *("an id that is a number", "an amount that is a number", "one unreadable among others", "no list", "null"),
        *("no result", "internal error", "another not found", "500", "an error page", "empty"),
    ],
)
async def test_a_look_up_that_cannot_be_read_is_not_absence(
    provider_ref: str | None, status: int, body: object
) -> None:
    found = await look_up(answering(body, status), provider_ref=provider_ref)
    assert isinstance(found, Unknown)
    assert found.code == "look_up_failed"


async def test_a_list_that_is_not_found_is_no_absence() -> None:
    assert isinstance(await look_up(answering(error(12004)), provider_ref=None), Unknown)


# ---------------------------------------------------------------- candidates

SECOND = timedelta(seconds=1)
# A second before: its times are whole seconds, cut.
SINCE = NOW - PATIENCE.skew - SECOND
UNTIL = NOW + PATIENCE.validity + PATIENCE.skew


def made(*times: datetime, **changes: object) -> dict[str, object]:
    """A list of withdrawals with these creation times."""
    return success(
        [withdrawal(id=f"w-{n}", create_time=int(at.timestamp()), **changes) for n, at in enumerate(times)]
    )


@pytest.mark.parametrize(
    ("at", "may_be"),
    [
        (SINCE - SECOND, False),
        (SINCE, True),
        (NOW, True),
        (UNTIL, True),
        (UNTIL + SECOND, False),
    ],
    ids=["before any copy of it", "at the earliest", "when it was signed", "at the latest", "after all copies"],
)
async def test_a_candidate_was_made_while_the_request_could_be_carried_out(at: datetime, may_be: bool) -> None:
    found = await look_up(answering(made(at)), provider_ref=None)
    assert isinstance(found, Candidates)
    assert found.found == ((("w-0", Processing("w-0")),) if may_be else ())


async def test_times_in_milliseconds_are_understood() -> None:
    body = success([withdrawal(create_time=int(NOW.timestamp()) * 1000)])
    assert await look_up(answering(body), provider_ref=None) == Candidates(((REF, Processing(REF)),), covered=False)


async def test_of_many_only_those_that_may_be_it_are_candidates() -> None:
    listed = [
        withdrawal(id="old", create_time=int(SINCE.timestamp()) - 1),
        withdrawal(id="first"),
        withdrawal(id="other-amount", withdraw_amount="5.1"),
        withdrawal(id="other-coin", coin="ETH"),
        withdrawal(id="other-address", address="T1"),
        withdrawal(id="second", status=5),
        withdrawal(id="new", create_time=int(UNTIL.timestamp()) + 1),
    ]
    found = await look_up(answering(success(listed)), provider_ref=None)
    assert isinstance(found, Candidates)
    assert [provider_ref for provider_ref, _ in found.found] == ["first", "second"]
    assert [type(outcome) for _, outcome in found.found] == [Processing, Refused]


REBOUND = Send("ord-1", "TRON_USDT", "TEELyKT4XCVZAcGujYaKm7F9uHp2fFipRH", "5", bound=True, rebound=ADDRESS)


async def test_what_is_known_by_its_id_may_go_to_the_address_that_is_bound_now() -> None:
    assert await look_up(answering(success([withdrawal(status=1)])), REBOUND) == Processing(REF)
    other = await look_up(answering(success([withdrawal(status=1, address="T1")])), REBOUND)
    assert isinstance(other, Disputed)
    assert other.differing == ("address",)


async def test_what_a_list_has_for_the_address_that_is_bound_now_is_for_a_person_to_judge() -> None:
    """It may be another order's, which was signed for that address: here no machine binds it."""
    found = await look_up(answering(success([withdrawal()])), REBOUND, provider_ref=None)
    assert isinstance(found, Candidates)
    [(provider_ref, outcome)] = found.found
    assert provider_ref == REF
    assert isinstance(outcome, Disputed)
    assert outcome.provider_ref is None


async def test_what_a_list_has_for_the_address_that_was_signed_for_comes_first() -> None:
    listed = [withdrawal(), withdrawal(id="mine", address=REBOUND.address)]
    found = await look_up(answering(success(listed)), REBOUND, provider_ref=None)
    assert isinstance(found, Candidates)
    assert [provider_ref for provider_ref, _ in found.found] == ["mine"]


BEFORE, AFTER = SINCE - SECOND, UNTIL + SECOND
COVERAGE: dict[str, tuple[tuple[datetime, ...], bool]] = {
    "nothing": ((), False),
    "one, older": ((BEFORE,), False),
    "one, newer": ((AFTER,), False),
    "two of one second": ((BEFORE, BEFORE), False),
    "newest first, back beyond it": ((NOW, BEFORE), True),
    "newest first, back to its very beginning": ((NOW, SINCE), False),
    "newest first, not so far back": ((AFTER, NOW), False),
    "newest first, all older": ((BEFORE, BEFORE - SECOND), True),
    "oldest first, from before it to after it": ((BEFORE, NOW, AFTER), True),
    "oldest first, up to its very end": ((BEFORE, UNTIL), False),
    "oldest first, not so far": ((BEFORE, NOW), False),
    "oldest first, beginning within it": ((NOW, AFTER), False),
    "oldest first, all newer": ((AFTER, AFTER + SECOND), False),
    "in no order": ((NOW, BEFORE, AFTER), False),
    "in no order, newest first and last": ((AFTER, BEFORE, AFTER), False),
    "newest first, several of one second": ((AFTER, NOW, NOW, BEFORE), True),
}


@pytest.mark.parametrize(("times", "covered"), COVERAGE.values(), ids=COVERAGE.keys())
async def test_a_list_covers_the_time_only_when_it_shows_so_by_itself(
    times: tuple[datetime, ...], covered: bool
) -> None:
    found = await look_up(answering(made(*times, coin="ETH")), provider_ref=None)
    assert found == Candidates((), covered)


# ---------------------------------------------------------------- pay orders

ADDRESS_IN = str(UNPAID_ORDER["address"])
PAYMENT = str(UNPAID_ORDER["payment_id"])
PAYABLE = Processing(
    PAYMENT, Payable(PAYMENT, "TRON_USDT", "10", ADDRESS_IN, datetime.fromtimestamp(1720102418, UTC))
)


def pay_order(**changes: object) -> dict[str, object]:
    return success({**UNPAID_ORDER, **changes})


def unpaid(code: str, words: str, status: int) -> Refused:
    return Refused(code, f"the provider's record says {words}", str(status), by_record=True, provider_ref=PAYMENT)


def paid(amount: str, transaction: str | None = str(UNPAID_ORDER["tx_hash"])) -> Succeeded:
    return Succeeded(PAYMENT, Collected(Decimal(amount), "TRON", ADDRESS_IN, transaction))


LATE = UNPAID_ORDER["expire_time"] // 1000 + 4514  # by as much as in the documented example
PAY_ORDERS: dict[str, tuple[dict[str, object], object]] = {
    "unpaid": ({"status": 1}, PAYABLE),
    "unpaid, times in seconds": ({"status": 1, "expire_time": 1720102418, "create_time": 1720101518}, PAYABLE),
    "pending": ({"status": 2, "pay_amount": "10"}, PAYABLE),
    "paid": ({"status": 3, "pay_amount": "10", "success_time": 1720101600}, paid("10")),
    "paid, padded": ({"status": 3, "pay_amount": "10.000000"}, paid("10.000000")),
    "paid late": ({"status": 3, "pay_amount": "10", "success_time": LATE}, paid("10")),
    "paid, without a transaction": ({"status": 3, "pay_amount": "10", "tx_hash": ""}, paid("10", None)),
    "paid, without an amount": (
        {"status": 3, "pay_amount": None},
        Disputed("the provider's record has status 3 and no paid amount", PAYMENT),
    ),
    "paid nothing": (
        {"status": 3, "pay_amount": "0.00"},
        Disputed("the provider's record has status 3 and no paid amount", PAYMENT),
    ),
    "failed": ({"status": 4}, unpaid("payment_failed", "payment failed", 4)),
    "expired": ({"status": 5}, unpaid("payment_expired", "payment expired", 5)),
    "paid less": ({"status": 6, "pay_amount": "9.5"}, paid("9.5")),
    "paid more": ({"status": 6, "pay_amount": "11"}, paid("11")),
    "exception, without an amount": (
        {"status": 6, "pay_amount": None},
        Disputed("the provider's record has status 6 and no paid amount", PAYMENT),
    ),
}


@pytest.mark.parametrize(("changes", "finding"), PAY_ORDERS.values(), ids=PAY_ORDERS.keys())
async def test_a_pay_order_is_what_its_record_says(changes: dict[str, object], finding: object) -> None:
    assert await look_up(answering(pay_order(**changes)), COLLECT) == finding


@pytest.mark.parametrize("status", [0, 7, 99, -1])
@pytest.mark.parametrize("pay_amount", [None, "10"])
async def test_a_status_of_a_pay_order_that_is_not_documented_is_disputed(
    status: int, pay_amount: str | None
) -> None:
    found = await look_up(answering(pay_order(status=status, pay_amount=pay_amount)), COLLECT)
    assert isinstance(found, Disputed)
    assert found.provider_ref == PAYMENT


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"order_id": "OR00000003"}, "order_id"),
        ({"coin": "TRON_USDC"}, "coin"),
        ({"original_amount": "10.01"}, "amount"),
        ({"order_id": "x", "coin": "x", "original_amount": "1"}, "order_id, coin, amount"),
    ],
    ids=["order id", "coin", "amount", "all"],
)
@pytest.mark.parametrize("status", [1, 3, 5])
async def test_a_record_of_another_pay_order_is_disputed(changes: dict[str, object], named: str, status: int) -> None:
    found = await look_up(answering(pay_order(**changes, status=status, pay_amount="10")), COLLECT)
    assert found == Disputed(f"the provider's record differs in {named}", PAYMENT)


async def test_a_pay_order_that_was_made_can_be_paid() -> None:
    collect = Collect("OR00000001", "ETH", "0.001")
    outcome = await execute(answering(success(CREATED_ORDER)), collect)
    ref = str(CREATED_ORDER["payment_id"])
    until = datetime.fromtimestamp(CREATED_ORDER["expire_time"], UTC)
    assert outcome == Processing(ref, Payable(ref, "ETH", "0.001", str(CREATED_ORDER["address"]), until))


@pytest.mark.parametrize(("field", "value"), [("order_id", "OR2"), ("coin", "BNB"), ("amount", "0.0010001")])
async def test_another_pay_order_than_was_asked_for_is_disputed(field: str, value: str) -> None:
    outcome = await execute(
        answering(success({**CREATED_ORDER, field: value})), Collect("OR00000001", "ETH", "0.001")
    )
    assert outcome == Disputed(f"the provider's record differs in {field}", str(CREATED_ORDER["payment_id"]))


async def test_a_pay_order_that_the_provider_does_not_know_is_absent() -> None:
    assert await look_up(answering(error(12016)), COLLECT, provider_ref=None) == Absent()
    assert isinstance(await look_up(answering(error(12016), 500), COLLECT), Unknown)
    assert isinstance(await look_up(answering(error(12004)), COLLECT), Unknown)


@pytest.mark.parametrize(
    "body", [success(None), success([]), success([PAID_ORDER]), pay_order(status="1"), pay_order(pay_amount=10)]
)
async def test_a_pay_order_that_cannot_be_read_is_not_absence(body: object) -> None:
    assert isinstance(await look_up(answering(body), COLLECT), Unknown)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize("instruction", [PAYOUT, WITHDRAW, COLLECT], ids=["payout", "withdraw", "pay_order"])
@pytest.mark.parametrize("code", sorted(CODES))
async def test_each_documented_code_has_its_meaning(code: int, instruction: Instruction) -> None:
    meaning, name = CODES[code]
    expected: dict[Meaning, type[Refused | Deferred | Unknown]] = {
        Meaning.REFUSED: Refused,
        Meaning.LATER: Deferred,
        Meaning.OPERATOR: Deferred,
        Meaning.UNCERTAIN: Unknown,
        Meaning.DUPLICATE: Unknown,
    }
    assert await execute(answering(error(code)), instruction) == expected[meaning](name, "words", str(code))


# Written out a second time, so that a slip in the table itself is seen: the dear ones.
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1000, Unknown),
        (1003, Unknown),
        (1004, Deferred),
        (1005, Unknown),
        (12001, Deferred),
        (12004, Unknown),
        (12007, Refused),
        (12008, Deferred),
        (12010, Deferred),
        (12011, Refused),
        (12012, Refused),
        (12015, Refused),
        (12016, Unknown),
        (12017, Unknown),
        (12204, Refused),
        (19999, Unknown),
        (0, Unknown),
    ],
)
async def test_a_code_is_taken_for_what_the_provider_means(code: int, kind: type) -> None:
    assert isinstance(await execute(answering(error(code))), kind)


@pytest.mark.parametrize("status", [500, 502, 503])
@pytest.mark.parametrize("code", [12007, 12008, 12001])
async def test_a_fault_inside_the_provider_promises_nothing_whatever_its_code(status: int, code: int) -> None:
    assert isinstance(await execute(answering(error(code), status)), Unknown)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429])
async def test_a_refusal_may_come_with_a_status_of_its_own(status: int) -> None:
    assert isinstance(await execute(answering(error(12007), status)), Refused)


UNREADABLE: dict[str, object] = {
    "an error page": b"<html>",
    "half of it": b'{"success":true,"result":{"id":"1',
    "empty": b"",
    "a list": [],
    "no code": {"success": False},
    "a result that is not called a success": {"success": False, "result": WITHDRAWAL},
    "success as text": {"success": "true", "result": WITHDRAWAL},
    "the result is a list": success([WITHDRAWAL]),
    "no id": success({name: value for name, value in WITHDRAWAL.items() if name != "id"}),
    "an id that is a number": success(withdrawal(id=1816745214862295040)),
    "an amount that is a number": success(withdrawal(withdraw_amount=5)),
    "a duplicate key": json.dumps(success(WITHDRAWAL)).replace('"fee"', '"id": "x", "fee"').encode(),
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_an_answer_that_cannot_be_read_promises_nothing(body: object) -> None:
    outcome = await execute(answering(body))
    assert isinstance(outcome, Unknown)
    assert outcome.code == "no_answer"


@pytest.mark.parametrize("failure", [httpx.ReadError("reset"), httpx.ReadTimeout("hang"), httpx.ConnectTimeout("?")])
async def test_a_connection_that_breaks_promises_nothing(failure: Exception) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        raise failure

    assert isinstance(await execute(provider(answer)), Unknown)
    assert isinstance(await look_up(provider(answer)), Unknown)
    assert isinstance(await look_up(provider(answer), provider_ref=None), Unknown)


async def test_nobody_listening_means_that_nothing_was_sent() -> None:
    async with open_transport(1) as transport:
        outcome = await execute(over(transport, base_url="http://no-such-host.invalid/"))
    assert isinstance(outcome, Deferred)
    assert outcome.code == "provider_unreachable"


async def test_the_key_is_in_no_outcome_and_no_repr() -> None:
    coinqpay = answering(b"x", 500)
    said = repr(await execute(coinqpay)) + repr(coinqpay) + repr(vars(coinqpay)) + repr(vars(coinqpay.api))
    assert SEED not in said


# ---------------------------------------------------------------- coins and the harmless read


async def test_coins_have_their_own_decimals_their_least_amount_and_a_price_where_there_is_one() -> None:
    listed = {
        "chain": "ETH",
        "display_code": "ETH",
        "contract_address": "",
        "withdrawal_fixed_fee": "1",
        "withdrawal_percentage_fee": "0",
    }
    coins = [
        {**listed, "coin": "ETH", "decimal": 18, "can_pay": True, "minimum_pay_amount": "0.001"},
        {**listed, "coin": "OLD", "decimal": 6, "can_pay": False, "minimum_pay_amount": "1"},
    ]
    prices = [{"coin": "ETH", "currency": "USD", "price": "3111.5", "update_time": 1720102180}]

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=success(coins if request.url.path.endswith("coins") else prices))

    assert list(await provider(answer).coins()) == [
        Coin("ETH", "ETH", 18, enabled=True, minimum=Decimal("0.001"), price_usd=Decimal("3111.5")),
        Coin("OLD", "OLD", 6, enabled=False, minimum=Decimal(1), price_usd=None),
    ]


@pytest.mark.parametrize(
    ("code", "what"),
    [(12001, "LEDGER_COINQPAY_PRIVATE_KEY"), (1004, "clock"), (12006, "address"), (12010, "frozen"), (1000, "1000")],
)
async def test_the_harmless_read_says_what_an_operator_has_to_look_at(code: int, what: str) -> None:
    with pytest.raises(ReadFailed, match=what):
        await answering(error(code)).check()


# ---------------------------------------------------------------- at the simulator


class Time:
    """Both sides' clock; each look moves it a millisecond, so that no two requests are equal."""

    def __init__(self) -> None:
        self.now = NOW

    def seconds(self) -> float:
        return self.now.timestamp()

    def tick(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def sandbox(time: Time) -> Sandbox:
    account = CoinQPayAccount(
        public_key=bytes(SigningKey(bytes.fromhex(SEED)).verify_key), withdraw_addresses={"TRON_USDT": ADDRESS}
    )
    simulated = Sandbox("merchant-0001", "secret", time.seconds, coinqpay=account)
    ask(simulated, "fund", coin="TRON_USDT", amount="100")
    return simulated


def ask(simulated: Sandbox, action: str, **fields: Any) -> None:
    simulated.ask(simulated.controls["coinqpay"][action], fields)


def at_simulator(simulated: Sandbox, time: Time) -> CoinQPay:
    return over(SandboxTransport(simulated), now=time.tick)


@pytest.mark.parametrize("instruction", [PAYOUT, WITHDRAW], ids=["payout", "withdraw"])
async def test_a_payment_is_made_and_found_until_it_is_done(instruction: Send, sandbox: Sandbox, time: Time) -> None:
    coinqpay = at_simulator(sandbox, time)
    outcome = await execute(coinqpay, instruction)
    [record] = sandbox.coinqpay_books.withdrawals()
    assert outcome == Processing(record.withdrawal_id)
    found = await look_up(coinqpay, instruction, provider_ref=None)
    assert isinstance(found, Candidates)
    assert [provider_ref for provider_ref, _ in found.found] == [record.withdrawal_id]
    time.now += timedelta(hours=1)
    done = await look_up(coinqpay, instruction, record.withdrawal_id)
    assert isinstance(done, Succeeded)
    assert isinstance(done.receipt, Sent)
    assert done.receipt.actual_amount + done.receipt.fee == Decimal(5)


async def test_the_same_request_twice_is_paid_once_and_promises_nothing(sandbox: Sandbox, time: Time) -> None:
    coinqpay = at_simulator(sandbox, time)
    prepared = coinqpay.prepare(PAYOUT, NOW)
    await coinqpay.execute(PAYOUT, prepared, NOW + SEND_WITHIN)
    again = await coinqpay.execute(PAYOUT, prepared, NOW + SEND_WITHIN)
    assert again == Unknown("replay_detected", again.message, "1005")
    assert len(sandbox.coinqpay_books.withdrawals()) == 1


async def test_two_equal_payments_are_two_candidates(sandbox: Sandbox, time: Time) -> None:
    coinqpay = at_simulator(sandbox, time)
    for at in (NOW, NOW + SECOND):
        await coinqpay.execute(PAYOUT, coinqpay.prepare(PAYOUT, at), at + SEND_WITHIN)
    found = await look_up(coinqpay, provider_ref=None)
    assert isinstance(found, Candidates)
    assert len(found.found) == 2


async def test_a_pay_order_is_made_found_and_paid(sandbox: Sandbox, time: Time) -> None:
    coinqpay = at_simulator(sandbox, time)
    assert await look_up(coinqpay, COLLECT) == Absent()
    made_order = await execute(coinqpay, COLLECT)
    assert isinstance(made_order, Processing)
    assert made_order.payable is not None
    assert await look_up(coinqpay, COLLECT) == made_order
    ask(sandbox, "pay", orderId=COLLECT.order_id, amount="9")
    time.now += timedelta(hours=1)
    done = await look_up(coinqpay, COLLECT)
    assert isinstance(done, Succeeded)
    assert isinstance(done.receipt, Collected)
    assert done.receipt.amount == Decimal(9)


async def test_a_pay_order_twice_promises_nothing(sandbox: Sandbox, time: Time) -> None:
    coinqpay = at_simulator(sandbox, time)
    await execute(coinqpay, COLLECT)
    later = coinqpay.prepare(COLLECT, NOW + SECOND)
    again = await coinqpay.execute(COLLECT, later, NOW + SEND_WITHIN)
    assert isinstance(again, Unknown)
    assert (again.code, again.provider_code) == ("order_duplicate", "12017")


async def test_coins_balances_and_refusals_are_understood(sandbox: Sandbox, time: Time) -> None:
    coinqpay = at_simulator(sandbox, time)
    await coinqpay.check()
    assert {"TRON_USDT", "ETH"} <= {coin.coin for coin in await coinqpay.coins()}
    outcome = await execute(coinqpay, replace(PAYOUT, amount="1000"))
    assert isinstance(outcome, Refused)
    assert outcome.code == "balance_insufficient"


async def test_many_payments_in_doubt_have_the_list_read_once_for_all_of_them() -> None:
    asked: list[str] = []

    async def list_all(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        await asyncio.sleep(0.01)
        return httpx.Response(200, content=json.dumps(success([WITHDRAWAL])).encode())

    coinqpay = over(httpx.MockTransport(list_all))
    found = await asyncio.gather(*(look_up(coinqpay, provider_ref=None) for _ in range(20)))
    assert asked == ["/api/v1/withdraws"]
    assert all(isinstance(one, Candidates) and one == found[0] for one in found)
    await look_up(coinqpay, provider_ref=None)
    assert len(asked) == 2
