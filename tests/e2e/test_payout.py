"""Payouts: the provider takes no order id for them, and yet each is paid once; and every way in which they end."""

from decimal import Decimal

import pytest

from tests.e2e.commands import COIN, SUPPLIER, payout
from tests.e2e.house import House

pytestmark = pytest.mark.usefixtures("calm")

LONG_AGO = "2020-01-01T00:00:00Z"


# ---------------------------------------------------------------- done


async def test_a_payout_is_posted_with_the_amounts_of_the_providers_record(house: House) -> None:
    order_id = house.new_id()
    before = await house.merchant()
    event = await house.ask(payout(order_id))
    [record] = await house.withdrawals(id=event["data"]["providerRef"])
    assert (record["address"], record["withdraw_amount"], record["status"]) == (SUPPLIER, "5", 4)
    assert event["data"] == {
        "orderId": order_id,
        "type": "payout",
        "result": "succeeded",
        "sequence": 2,
        "provider": "coinqpay",
        "providerRef": record["id"],
        "entries": [
            {"account": "merchant", "coin": COIN, "amount": "-4.8951", "purpose": "payout"},
            {"account": "custody", "coin": COIN, "amount": "4.8951", "purpose": "payout"},
            {"account": "merchant", "coin": COIN, "amount": "-0.1049", "purpose": "provider_fee"},
            {"account": "custody", "coin": COIN, "amount": "0.1049", "purpose": "provider_fee"},
        ],
        "error": None,
    }
    assert await house.stage.lines(order_id) == [
        ("merchant", Decimal("-4.8951"), "payout"),
        ("merchant", Decimal("-0.1049"), "provider_fee"),
        ("custody", Decimal("0.1049"), "provider_fee"),
        ("custody", Decimal("4.8951"), "payout"),
    ]
    assert await house.merchant() == (before[0] - 5, 0, before[2] - 5)
    processing = await house.client.tap.told("processing", order_id)
    assert processing["data"]["providerRef"] == record["id"]
    assert house.client.tap.message_of(processing).routing_key == "payout.processing"
    assert house.results(order_id) == ["processing", "succeeded"]


async def test_a_payout_from_a_users_account_takes_from_nobody_else(house: House) -> None:
    user, order_id = house.new_id("user"), house.new_id()
    await house.stage.adjust(f"user:{user}", "10", house.new_id("adjust"), COIN, "coinqpay")
    await house.stage.control("POST", "coinqpay/fund", coin=COIN, amount="10")
    before = await house.merchant()
    event = await house.ask(payout(order_id, "6", account=f"user:{user}"))
    assert event["data"]["result"] == "succeeded"
    assert await house.stage.balance(f"user:{user}", COIN, "coinqpay") == (4, 0, 4)
    assert await house.merchant() == before


async def test_the_same_command_again_is_answered_with_the_same_event(house: House) -> None:
    order_id, address = house.new_id(), house.new_address()
    command = payout(order_id, address=address)
    first = await house.ask(command)
    await house.client.publish({**command, "amount": "5.00", "account": "merchant"})
    assert await house.client.tap.told("succeeded", order_id, 2) == first
    assert len(await house.withdrawals(address=address)) == 1


async def test_other_content_under_the_same_order_id_is_a_conflict_and_pays_nothing(house: House) -> None:
    order_id, address, other = house.new_id(), house.new_address(), house.new_address()
    await house.ask(payout(order_id, address=address))
    await house.client.publish(payout(order_id, address=other))
    conflict = await house.client.tap.told("rejected", order_id)
    assert conflict["data"]["error"]["code"] == "order_id_conflict"
    assert await house.withdrawals(address=other) == []


async def test_equal_payouts_are_paid_one_after_the_other_and_each_once(house: House) -> None:
    address = house.new_address()
    orders = [house.new_id() for _ in range(4)]
    for order_id in orders:
        await house.client.publish(payout(order_id, address=address))
    refs = {(await house.client.tap.end_of(order_id))["data"]["providerRef"] for order_id in orders}
    paid = await house.withdrawals(address=address)
    assert {record["id"] for record in paid} == refs
    assert [record["status"] for record in paid] == [4] * 4
    assert [(await house.stage.order(order_id))["attempts"] for order_id in orders] == [1] * 4


# ---------------------------------------------------------------- answers that are lost


