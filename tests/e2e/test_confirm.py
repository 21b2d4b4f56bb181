"""The second confirmation: approved is what is bound to an order of ours; anything else is refused, and stays so."""

import asyncio
from typing import Any

import pytest

from tests.e2e.commands import COIN, payout
from tests.e2e.house import COINQPAY_SEED, House
from tests.e2e.program import DEADLINE_SECONDS
from tests.e2e.signing import ask_coinqpay

pytestmark = pytest.mark.usefixtures("calm")

ROUTE = "coinqpay/confirm"
KIND = "coinqpay.confirm"
FIELDS = ("id", "coin", "withdraw_amount", "fee", "actual_amount", "address", "create_time")
BODY_BYTES_MAX = 64 * 1024

FORGED = {
    "id": "1812345678901234567",
    "coin": COIN,
    "withdraw_amount": "5",
    "fee": "0.1049",
    "actual_amount": "4.8951",
    "address": "TEELyKT4XCVZAcGujYaKm7F9uHp2fFipRH",
    "create_time": 1720102418,
}


def question(record: dict[str, Any]) -> dict[str, Any]:
    """What the provider asks about this withdrawal."""
    return {name: record[name] for name in FIELDS}


async def confirm(house: House, body: object) -> int:
    """The status of the answer; 200 is a yes only with the provider's word for it."""
    answer = await house.post(ROUTE, body)
    assert (answer.status_code == 200) == (answer.text == "OK")
    return answer.status_code


async def refused(house: House, withdrawal_id: str) -> bool:
    """Whether it is remembered as refused."""
    found = await house.stage.query(
        "SELECT * FROM ledger.refused_confirmation WHERE provider_ref = $1", withdrawal_id
    )
    return bool(found)


async def past_the_worker(house: House, address: str) -> dict[str, Any]:
    """A payout of 5 by somebody who has the key, and no order."""
    url = house.stage.sandbox_url
    return await ask_coinqpay(url, COINQPAY_SEED, "payout", coin=COIN, address=address, amount="5")


async def until_status(house: House, withdrawal_id: str, status: int) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            [record] = await house.withdrawals(id=withdrawal_id)
            if record["status"] == status:
                return
            await asyncio.sleep(0.1)


async def until_refused(house: House, withdrawal_id: str) -> None:
    await house.until(
        "SELECT EXISTS (SELECT FROM ledger.refused_confirmation WHERE provider_ref = $1) AS it", withdrawal_id
    )


async def test_a_withdrawal_of_ours_is_confirmed_however_often_it_is_asked_about(house: House) -> None:
    order_id, address = house.new_id(), house.new_address()
    await house.webhooks(kind=KIND, delaySeconds=2)
    await house.client.publish(payout(order_id, address=address))
    await house.client.tap.told("processing", order_id)
    [record] = await house.withdrawals(address=address)
    assert [await confirm(house, question(record)) for _ in range(3)] == [200] * 3
    # What else it says is not believed anyway, and so not missed.
    assert await confirm(house, {"id": record["id"]}) == 200
    assert await confirm(house, {**question(record), "fee": 0.1, "coin": None}) == 200
    assert (await house.client.tap.end_of(order_id))["data"]["result"] == "succeeded"
    assert await confirm(house, question(record)) == 200
    await house.webhooks(kind=KIND, delaySeconds=0)


async def test_a_forged_id_is_refused_and_not_remembered(house: House) -> None:
    assert await confirm(house, FORGED) == 409
    assert not await refused(house, FORGED["id"])


async def test_a_withdrawal_without_an_order_is_refused_for_ever_and_never_paid(house: House) -> None:
    address, before = house.new_address(), (await house.stage.control("GET", "coinqpay/books"))["balances"]
    await house.webhooks(kind=KIND, retrySeconds=0.05)
    created = await past_the_worker(house, address)
    withdrawal_id = str(created["id"])
    await until_status(house, withdrawal_id, 6)  # the provider has asked for the last time
    assert await refused(house, withdrawal_id)
    webhooks = await house.stage.control("GET", "webhooks")
    [delivery] = [each for each in webhooks["deliveries"] if withdrawal_id in each["body"] and each["kind"] == KIND]
    assert (delivery["outcome"], delivery["tries"], delivery["lastStatus"]) == ("failed", 21, 409)
    assert (await house.stage.control("GET", "coinqpay/books"))["balances"] == before

    order_id = house.new_id()
    event = await house.ask(payout(order_id, address=address))  # equal, and ours
    assert event["data"]["result"] == "succeeded"
    assert event["data"]["providerRef"] != withdrawal_id
    assert await confirm(house, question(created)) == 409
    await house.webhooks(kind=KIND, retrySeconds=0.3)


