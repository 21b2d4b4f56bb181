"""Swaps: what goes in is held, what comes out and both fees are posted from the provider's record."""

from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.commands import TRX, USDT, swap
from tests.e2e.house import House

pytestmark = pytest.mark.usefixtures("calm")

# What 20 USDT bring in TRX at the simulated prices, and the provider's least fee, of 0.1 USDT.
OUT = Decimal("158.851674641148324")
FEE = Decimal("0.7974481658692185")


async def rich(house: House) -> tuple[str, str]:
    """A user with 100 USDT, and a new orderId."""
    return await house.rich_user(), house.new_id()


async def of_user(house: House, user: str, coin: int = USDT) -> tuple[Any, Any, Any]:
    return await house.stage.balance(f"user:{user}", str(coin))


async def nothing_has_moved(house: House, user: str, order_id: str) -> None:
    assert await of_user(house, user) == (100, 0, 100)
    assert await house.stage.lines(order_id) == []


# ---------------------------------------------------------------- done


async def test_a_swap_posts_what_went_in_what_came_out_and_the_providers_fee(house: House) -> None:
    user, order_id = await rich(house)
    event = await house.ask(swap(order_id, user))
    data = event["data"]
    assert (event["type"], data["result"], data["error"]) == ("ledger.swap.succeeded", "succeeded", None)
    assert house.client.tap.message_of(event).routing_key == "swap.succeeded"
    assert data["entries"] == [
        {"account": f"user:{user}", "coin": "1280", "amount": "-20", "purpose": "swap_in"},
        {"account": "custody", "coin": "1280", "amount": "20", "purpose": "swap_in"},
        {"account": "custody", "coin": "1482", "amount": f"-{OUT}", "purpose": "swap_out"},
        {"account": f"user:{user}", "coin": "1482", "amount": f"{OUT}", "purpose": "swap_out"},
        {"account": f"user:{user}", "coin": "1482", "amount": f"-{FEE}", "purpose": "provider_fee"},
        {"account": "custody", "coin": "1482", "amount": f"{FEE}", "purpose": "provider_fee"},
    ]
    assert await of_user(house, user) == (80, 0, 80)
    assert await of_user(house, user, TRX) == (OUT - FEE, 0, OUT - FEE)
    assert (await house.stage.order(order_id))["provider_ref"] == data["providerRef"]


async def test_a_service_fee_goes_to_the_merchant(house: House) -> None:
    user, order_id = await rich(house)
    extra = Decimal("1.58851674641148324")
    event = await house.ask(swap(order_id, user, extraFeeRate="0.010", amountOutMinimum="150"))
    assert event["data"]["result"] == "succeeded"
    assert await house.stage.lines(order_id) == [
        ("custody", -OUT, "swap_out"),
        (f"user:{user}", Decimal(-20), "swap_in"),
        (f"user:{user}", -extra, "service_fee"),
        (f"user:{user}", -FEE, "provider_fee"),
        ("custody", FEE, "provider_fee"),
        ("merchant", extra, "service_fee"),
        ("custody", Decimal(20), "swap_in"),
        (f"user:{user}", OUT, "swap_out"),
    ]
    assert await of_user(house, user, TRX) == (OUT - FEE - extra, 0, OUT - FEE - extra)


async def test_a_swap_that_takes_its_time_is_told_as_processing_and_posted_when_it_is_done(house: House) -> None:
    user, order_id = await rich(house)
    await house.stage.control("POST", "ccpayment/swaps", processingSeconds=1.5, orderId=order_id)
    await house.client.publish(swap(order_id, user))
    processing = await house.client.tap.told("processing", order_id)
    assert (processing["data"]["entries"], processing["data"]["sequence"]) == ([], 1)
    assert await of_user(house, user) == (100, 20, 80)
    event = await house.client.tap.end_of(order_id)
    assert (event["data"]["result"], event["data"]["sequence"]) == ("succeeded", 2)
    assert event["data"]["providerRef"] == processing["data"]["providerRef"]
    assert await of_user(house, user) == (80, 0, 80)


async def test_the_same_command_again_is_answered_with_the_same_event(house: House) -> None:
    user, order_id = await rich(house)
    first = await house.ask(swap(order_id, user, extraFeeRate="0.01"))
    await house.client.publish(swap(order_id, user, extraFeeRate="0.0100", amountIn="20.0"))
    assert await house.client.tap.told("succeeded", order_id, 2) == first
    assert await of_user(house, user) == (80, 0, 80)
    await house.client.publish(swap(order_id, user, extraFeeRate="0.02"))
    conflict = await house.client.tap.told("rejected", order_id)
    assert conflict["data"]["error"]["code"] == "order_id_conflict"