@pytest.mark.parametrize("kind", ["reset", "http_500", "http_502", "non_json", "truncated_json"])
async def test_a_payout_whose_answer_is_lost_is_bound_by_its_confirmation(house: House, kind: str) -> None:
    order_id, address = house.new_id(), house.new_address()
    await house.stage.fault("truncated_list", keep=0)  # the list shows nothing: only the confirmation is left
    await house.stage.fault(kind, when="after", route="coinqpay.payout", times=1)
    event = await house.ask(payout(order_id, address=address))
    await house.stage.control("DELETE", "faults")
    [record] = await house.withdrawals(address=address)
    assert (event["data"]["result"], event["data"]["providerRef"]) == ("succeeded", record["id"])
    assert (await house.stage.order(order_id))["attempts"] == 1


async def test_without_the_confirmation_a_payout_whose_answer_is_lost_is_bound_by_the_list(house: House) -> None:
    order_id, address = house.new_id(), house.new_address()
    await house.webhooks(kind="coinqpay.confirm", on=False)
    await house.webhooks(kind="coinqpay.withdrawal", on=False)
    await house.stage.fault("reset", when="after", route="coinqpay.payout", times=1)
    event = await house.ask(payout(order_id, address=address))
    await house.webhooks(on=True)
    [record] = await house.withdrawals(address=address)
    assert (event["data"]["result"], event["data"]["providerRef"]) == ("succeeded", record["id"])


async def test_a_payout_equal_to_one_in_doubt_waits_until_that_one_is_bound(house: House) -> None:
    first, second, address = house.new_id(), house.new_id(), house.new_address()
    await house.stage.fault("truncated_list", keep=0)
    await house.webhooks(on=False)
    await house.stage.fault("reset", when="after", route="coinqpay.payout", times=1)
    await house.client.publish(payout(first, address=address))
    await house.until_state(first, "unknown")
    await house.client.publish(payout(second, address=address))
    await house.until_state(second, "held")
    assert len(await house.withdrawals(address=address)) == 1
    await house.webhooks(on=True)
    await house.stage.control("DELETE", "faults")  # the list shows the first, and binds it
    ends = [await house.client.tap.end_of(order_id) for order_id in (first, second)]
    paid = await house.withdrawals(address=address)
    assert [record["id"] for record in paid] == [event["data"]["providerRef"] for event in ends]


# ---------------------------------------------------------------- not paid


@pytest.mark.parametrize(("status", "code"), [(5, "failed"), (6, "approve_failed")])
async def test_a_payout_that_the_provider_does_not_pay_fails_and_frees_the_funds(
    house: House, status: int, code: str
) -> None:
    order_id, address = house.new_id(), house.new_address()
    before = await house.merchant()
    await house.stage.control("POST", "coinqpay/end-withdrawal", status=status, address=address)
    event = await house.ask(payout(order_id, address=address))
    error = event["data"]["error"]
    assert (event["data"]["result"], error["code"], error["providerCode"]) == ("failed", code, str(status))
    assert event["data"]["entries"] == []
    assert await house.stage.lines(order_id) == []
    assert await house.merchant() == before


@pytest.mark.parametrize("status", [7, 8])
async def test_a_payout_whose_money_nobody_knows_of_is_in_review_until_the_provider_knows(
    house: House, status: int
) -> None:
    order_id, address = house.new_id(), house.new_address()
    posted, _, available = await house.merchant()
    await house.stage.control("POST", "coinqpay/end-withdrawal", status=status, address=address)
    await house.client.publish(payout(order_id, address=address))
    review = await house.client.tap.told("review", order_id)
    assert review["data"]["error"]["code"] == "disputed"
    assert (review["data"]["entries"], review["data"]["sequence"]) == ([], 2)
    assert house.client.tap.message_of(review).routing_key == "payout.review"
    assert await house.merchant() == (posted, 5, available - 5)
    [record] = await house.withdrawals(address=address)
    await house.end(record["id"], 4)
    assert (await house.client.tap.end_of(order_id))["data"]["result"] == "succeeded"
    assert house.results(order_id) == ["processing", "review", "succeeded"]


async def test_a_refusal_of_the_provider_fails_the_order_and_frees_the_funds(house: House) -> None:
    order_id, before = house.new_id(), await house.merchant()
    event = await house.ask(payout(order_id, address="no-address-of-any-chain"))
    error = event["data"]["error"]
    assert (event["data"]["result"], error["code"], error["providerCode"]) == ("failed", "address_invalid", "12012")
    assert house.results(order_id) == ["failed"]
    assert await house.merchant() == before


