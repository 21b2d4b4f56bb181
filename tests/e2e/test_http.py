"""HTTP: health, metrics, signed webhooks of CCPayment, and hints of CoinQ Pay that are believed in nothing."""

import json
import time
from typing import Any

import pytest

from tests.e2e.commands import COIN, payout
from tests.e2e.house import House
from tests.e2e.signing import ccpayment_headers

pytestmark = pytest.mark.usefixtures("calm")

TOO_LARGE = b" " * (64 * 1024 + 1)
KIND = "ccpayment"


async def untold(house: House) -> tuple[str, bytes]:
    """A deposit of 10 USDT to somebody new that no webhook has told of: its id, and the body that tells of it."""
    await house.webhooks(kind=KIND, on=False)
    user = house.new_id("user")
    record_id = (await house.deposit(userId=user))["recordId"]
    await house.webhooks(kind=KIND, on=True)
    message = {"recordId": record_id, "userId": user, "coinId": 1280, "status": "Success", "isFlaggedAsRisky": False}
    return record_id, json.dumps({"type": "UserDeposit", "msg": message}).encode()


async def lines_of(house: House, record_id: str) -> int:
    return len(await house.stage.lines(f"deposit:ccpayment:{record_id}"))


# ---------------------------------------------------------------- operators


async def test_a_worker_is_alive_and_ready(house: House) -> None:
    assert (await house.get("/healthz")).text == "ok"
    # The broker may not have let it in yet.
    while (ready := await house.get("/readyz")).status_code == 503:
        pass
    up = {"ccpayment": "up", "coinqpay": "up"}
    assert (ready.status_code, ready.json()) == (200, {"database": True, "broker": True, "providers": up})


async def test_metrics_count_what_was_done(house: House) -> None:
    user = await house.rich_user()
    await house.refuse(payout(house.new_id(), account=f"user:{user}"))
    metrics = await house.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    for line in (
        'ledger_admissions_total{provider="ccpayment",type="transfer",verdict="admitted"}',
        'ledger_decisions_total{provider="ccpayment",state="succeeded",type="transfer"}',
        'ledger_admissions_total{provider="coinqpay",type="payout",verdict="insufficient_funds"}',
    ):
        assert line in metrics.text


@pytest.mark.parametrize("server", ["broker", "database"])
async def test_a_worker_whose_server_is_away_is_alive_and_not_ready(house: House, server: str) -> None:
    proxy = getattr(house, server)
    proxy.shut()
    while (ready := await house.get("/readyz")).status_code == 200:
        pass
    other = "database" if server == "broker" else "broker"
    parts = ready.json()
    assert (ready.status_code, parts[server], parts[other]) == (503, False, True)
    assert (await house.get("/healthz")).status_code == 200
    await proxy.listen()
    while (await house.get("/readyz")).status_code == 503:
        pass
    await house.rich_user()


async def test_what_is_not_there_is_not_found(house: House) -> None:
    assert (await house.get("/")).status_code == 404
    assert (await house.post("nobody", {})).status_code == 404
    assert (await house.get("/webhooks/ccpayment")).status_code == 405


# ---------------------------------------------------------------- CCPayment


async def test_a_signed_webhook_has_its_deposit_read_back_and_credited(house: House) -> None:
    record_id, body = await untold(house)
    answer = await house.post(KIND, body, ccpayment_headers(body))
    assert (answer.status_code, answer.text) == (200, "Success")
    event = await house.client.tap.credited(record_id)
    assert event["data"]["amount"] == "10"


async def test_a_webhook_that_comes_again_is_answered_and_credits_nothing_more(house: House) -> None:
    record_id, body = await untold(house)
    headers = ccpayment_headers(body)
    assert (await house.post(KIND, body, headers)).status_code == 200
    await house.client.tap.credited(record_id)
    again = [headers, headers, ccpayment_headers(body, int(time.time()) + 1)]
    assert [(await house.post(KIND, body, sent)).text for sent in again] == ["Success"] * 3
    await after_another(house)
    assert await lines_of(house, record_id) == 4
    assert len({event["id"] for event in told_of(house, record_id)}) == 1


async def test_an_old_webhook_that_is_rightly_signed_is_answered_and_only_read_back(house: House) -> None:
    record_id, body = await untold(house)
    answer = await house.post(KIND, body, ccpayment_headers(body, int(time.time()) - 86_400))
    assert answer.text == "Success"
    await house.client.tap.credited(record_id)
    assert await lines_of(house, record_id) == 4


async def test_what_a_webhook_says_of_the_amount_is_not_believed(house: House) -> None:
    record_id, body = await untold(house)
    message = json.loads(body)
    user = message["msg"]["userId"]
    message["msg"] |= {"amount": "1000000", "userId": "somebody-else"}
    forged = json.dumps(message).encode()
    assert (await house.post(KIND, forged, ccpayment_headers(forged))).status_code == 200
    event = await house.client.tap.credited(record_id)
    assert (event["data"]["amount"], event["data"]["account"]) == ("10", f"user:{user}")