@pytest.mark.parametrize("kind", ["reset", "http_500", "truncated_json"])
async def test_an_answer_that_is_lost_after_the_effect_is_found_again_and_not_repeated(
    house: House, kind: str
) -> None:
    user, order_id = await rich(house)
    await house.stage.fault(kind, when="after", route="userSwap", orderId=order_id)
    event = await house.ask(swap(order_id, user))
    assert event["data"]["result"] == "succeeded"
    assert (await house.stage.order(order_id))["attempts"] == 1
    assert await of_user(house, user) == (80, 0, 80)


@pytest.mark.parametrize("fault", [{"kind": "reset"}, {"kind": "http_500"}, {"kind": "code", "code": 11004}])
async def test_a_swap_that_never_arrived_is_sent_again(house: House, fault: dict[str, Any]) -> None:
    user, order_id = await rich(house)
    await house.stage.fault(**fault, when="before", route="userSwap", orderId=order_id, times=1)
    event = await house.ask(swap(order_id, user))
    assert event["data"]["result"] == "succeeded"
    assert (await house.stage.order(order_id))["attempts"] == 2


async def test_a_provider_that_is_away_delays_a_swap(house: House) -> None:
    user, order_id = await rich(house)
    house.provider.shut()
    await house.client.publish(swap(order_id, user))
    await house.until_state(order_id, "held")
    await house.provider.listen()
    assert (await house.client.tap.end_of(order_id))["data"]["result"] == "succeeded"


# ---------------------------------------------------------------- not done


async def test_a_swap_that_fails_after_a_while_frees_the_funds(house: House) -> None:
    user, order_id = await rich(house)
    await house.stage.control("POST", "ccpayment/swaps", processingSeconds=0.5, fails=True, orderId=order_id)
    event = await house.ask(swap(order_id, user))
    assert (event["data"]["result"], event["data"]["error"]["code"]) == ("failed", "failed")
    assert event["data"]["entries"] == []
    await nothing_has_moved(house, user, order_id)


async def test_a_swap_below_its_minimum_fails_and_frees_the_funds(house: House) -> None:
    user, order_id = await rich(house)
    event = await house.ask(swap(order_id, user, amountOutMinimum="158.9"))
    error = event["data"]["error"]
    assert (error["code"], error["providerCode"]) == ("amount_out_minimum_too_high", "16003")
    await nothing_has_moved(house, user, order_id)


async def test_a_swap_of_a_coin_whose_trade_is_halted_fails_and_frees_the_funds(house: House) -> None:
    user, order_id = await rich(house)
    await house.stage.control("POST", "ccpayment/coin", coinId=TRX, canSwap=False)
    event = await house.ask(swap(order_id, user))
    await house.stage.control("POST", "ccpayment/coin", coinId=TRX, canSwap=True)
    assert (event["data"]["result"], event["data"]["error"]["code"]) == ("failed", "coin_stop_swap")
    await nothing_has_moved(house, user, order_id)


REJECTED = {
    "more than the account has": ({"amountIn": "100.000001"}, "insufficient_funds"),
    "a coin in that nobody lists": ({"coinIdIn": 77}, "unsupported"),
    "a coin out that nobody lists": ({"coinIdOut": 77}, "unsupported"),
    "more decimals than the coin has": ({"amountIn": "1.0000001"}, "amount_precision"),
    "expired": ({"expiresAt": "2020-01-01T00:00:00Z"}, "expired"),
    "a coin for itself": ({"coinIdOut": USDT}, "invalid_command"),
    "a fee of everything": ({"extraFeeRate": "1"}, "invalid_command"),
    "a fee that is a number": ({"extraFeeRate": 0.01}, "invalid_command"),
}


@pytest.mark.parametrize("case", REJECTED)
async def test_a_swap_that_cannot_be_is_rejected_and_nothing_moves(house: House, case: str) -> None:
    changes, code = REJECTED[case]
    user, order_id = await rich(house)
    await house.client.publish(swap(order_id, user, **changes))
    event = await house.client.tap.told("rejected", order_id)
    assert event["data"]["error"]["code"] == code
    await nothing_has_moved(house, user, order_id)
