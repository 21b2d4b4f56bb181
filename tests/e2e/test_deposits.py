"""Deposits: credited once each, whoever tells of them or nobody; what is not money is remembered with its reason."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.house import House

pytestmark = pytest.mark.usefixtures("calm")

JOB = "deposits.ccpayment"
KIND = "ccpayment"


async def line(house: House, record_id: str) -> dict[str, Any]:
    """What the worker knows of a deposit."""
    [row] = await house.stage.query("SELECT * FROM ledger.deposit_line WHERE record_id = $1", record_id)
    return row


async def until_known_as(house: House, record_id: str, state: str) -> dict[str, Any]:
    await house.until(
        "SELECT EXISTS (SELECT FROM ledger.deposit_line WHERE record_id = $1 AND state = $2) AS it", record_id, state
    )
    return await line(house, record_id)


async def posted(house: House, account: str, coin: str = "1280") -> Decimal:
    return (await house.stage.balance(account, coin))[0]


def told(house: House, record_id: str) -> set[str]:
    """The ids of the events that told of it."""
    return {event["id"] for event in house.client.tap.events if event["data"].get("recordId") == record_id}


# ---------------------------------------------------------------- credited


async def test_a_deposit_of_a_user_is_credited_with_its_fee(house: House) -> None:
    user, tx_id = house.new_id("user"), house.new_id("tx")
    record_id = (await house.deposit(userId=user, txId=tx_id))["recordId"]
    event = await house.client.tap.credited(record_id)
    assert event["data"] == {
        "orderId": None,
        "type": "deposit",
        "result": "credited",
        "sequence": 0,
        "provider": "ccpayment",
        "recordId": record_id,
        "account": f"user:{user}",
        "coin": "1280",
        "amount": "10",
        "fee": "0.05",
        "chain": "TRX",
        "txId": tx_id,
        "entries": [
            {"account": "custody", "coin": "1280", "amount": "-10", "purpose": "deposit"},
            {"account": f"user:{user}", "coin": "1280", "amount": "10", "purpose": "deposit"},
            {"account": f"user:{user}", "coin": "1280", "amount": "-0.05", "purpose": "provider_fee"},
            {"account": "custody", "coin": "1280", "amount": "0.05", "purpose": "provider_fee"},
        ],
    }
    message = house.client.tap.message_of(event)
    assert (message.routing_key, event["type"]) == ("deposit.credited", "ledger.deposit.credited")
    assert event["subject"] == f"deposit:ccpayment:{record_id}"
    assert await house.stage.lines(f"deposit:ccpayment:{record_id}") == [
        ("custody", Decimal(-10), "deposit"),
        (f"user:{user}", Decimal("-0.05"), "provider_fee"),
        ("custody", Decimal("0.05"), "provider_fee"),
        (f"user:{user}", Decimal(10), "deposit"),
    ]
    assert await posted(house, f"user:{user}") == Decimal("9.95")


async def test_a_deposit_to_the_merchant_is_credited_to_the_merchant(house: House) -> None:
    before = await posted(house, "merchant")
    record_id = (await house.deposit(referenceId=house.new_id("ref")))["recordId"]
    event = await house.client.tap.credited(record_id)
    assert event["data"]["account"] == "merchant"
    assert await posted(house, "merchant") == before + Decimal("9.95")


async def test_a_user_and_a_coin_that_were_never_seen_get_their_account(house: House) -> None:
    user = house.new_id("user")
    record_id = (await house.deposit(userId=user, coinId=9002, chain="XLM", amount="3.5"))["recordId"]
    event = await house.client.tap.credited(record_id)
    assert (event["data"]["account"], event["data"]["coin"]) == (f"user:{user}", "9002")
    assert await posted(house, f"user:{user}", "9002") == Decimal("3.4825")


async def test_what_was_deposited_can_be_spent(house: House) -> None:
    user, order_id = house.new_id("user"), house.new_id()
    await house.client.tap.credited((await house.deposit(userId=user))["recordId"])
    command = {"fromUserId": user, "toUserId": house.new_id("user"), "coinId": 1280, "amount": "9.95"}
    event = await house.ask({"type": "transfer", "orderId": order_id, **command})
    assert event["data"]["result"] == "succeeded"
    assert await posted(house, f"user:{user}") == 0


async def test_a_deposit_that_is_pending_is_credited_when_it_is_done(house: House) -> None:
    user = house.new_id("user")
    record_id = (await house.deposit(userId=user, pendingSeconds=2))["recordId"]
    known = await until_known_as(house, record_id, "pending")
    assert (known["account"], known["amount"]) == (f"user:{user}", 10)
    assert told(house, record_id) == set()
    await house.client.tap.credited(record_id)
    assert (await line(house, record_id))["state"] == "credited"


async def test_a_pending_deposit_whose_end_no_webhook_tells_is_looked_at_again(house: House) -> None:
    record_id = (await house.deposit(userId=house.new_id("user"), pendingSeconds=1))["recordId"]
    await until_known_as(house, record_id, "pending")
    await house.webhooks(kind=KIND, on=False)
    await asyncio.sleep(1)  # until it is done at the provider, by its own clock
    house.make_due(JOB)
    await house.client.tap.credited(record_id)


async def test_two_outputs_of_one_transaction_are_two_deposits(house: House) -> None:
    user, reference, tx_id = house.new_id("user"), house.new_id("ref"), house.new_id("tx")
    before = await posted(house, "merchant")
    sent = [
        {"referenceId": reference, "txIndex": 0},
        {"referenceId": reference, "txIndex": 1},
        {"userId": user, "txIndex": 2},
        {"userId": user, "txIndex": 3, "amount": "20"},
    ]
    for fields in sent:
        await house.client.tap.credited((await house.deposit(txId=tx_id, **fields))["recordId"])
    assert await posted(house, "merchant") == before + Decimal("19.9")
    assert await posted(house, f"user:{user}") == Decimal("29.85")


# ---------------------------------------------------------------- not credited


@pytest.mark.parametrize("case", ["risky", "fails"])
async def test_what_is_not_money_is_remembered_and_not_credited(house: House, case: str) -> None:
    user = house.new_id("user")
    record_id = (await house.deposit(userId=user, **{case: True}))["recordId"]
    state = {"risky": "risky", "fails": "failed"}[case]
    known = await until_known_as(house, record_id, state)
    assert known["note"]
    house.make_due(JOB)  # looked at again: it stays what it is
    await house.client.tap.credited((await house.deposit(userId=user))["recordId"])
    assert told(house, record_id) == set()
    assert (await line(house, record_id))["state"] == state
    assert await posted(house, f"user:{user}") == Decimal("9.95")


@pytest.mark.parametrize("tells", [True, False], ids=["told by a webhook", "looked at again"])
async def test_a_risky_deposit_is_credited_when_its_flag_is_lifted(house: House, tells: bool) -> None:
    user = house.new_id("user")
    record_id = (await house.deposit(userId=user, risky=True))["recordId"]
    await until_known_as(house, record_id, "risky")
    await house.webhooks(kind=KIND, on=tells)
    await house.stage.control("POST", "ccpayment/change-deposit", recordId=record_id, risky=False)
    if not tells:
        house.make_due(JOB)
    event = await house.client.tap.credited(record_id)
    assert (event["data"]["account"], event["data"]["amount"]) == (f"user:{user}", "10")
    assert await posted(house, f"user:{user}") == Decimal("9.95")
    assert (await line(house, record_id))["note"] is None


async def test_a_second_equal_output_that_nothing_tells_apart_is_left_to_a_person(house: House) -> None:
    user, tx_id = house.new_id("user"), house.new_id("tx")
    first = (await house.deposit(userId=user, txId=tx_id, txIndex=0))["recordId"]
    await house.client.tap.credited(first)
    second = (await house.deposit(userId=user, txId=tx_id, txIndex=1))["recordId"]
    known = await until_known_as(house, second, "repeated")
    assert "a person" in known["note"]
    assert await posted(house, f"user:{user}") == Decimal("9.95")
    await house.stage.adjust(f"user:{user}", "9.95", house.new_id("adjust"))  # what the person does


# ---------------------------------------------------------------- found without a webhook


@pytest.mark.parametrize("owner", ["userId", "referenceId"])
async def test_a_deposit_of_which_no_webhook_told_is_found_in_the_list(house: House, owner: str) -> None:
    user = await house.rich_user("1")
    await house.webhooks(kind=KIND, on=False)
    name = user if owner == "userId" else house.new_id("ref")
    record_id = (await house.deposit(**{owner: name}))["recordId"]
    house.make_due(JOB)
    event = await house.client.tap.credited(record_id)
    assert event["data"]["amount"] == "10"


async def test_a_webhook_during_an_outage_of_the_provider_is_read_back_later(house: House) -> None:
    user = house.new_id("user")
    await house.stage.fault("http_502", route="getUserDepositRecord", times=1)
    record_id = (await house.deposit(userId=user))["recordId"]
    await house.until_fired()
    house.make_due(JOB)
    await house.client.tap.credited(record_id)


async def test_webhooks_twice_lists_and_two_workers_at_once_credit_each_deposit_once(house: House) -> None:
    user = await house.rich_user("1")
    await house.webhooks(kind=KIND, duplicate=True)
    async with house.stage.worker("--role", "schedule,relay"):
        records = []
        for number in range(15):
            records.append((await house.deposit(userId=user, amount=str(number + 1)))["recordId"])
            house.make_due(JOB)
        for record_id in records:
            await house.client.tap.credited(record_id)
        house.make_due(JOB)
        await house.client.tap.credited((await house.deposit(userId=house.new_id("user")))["recordId"])
    assert [len(told(house, record_id)) for record_id in records] == [1] * 15
    assert [len(await house.stage.lines(f"deposit:ccpayment:{record_id}")) for record_id in records] == [4] * 15
    assert await posted(house, f"user:{user}") == 1 + 120 - Decimal("0.6")