async def test_a_payout_that_the_ledger_covers_and_the_provider_does_not_fails(house: House) -> None:
    order_id, user = house.new_id(), house.new_id("user")
    await house.stage.adjust(f"user:{user}", "9000000", house.new_id("adjust"), COIN, "coinqpay")
    event = await house.ask(payout(order_id, "9000000", account=f"user:{user}"))
    assert event["data"]["error"]["code"] == "balance_insufficient"
    await house.stage.adjust(f"user:{user}", "-9000000", house.new_id("adjust"), COIN, "coinqpay")


REJECTED = {
    "more than the account has": ({"amount": "999999999"}, "insufficient_funds"),
    "an account that was never used": ({"account": "user:nobody1"}, "insufficient_funds"),
    "a coin that the provider does not list": ({"coin": "DOGE"}, "unsupported"),
    "more decimals than the coin has": ({"amount": "5.0000001"}, "amount_precision"),
    "expired": ({"expiresAt": LONG_AGO}, "expired"),
}


@pytest.mark.parametrize("case", REJECTED)
async def test_a_payout_that_cannot_be_is_rejected_and_nothing_is_sent(house: House, case: str) -> None:
    changes, code = REJECTED[case]
    order_id, address, before = house.new_id(), house.new_address(), await house.merchant()
    assert await house.refuse(payout(order_id, **{"address": address, **changes})) == code
    assert await house.withdrawals(address=address) == []
    assert await house.merchant() == before
    assert (await house.stage.order(order_id))["attempts"] == 0
    await house.client.publish(payout(order_id, address=address))  # the orderId is used up
    conflict = await house.client.tap.delivery(order_id, 2)
    assert conflict["data"]["error"]["code"] == "order_id_conflict"


async def test_what_is_no_payout_is_told_and_kept_and_leaves_its_order_id_free(house: House) -> None:
    order_id, address = house.new_id(), house.new_address()
    await house.client.publish({**payout(order_id, address=address), "amount": 5})
    told = await house.client.tap.told("rejected", order_id)
    assert told["data"]["error"]["code"] == "invalid_command"
    letter = await house.client.dead_letter("coinqpay")
    assert b"amount" in str(letter.headers["x-ledger-reason"]).encode()
    assert (await house.ask(payout(order_id, address=address)))["data"]["result"] == "succeeded"


# ---------------------------------------------------------------- a provider that is away


async def test_an_account_that_is_frozen_for_a_while_delays_a_payout(house: House) -> None:
    order_id = house.new_id()
    await house.stage.control("POST", "coinqpay/freeze", frozen=True)
    await house.client.publish(payout(order_id))
    await house.until_state(order_id, "held")
    await house.stage.control("POST", "coinqpay/freeze", frozen=False)
    assert (await house.client.tap.end_of(order_id))["data"]["result"] == "succeeded"
    assert (await house.stage.order(order_id))["attempts"] >= 2


async def test_a_payout_of_a_closed_coin_waits_and_is_paid_once_when_it_is_open_again(house: House) -> None:
    order_id, address, before = house.new_id(), house.new_address(), await house.merchant()
    await house.stage.control("POST", "coinqpay/coin", coin=COIN, available=False)
    await house.client.publish(payout(order_id, address=address))
    await house.until_state(order_id, "held")
    assert (await house.stage.order(order_id))["error_code"] == "coin_unavailable"
    assert await house.merchant() == (before[0], 5, before[2] - 5)
    assert await house.withdrawals(address=address) == []
    await house.stage.control("POST", "coinqpay/coin", coin=COIN, available=True)
    assert (await house.client.tap.end_of(order_id))["data"]["result"] == "succeeded"
    assert len(await house.withdrawals(address=address)) == 1
    assert "review" not in house.results(order_id)


async def test_a_payout_of_a_coin_that_stays_closed_fails_when_it_expires_and_frees_the_funds(house: House) -> None:
    order_id, before = house.new_id(), await house.merchant()
    await house.stage.control("POST", "coinqpay/coin", coin=COIN, available=False)
    event = await house.ask(payout(order_id, expiresAt=house.in_seconds(1.5)))
    assert (event["data"]["result"], event["data"]["error"]["code"]) == ("failed", "expired")
    assert house.results(order_id) == ["failed"]
    assert await house.stage.lines(order_id) == []
    assert await house.merchant() == before


async def test_a_provider_that_is_away_delays_a_payout_which_is_then_paid_once(house: House) -> None:
    order_id, address = house.new_id(), house.new_address()
    house.provider.shut()
    await house.client.publish(payout(order_id, address=address))
    await house.until_state(order_id, "held")
    await house.provider.listen()
    assert (await house.client.tap.end_of(order_id))["data"]["result"] == "succeeded"
    assert len(await house.withdrawals(address=address)) == 1
