"""Withdrawals while somebody changes where they go: each goes where it was signed for, or is not sent at all."""

import json
from typing import Any

import pytest

from tests.e2e.commands import BOUND_ADDRESS, COIN, SUPPLIER, withdraw
from tests.e2e.house import House, working

pytestmark = pytest.mark.usefixtures("calm")


def bound(**addresses: str) -> dict[str, str]:
    """The setting of a worker."""
    return {"LEDGER_COINQPAY_WITHDRAW_ADDRESSES": json.dumps(addresses)}


TO_ANOTHER, TO_NONE = bound(**{COIN: SUPPLIER}), bound(ETH="0xb9a78dd2bc989cff715e1d8d95bb3474b61aeb9c")


async def made(house: House, amount: str) -> list[dict[str, Any]]:
    return await house.withdrawals(withdraw_amount=amount)


async def test_a_withdrawal_that_is_under_way_ends_as_it_was_signed(empty_house: House) -> None:
    house, order_id = empty_house, empty_house.new_id()
    await house.stage.control("POST", "coinqpay/hold", status=2)
    async with working(house):
        await house.client.publish(withdraw(order_id, "31"))
        await house.client.tap.told("processing", order_id)
    [record] = await made(house, "31")
    async with working(house.having(**TO_ANOTHER)):
        await house.end(record["id"], 4)
        event = await house.client.tap.end_of(order_id)
    assert (event["data"]["result"], event["data"]["providerRef"]) == ("succeeded", record["id"])
    assert house.results(order_id) == ["processing", "succeeded"]


async def test_a_withdrawal_whose_answer_was_lost_is_found_where_it_was_signed_for(empty_house: House) -> None:
    house, order_id = empty_house, empty_house.new_id()
    await house.stage.fault("truncated_list", keep=0)
    await house.stage.fault("reset", when="after", route="coinqpay.withdraw", times=1)
    await house.webhooks(kind="coinqpay.confirm", on=False)
    async with working(house):
        await house.client.publish(withdraw(order_id, "32"))
        await house.until_state(order_id, "unknown")
    await house.stage.control("DELETE", "faults")
    async with working(house.having(**TO_ANOTHER)):
        event = await house.client.tap.end_of(order_id)
    [record] = await made(house, "32")
    assert record["address"] == BOUND_ADDRESS
    assert (event["data"]["result"], event["data"]["providerRef"]) == ("succeeded", record["id"])


async def test_a_withdrawal_that_waits_is_not_sent_once_no_address_is_bound(empty_house: House) -> None:
    house, order_id = empty_house, empty_house.new_id()
    await house.stage.control("POST", "coinqpay/coin", coin=COIN, available=False)
    async with working(house):
        await house.client.publish(withdraw(order_id, "33"))
        await house.until_state(order_id, "held")
    await house.stage.control("POST", "coinqpay/coin", coin=COIN, available=True)
    async with working(house.having(**TO_NONE)):
        await house.until(
            "SELECT error_code = 'address_not_bound' AS it FROM ledger.order_status WHERE order_id = $1", order_id
        )
    assert await made(house, "33") == []
    async with working(house):
        event = await house.client.tap.end_of(order_id)
    [record] = await made(house, "33")
    assert (event["data"]["result"], event["data"]["providerRef"]) == ("succeeded", record["id"])


async def test_a_withdrawal_that_waits_goes_to_the_address_that_is_bound_when_it_is_signed(
    empty_house: House,
) -> None:
    house, order_id = empty_house, empty_house.new_id()
    await house.stage.control("POST", "coinqpay/coin", coin=COIN, available=False)
    async with working(house.having(**TO_ANOTHER)):
        await house.client.publish(withdraw(order_id, "34"))
        await house.until_state(order_id, "held")
    await house.stage.control("POST", "coinqpay/coin", coin=COIN, available=True)
    async with working(house):
        event = await house.client.tap.end_of(order_id)
    [record] = await made(house, "34")
    assert record["address"] == BOUND_ADDRESS
    assert (event["data"]["result"], event["data"]["providerRef"]) == ("succeeded", record["id"])


async def test_a_withdrawal_in_review_for_its_address_ends_once_the_setting_is_mended(empty_house: House) -> None:
    house, order_id = empty_house, empty_house.new_id()
    await house.webhooks(kind="coinqpay.confirm", on=False)
    await house.stage.control("POST", "coinqpay/hold", status=2)
    async with working(house.having(**TO_ANOTHER)):
        await house.client.publish(withdraw(order_id, "35"))
        review = await house.client.tap.told("review", order_id)
    assert review["data"]["error"]["message"] == "the provider's record differs in address"
    [record] = await made(house, "35")
    await house.end(record["id"], 4)
    async with working(house):
        event = await house.client.tap.end_of(order_id)
    assert (event["data"]["result"], event["data"]["providerRef"]) == ("succeeded", record["id"])