def unsigned(body: bytes) -> dict[str, dict[str, str]]:
    """Headers that are not those of a rightly signed webhook with this body."""
    right = ccpayment_headers(body)
    return {
        "none": {},
        "of another secret": ccpayment_headers(body, secret="another"),
        "of another body": ccpayment_headers(body + b" "),
        "of another moment": {**right, "Timestamp": str(int(right["Timestamp"]) - 1)},
        "of another merchant": {**right, "Appid": "merchant-0002"},
        "without signature": {name: value for name, value in right.items() if name != "Sign"},
        "with an empty one": {**right, "Sign": ""},
        "without moment": {name: value for name, value in right.items() if name != "Timestamp"},
        "with a moment in words": {**right, "Timestamp": "now"},
    }


@pytest.mark.parametrize("case", unsigned(b""))
async def test_a_webhook_that_is_not_rightly_signed_is_refused_without_effect(house: House, case: str) -> None:
    record_id, body = await untold(house)
    assert (await house.post(KIND, body, unsigned(body)[case])).status_code == 401
    await after_another(house)
    assert await lines_of(house, record_id) == 0
    await house.post(KIND, body, ccpayment_headers(body))  # credited after all, for the books at the end
    await house.client.tap.credited(record_id)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 5000])
async def test_a_signed_webhook_that_cannot_be_read_is_refused(house: House, body: bytes) -> None:
    assert (await house.post(KIND, body, ccpayment_headers(body))).status_code == 400


async def test_a_webhook_that_is_too_large_is_not_read(house: House) -> None:
    assert (await house.post(KIND, TOO_LARGE, ccpayment_headers(TOO_LARGE))).status_code == 413


HARMLESS: dict[str, Any] = {
    "the activation": {"type": "ActivateWebhookURL", "msg": {}},
    "a record that is not there": {"type": "UserDeposit", "msg": {"recordId": "20260101000000000000000000000001"}},
    "a kind that nobody knows": {"type": "Dance", "msg": {"recordId": "x"}},
    "a message of another shape": {"type": 5, "msg": ["recordId"]},
    "nothing at all": {},
}


@pytest.mark.parametrize("case", HARMLESS)
async def test_a_signed_webhook_that_tells_of_nothing_is_answered(house: House, case: str) -> None:
    body = json.dumps(HARMLESS[case]).encode()
    answer = await house.post(KIND, body, ccpayment_headers(body))
    assert (answer.status_code, answer.text) == (200, "Success")


# ---------------------------------------------------------------- CoinQ Pay's hints

WITHDRAWAL = {
    "id": "1812345678901234567",
    "coin": COIN,
    "withdraw_amount": "5",
    "fee": "0.1049",
    "actual_amount": "4.8951",
    "address": "TEELyKT4XCVZAcGujYaKm7F9uHp2fFipRH",
    "tx_hash": "",
    "status": 4,
    "create_time": 1720102418,
}
PAY_ORDER = {
    "payment_id": "1812345678901234567",
    "order_id": "nobodys-order",
    "coin": COIN,
    "chain": "TRON",
    "original_amount": "5",
    "pay_amount": "5",
    "address": "TEELyKT4XCVZAcGujYaKm7F9uHp2fFipRH",
    "tx_hash": "x",
    "status": 3,
    "expire_time": 1720102418,
    "create_time": 1720102418,
    "success_time": 1720102418,
}


@pytest.mark.parametrize(
    ("route", "hint"),
    [
        ("withdrawal", WITHDRAWAL),
        ("pay-order", PAY_ORDER),
        ("withdrawal", {"id": "1812345678901234567"}),
        ("pay-order", {"order_id": "nobodys-order"}),
        ("withdrawal", {**WITHDRAWAL, "withdraw_amount": 5}),
    ],
)
async def test_a_hint_about_nothing_of_ours_is_answered_and_does_nothing(
    house: House, route: str, hint: dict[str, Any]
) -> None:
    answer = await house.post(f"coinqpay/{route}", hint)
    assert (answer.status_code, answer.text) == (200, "OK")


@pytest.mark.parametrize("route", ["withdrawal", "pay-order"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"status": 4}', b"\xff"])
async def test_a_hint_that_cannot_be_read_is_refused(house: House, route: str, body: bytes) -> None:
    assert (await house.post(f"coinqpay/{route}", body)).status_code == 400
    assert (await house.post(f"coinqpay/{route}", TOO_LARGE)).status_code == 413


@pytest.mark.parametrize("claimed", [4, 5])
async def test_a_forged_hint_ends_no_payout(house: House, claimed: int) -> None:
    order_id, address = house.new_id(), house.new_address()
    await house.stage.control("POST", "coinqpay/hold", status=2)
    await house.client.publish(payout(order_id, address=address))
    await house.client.tap.told("processing", order_id)
    [record] = await house.withdrawals(address=address)
    assert (await house.post("coinqpay/withdrawal", {**record, "status": claimed})).text == "OK"
    await house.until(
        "SELECT due_at > now() AND polls > 2 AS it FROM ledger.order_detail WHERE order_id = $1", order_id
    )
    assert await house.state(order_id) == "processing"
    await house.stage.control("POST", "coinqpay/hold")
    assert (await house.client.tap.end_of(order_id))["data"]["result"] == "succeeded"


# ---------------------------------------------------------------- how to be sure that nothing happened


async def after_another(house: House) -> None:
    """Wait until a later deposit has been credited: whatever the earlier webhook led to has happened too."""
    await house.client.tap.credited((await house.deposit(userId=house.new_id("user")))["recordId"])


def told_of(house: House, record_id: str) -> list[dict[str, Any]]:
    return [event for event in house.client.tap.events if event["data"].get("recordId") == record_id]
