"""Pay orders: told when they can be paid; what is really paid is credited, whenever and however much."""

from datetime import datetime
from typing import Any

import pytest

from tests.e2e.commands import COIN, pay_order
from tests.e2e.house import House

pytestmark = pytest.mark.usefixtures("calm")

JOB = "late-payments.coinqpay"


async def created(house: House, order_id: str, **fields: object) -> dict[str, Any]:
    """Publish it; what was told when it could be paid."""
    await house.client.publish(pay_order(order_id, **fields))
    data: dict[str, Any] = (await house.client.tap.told("created", order_id))["data"]
    return data


async def pay(house: House, order_id: str, **fields: object) -> None:
    await house.stage.control("POST", "coinqpay/pay", orderId=order_id, **fields)


async def posted(house: House, account: str = "merchant") -> Any:
    return (await house.stage.balance(account, COIN, "coinqpay"))[0]


async def test_a_pay_order_is_told_as_created_credited_and_succeeded(house: House) -> None:
    order_id, before = house.new_id(), await posted(house)
    data = await created(house, order_id)
    books = await house.stage.control("GET", "coinqpay/books")
    [order] = [order for order in books["payOrders"] if order["order_id"] == order_id]
    assert datetime.fromisoformat(data["expiresAt"]).timestamp() == order["expire_time"]
    assert {name: value for name, value in data.items() if name != "expiresAt"} == {
        "orderId": order_id,
        "type": "payOrder",
        "result": "created",
        "sequence": 2,
        "provider": "coinqpay",
        "paymentId": order["payment_id"],
        "coin": COIN,
        "amount": "30",
        "address": order["address"],
    }
    event = await house.client.tap.told("created", order_id)
    assert event["type"] == "ledger.payOrder.created"
    assert house.client.tap.message_of(event).routing_key == "payOrder.created"
    assert await posted(house) == before

    await pay(house, order_id)
    ended = await house.client.tap.end_of(order_id)
    credited = await house.client.tap.credited(order["payment_id"])
    entries = [
        {"account": "custody", "coin": COIN, "amount": "-30", "purpose": "deposit"},
        {"account": "merchant", "coin": COIN, "amount": "30", "purpose": "deposit"},
    ]
    assert (ended["data"]["result"], ended["data"]["entries"]) == ("succeeded", entries)
    assert credited["data"]["entries"] == entries
    assert (credited["data"]["orderId"], credited["data"]["account"]) == (order_id, "merchant")
    assert (credited["data"]["amount"], credited["data"]["fee"], credited["data"]["chain"]) == ("30", "0", "TRON")
    assert house.client.tap.message_of(credited).routing_key == "deposit.credited"
    assert house.results(order_id) == ["processing", "created", "credited", "succeeded"]
    assert await posted(house) == before + 30


async def test_a_pay_order_of_a_user_is_credited_to_the_user(house: House) -> None:
    user, order_id = house.new_id("user"), house.new_id()
    await created(house, order_id, account=f"user:{user}", amount="1.25")
    await pay(house, order_id)
    await house.client.tap.end_of(order_id)
    assert str(await posted(house, f"user:{user}")) == "1.25"


@pytest.mark.parametrize("amount", ["29.5", "31", "0.000001"])
async def test_what_is_paid_counts_and_not_what_was_asked_for(house: House, amount: str) -> None:
    user, order_id = house.new_id("user"), house.new_id()
    await created(house, order_id, account=f"user:{user}")
    await pay(house, order_id, amount=amount)
    event = await house.client.tap.end_of(order_id)
    assert event["data"]["result"] == "succeeded"
    assert [line["amount"] for line in event["data"]["entries"]] == [f"-{amount}", amount]
    assert f"{await posted(house, f'user:{user}'):f}" == amount


async def test_a_payment_that_no_webhook_tells_of_is_found_by_asking(house: House) -> None:
    order_id = house.new_id()
    await house.webhooks(kind="coinqpay.pay-order", on=False)
    await created(house, order_id)
    await pay(house, order_id)
    assert (await house.client.tap.end_of(order_id))["data"]["result"] == "succeeded"
    await house.webhooks(kind="coinqpay.pay-order", on=True)


async def test_a_pay_order_that_fails_is_told_so_and_credits_nothing(house: House) -> None:
    order_id, before = house.new_id(), await posted(house)
    await created(house, order_id)
    await house.stage.control("POST", "coinqpay/fail-pay-order", orderId=order_id)
    event = await house.client.tap.end_of(order_id)
    error = event["data"]["error"]
    assert (event["data"]["result"], error["code"], error["providerCode"]) == ("failed", "payment_failed", "4")
    assert await posted(house) == before