async def test_a_refused_withdrawal_does_not_take_the_place_of_an_equal_order(house: House) -> None:
    address, order_id = house.new_address(), house.new_id()
    await house.webhooks(kind=KIND, retrySeconds=30)
    stranger = str((await past_the_worker(house, address))["id"])
    await until_refused(house, stranger)
    await house.stage.fault("truncated_list", keep=0)
    await house.stage.fault("reset", when="after", route="coinqpay.payout", times=1)
    event = await house.ask(payout(order_id, address=address))
    await house.stage.control("DELETE", "faults")
    assert event["data"]["providerRef"] != stranger
    assert [each["status"] for each in await house.withdrawals(id=stranger)] == [1]
    await house.end(stranger, 6)
    await house.webhooks(kind=KIND, retrySeconds=0.3)


async def test_what_is_under_way_already_is_refused(house: House) -> None:
    address = house.new_address()
    await house.webhooks(kind=KIND, on=False)
    await house.stage.control("POST", "coinqpay/hold", status=2)
    created = await past_the_worker(house, address)
    withdrawal_id = str(created["id"])
    await until_status(house, withdrawal_id, 2)
    assert await confirm(house, question(created)) == 409
    assert await refused(house, withdrawal_id)
    await house.end(withdrawal_id, 5)
    await house.stage.control("POST", "coinqpay/hold")
    await house.webhooks(kind=KIND, on=True)


async def test_a_withdrawal_of_another_amount_than_the_order_is_refused(house: House) -> None:
    address, order_id = house.new_address(), house.new_id()
    await house.webhooks(kind=KIND, delaySeconds=4)
    await house.client.publish(payout(order_id, "6", address=address))
    created = await past_the_worker(house, address)
    assert await confirm(house, question(created)) == 409
    assert (await house.client.tap.end_of(order_id))["data"]["result"] == "succeeded"
    await house.end(str(created["id"]), 6)
    await house.webhooks(kind=KIND, delaySeconds=0)


GARBAGE = {
    "nothing": b"",
    "half a body": b'{"id": "18',
    "no object": b"[]",
    "null": b"null",
    "not UTF-8": b'{"id": "\xff"}',
    "an id alone": b'{"id": "1812345678901234567"}',
    "an id that is a number": {**FORGED, "id": 1812345678901234567},
    "an id that is no id": {**FORGED, "id": "../books"},
    "an id that is too long": {**FORGED, "id": "1" * 21},
    "an amount that is none": {**FORGED, "withdraw_amount": "NaN"},
    "as large as may be": b" " * BODY_BYTES_MAX,
    "nested too deeply": b"[" * 5000,
}


@pytest.mark.parametrize("case", GARBAGE)
async def test_what_cannot_be_read_is_refused(house: House, case: str) -> None:
    assert await confirm(house, GARBAGE[case]) == 409


async def test_a_body_that_is_too_large_is_not_read(house: House) -> None:
    assert await confirm(house, b" " * (BODY_BYTES_MAX + 1)) == 413


async def test_a_question_must_be_posted(house: House) -> None:
    assert (await house.get(f"/webhooks/{ROUTE}")).status_code == 405


async def test_while_the_provider_cannot_be_asked_there_is_no_answer(house: House) -> None:
    house.provider.shut()
    assert await confirm(house, FORGED) == 503
    await house.provider.listen()
    assert await confirm(house, FORGED) == 409


async def test_while_the_database_is_away_there_is_no_answer_and_afterwards_there_is(house: House) -> None:
    order_id, address = house.new_id(), house.new_address()
    await house.webhooks(kind=KIND, delaySeconds=4)
    await house.client.publish(payout(order_id, address=address))
    await house.client.tap.told("processing", order_id)
    [record] = await house.withdrawals(address=address)
    house.database.shut()
    assert await confirm(house, question(record)) == 503
    assert [each["status"] for each in await house.withdrawals(id=record["id"])] == [1]
    await house.database.listen()
    await house.webhooks(kind=KIND, delaySeconds=0)
    assert (await house.client.tap.end_of(order_id))["data"]["result"] == "succeeded"
