"""Withdrawals to the bound address: as payouts, to an address that is in the settings and not in the command."""

from decimal import Decimal

import pytest

from tests.e2e.commands import BOUND_ADDRESS, COIN, withdraw
from tests.e2e.house import House

pytestmark = pytest.mark.usefixtures("calm")


async def made(house: House, amount: str) -> list[str]:
    """The ids of the withdrawals of this amount."""
    return [record["id"] for record in await house.withdrawals(withdraw_amount=amount)]


async def test_a_withdrawal_goes_to_the_bound_address_and_is_posted_from_the_providers_record(house: House) -> None:
    order_id = house.new_id()
    event = await house.ask(withdraw(order_id, "9"))
    [record] = await house.withdrawals(withdraw_amount="9")
    assert (record["address"], record["id"]) == (BOUND_ADDRESS, event["data"]["providerRef"])
    assert event["data"]["entries"] == [
        {"account": "merchant", "coin": COIN, "amount": "-8.89118", "purpose": "withdraw"},
        {"account": "custody", "coin": COIN, "amount": "8.89118", "purpose": "withdraw"},
        {"account": "merchant", "coin": COIN, "amount": "-0.10882", "purpose": "provider_fee"},
        {"account": "custody", "coin": COIN, "amount": "0.10882", "purpose": "provider_fee"},
    ]
    assert await house.stage.lines(order_id) == [
        ("merchant", Decimal("-8.89118"), "withdraw"),
        ("merchant", Decimal("-0.10882"), "provider_fee"),
        ("custody", Decimal("0.10882"), "provider_fee"),
        ("custody", Decimal("8.89118"), "withdraw"),
    ]
    assert house.results(order_id) == ["processing", "succeeded"]


@pytest.mark.parametrize(("status", "code", "amount"), [(5, "failed", "10"), (6, "approve_failed", "11")])
async def test_a_withdrawal_that_the_provider_does_not_pay_fails_and_frees_the_funds(
    house: House, status: int, code: str, amount: str
) -> None:
    order_id, before = house.new_id(), await house.merchant()
    await house.stage.control("POST", "coinqpay/end-withdrawal", status=status, coin=COIN, amount=amount)
    event = await house.ask(withdraw(order_id, amount))
    assert (event["data"]["result"], event["data"]["error"]["code"]) == ("failed", code)
    assert await house.stage.lines(order_id) == []
    assert await house.merchant() == before


@pytest.mark.parametrize(("status", "amount"), [(7, "12"), (8, "13")])
async def test_a_withdrawal_whose_money_nobody_knows_of_is_in_review_and_fails_late(
    house: House, status: int, amount: str
) -> None:
    order_id, (posted, _, available) = house.new_id(), await house.merchant()
    await house.stage.control("POST", "coinqpay/end-withdrawal", status=status, coin=COIN, amount=amount)
    await house.client.publish(withdraw(order_id, amount))
    await house.client.tap.told("review", order_id)
    assert await house.merchant() == (posted, int(amount), available - int(amount))
    [withdrawal_id] = await made(house, amount)
    await house.end(withdrawal_id, 5)
    assert (await house.client.tap.end_of(order_id))["data"]["result"] == "failed"
    assert await house.merchant() == (posted, 0, available)


async def test_a_withdrawal_whose_answer_is_lost_is_bound_by_its_confirmation(house: House) -> None:
    order_id = house.new_id()
    await house.stage.fault("truncated_list", keep=0)
    await house.stage.fault("reset", when="after", route="coinqpay.withdraw", times=1)
    event = await house.ask(withdraw(order_id, "14"))
    await house.stage.control("DELETE", "faults")
    assert event["data"]["result"] == "succeeded"
    assert await made(house, "14") == [event["data"]["providerRef"]]
    assert (await house.stage.order(order_id))["attempts"] == 1


async def test_a_withdrawal_whose_confirmation_and_answer_are_lost_is_bound_by_the_list(house: House) -> None:
    order_id = house.new_id()
    await house.webhooks(kind="coinqpay.confirm", on=False)
    await house.webhooks(kind="coinqpay.withdrawal", on=False)
    await house.stage.fault("truncated_json", when="after", route="coinqpay.withdraw", times=1)
    event = await house.ask(withdraw(order_id, "15"))
    await house.webhooks(on=True)
    assert await made(house, "15") == [event["data"]["providerRef"]]


async def test_equal_withdrawals_are_made_one_after_the_other(house: House) -> None:
    orders = [house.new_id() for _ in range(3)]
    for order_id in orders:
        await house.client.publish(withdraw(order_id, "16"))
    refs = [(await house.client.tap.end_of(order_id))["data"]["providerRef"] for order_id in orders]
    assert sorted(refs) == sorted(await made(house, "16"))
    assert len(set(refs)) == 3


async def test_repeats_are_answered_and_conflicts_are_told(house: House) -> None:
    order_id = house.new_id()
    first = await house.ask(withdraw(order_id, "17"))
    await house.client.publish(withdraw(order_id, "17"))
    assert await house.client.tap.told("succeeded", order_id, 2) == first
    await house.client.publish(withdraw(order_id, "17.5"))
    conflict = await house.client.tap.told("rejected", order_id)
    assert conflict["data"]["error"]["code"] == "order_id_conflict"
    assert len(await made(house, "17")) == 1
    assert await made(house, "17.5") == []


REJECTED = {
    "a coin without a bound address": ({"coin": "ETH", "amount": "18"}, "unsupported"),
    "a coin of no provider": ({"coin": "DOGE", "amount": "18"}, "unsupported"),
    "more than the account has": ({"amount": "88888888"}, "insufficient_funds"),
    "more decimals than the coin has": ({"amount": "18.1234567"}, "amount_precision"),
    "expired": ({"expiresAt": "2020-01-01T00:00:00Z", "amount": "18"}, "expired"),
    "an address": ({"address": BOUND_ADDRESS}, "invalid_command"),
}


@pytest.mark.parametrize("case", REJECTED)
async def test_a_withdrawal_that_cannot_be_is_rejected_and_nothing_is_sent(house: House, case: str) -> None:
    changes, code = REJECTED[case]
    order_id, before, ids = house.new_id(), await house.merchant(), await house.withdrawals()
    await house.client.publish(withdraw(order_id, **{"amount": "18", **changes}))
    event = await house.client.tap.told("rejected", order_id)
    assert event["data"]["error"]["code"] == code
    assert await house.withdrawals() == ids
    assert await house.merchant() == before


async def test_a_provider_that_is_away_delays_a_withdrawal_until_it_is_back(house: House) -> None:
    order_id = house.new_id()
    house.provider.shut()
    await house.client.publish(withdraw(order_id, "19"))
    await house.until_state(order_id, "held")
    await house.provider.listen()
    assert (await house.client.tap.end_of(order_id))["data"]["result"] == "succeeded"
    assert len(await made(house, "19")) == 1


async def test_a_withdrawal_that_expires_while_the_provider_is_away_is_never_made(house: House) -> None:
    order_id, before = house.new_id(), await house.merchant()
    house.provider.shut()
    await house.client.publish(withdraw(order_id, "20", expiresAt=house.in_seconds(1.5)))
    event = await house.client.tap.end_of(order_id)
    await house.provider.listen()
    assert (event["data"]["result"], event["data"]["error"]["code"]) == ("failed", "expired")
    assert await made(house, "20") == []
    assert await house.merchant() == before