async def test_a_pay_order_that_expires_fails_and_what_is_paid_afterwards_is_credited(house: House) -> None:
    order_id, before = house.new_id(), await posted(house)
    data = await created(house, order_id)
    await house.stage.control("POST", "coinqpay/expire-pay-order", orderId=order_id)
    event = await house.client.tap.end_of(order_id)
    error = event["data"]["error"]
    assert (event["data"]["result"], error["code"], error["providerCode"]) == ("failed", "payment_expired", "5")
    assert await posted(house) == before

    await pay(house, order_id, amount="29")
    await house.until_paid(order_id)
    house.make_due(JOB)
    credited = await house.client.tap.credited(data["paymentId"])
    assert (credited["data"]["amount"], credited["data"]["orderId"]) == ("29", None)
    assert await posted(house) == before + 29
    assert await house.state(order_id) == "failed"


@pytest.mark.parametrize("tells", [True, False], ids=["told by a webhook", "found by the job"])
@pytest.mark.parametrize("amount", ["30", "12"])
async def test_what_is_paid_after_the_end_is_credited_and_the_order_stays_failed(
    house: House, amount: str, tells: bool
) -> None:
    order_id, before = house.new_id(), await posted(house)
    data = await created(house, order_id)
    await house.stage.control("POST", "coinqpay/fail-pay-order", orderId=order_id)
    await house.client.tap.end_of(order_id)
    await house.webhooks(kind="coinqpay.pay-order", on=tells)
    await pay(house, order_id, amount=amount)
    await house.until_paid(order_id)
    house.make_due(JOB)
    credited = await house.client.tap.credited(data["paymentId"])
    await house.webhooks(kind="coinqpay.pay-order", on=True)
    assert (credited["data"]["amount"], credited["data"]["account"]) == (amount, "merchant")
    assert await posted(house) == before + int(amount)
    assert await house.state(order_id) == "failed"
    assert house.results(order_id)[:3] == ["processing", "created", "failed"]


async def test_a_repeated_command_tells_the_address_again_while_it_can_be_paid_and_then_the_end(house: House) -> None:
    order_id = house.new_id()
    await created(house, order_id)
    first = await house.client.tap.told("created", order_id)
    await house.client.publish(pay_order(order_id, "30.00"))
    assert await house.client.tap.told("created", order_id, 2) == first
    await house.client.publish(pay_order(order_id, "31"))
    conflict = await house.client.tap.told("rejected", order_id)
    assert conflict["data"]["error"]["code"] == "order_id_conflict"
    await pay(house, order_id)
    ended = await house.client.tap.end_of(order_id)
    await house.client.publish(pay_order(order_id))
    assert await house.client.tap.told("succeeded", order_id, 2) == ended


@pytest.mark.parametrize("kind", ["reset", "http_500", "non_json"])
async def test_a_pay_order_whose_answer_is_lost_is_found_under_its_order_id(house: House, kind: str) -> None:
    order_id = house.new_id()
    await house.stage.fault(kind, when="after", route="coinqpay.pay_order", orderId=order_id)
    data = await created(house, order_id)
    assert data["amount"] == "30"
    assert (await house.stage.order(order_id))["attempts"] == 1
    await pay(house, order_id)
    assert (await house.client.tap.end_of(order_id))["data"]["result"] == "succeeded"


async def test_a_pay_order_that_never_arrived_is_sent_again(house: House) -> None:
    order_id = house.new_id()
    await house.stage.fault("reset", when="before", route="coinqpay.pay_order", orderId=order_id, times=1)
    await created(house, order_id)
    assert (await house.stage.order(order_id))["attempts"] == 2
    await pay(house, order_id)
    await house.client.tap.end_of(order_id)


REJECTED = {
    "less than the least payment": ({"amount": "0.5"}, "amount_too_small"),
    "a coin that the provider does not list": ({"coin": "DOGE"}, "unsupported"),
    "more decimals than the coin has": ({"amount": "30.0000001"}, "amount_precision"),
    "expired": ({"expiresAt": "2020-01-01T00:00:00Z"}, "expired"),
    "custody": ({"account": "custody"}, "invalid_command"),
}


@pytest.mark.parametrize("case", REJECTED)
async def test_a_pay_order_that_cannot_be_is_rejected(house: House, case: str) -> None:
    changes, code = REJECTED[case]
    order_id = house.new_id()
    await house.client.publish(pay_order(order_id, **changes))
    event = await house.client.tap.told("rejected", order_id)
    assert event["data"]["error"]["code"] == code
    books = await house.stage.control("GET", "coinqpay/books")
    assert order_id not in {order["order_id"] for order in books["payOrders"]}
