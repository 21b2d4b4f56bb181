"""A payout whose request never arrived: its absence is proven, and then a person or a setting decides."""

import pytest

from tests.e2e.commands import payout
from tests.e2e.house import House, working
from tests.e2e.stage import Stage

# Two readings that prove absence are a minute apart, whatever the settings.
pytestmark = [pytest.mark.long, pytest.mark.usefixtures("calm")]

# After four seconds nothing can be on its way any more, nor be missing from the list.
SHORT = {
    "LEDGER_COINQPAY_SIGNATURE_VALIDITY_SECONDS": "2",
    "LEDGER_COINQPAY_CLOCK_SKEW_SECONDS": "1",
    "LEDGER_COINQPAY_LIST_LAG_SECONDS": "1",
}
PROVEN_SECONDS = 90

CAROL = ("--by", "carol", "--reason", "ticket 4711")

# What the list shows proves nothing until it reaches back beyond the time of the request.
OLDER = "SELECT min(signed_at) < now() - interval '5 seconds' AS it FROM ledger.attempt_line WHERE order_id = $1"


async def lost(house: House) -> tuple[str, str]:
    """A payout that never arrived, at a provider whose list shows that it reaches back further: order and address."""
    older = house.new_id()
    await house.ask(payout(older))
    await house.until(OLDER, older)
    await house.ask(payout(house.new_id()))
    order_id, address = house.new_id(), house.new_address()
    await house.stage.fault("reset", when="before", route="coinqpay.payout", times=1)
    await house.client.publish(payout(order_id, address=address))
    await house.until_state(order_id, "unknown")
    return order_id, address


async def waits_at_least_a_minute(stage: Stage, order_id: str) -> None:
    """The proof took two readings."""
    [row] = await stage.query(
        "SELECT min(signed_at) < now() - interval '60 seconds' AS it FROM ledger.attempt_line WHERE order_id = $1",
        order_id,
    )
    assert row["it"]


async def test_a_payout_that_never_arrived_waits_for_a_person_who_releases_it(empty_house: House) -> None:
    house = empty_house.having(**SHORT)
    async with working(house):
        order_id, address = await lost(house)
        posted, held, available = await house.merchant()
        await house.client.tap.until(lambda: "review" in house.results(order_id), PROVEN_SECONDS)
        review = await house.client.tap.told("review", order_id)
        await waits_at_least_a_minute(house.stage, order_id)
        assert review["data"]["error"]["code"] == "not_found"
        assert "does not list it, long after it was sent" in review["data"]["error"]["message"]
        assert await house.merchant() == (posted, 5, available)
        assert held == 5
        done = await house.desk("review", "resolve", order_id, "--not-executed", *CAROL)
        assert done.code == 0, done.err
        end = await house.client.tap.end_of(order_id)
    assert (end["data"]["result"], end["data"]["error"]["code"]) == ("failed", "not_executed")
    assert await house.merchant() == (posted, 0, available + 5)
    assert await house.withdrawals(address=address) == []
    assert (await house.stage.order(order_id))["attempts"] == 1


async def test_a_payout_that_never_arrived_is_sent_again_where_that_is_allowed_and_paid_once(
    empty_house: House,
) -> None:
    house = empty_house.having(**SHORT, LEDGER_COINQPAY_RESEND="true")
    async with working(house):
        order_id, address = await lost(house)
        posted, _, _ = await house.merchant()
        end = await house.client.tap.end_of(order_id, PROVEN_SECONDS)
        await waits_at_least_a_minute(house.stage, order_id)
    [record] = await house.withdrawals(address=address)
    assert (end["data"]["result"], end["data"]["providerRef"]) == ("succeeded", record["id"])
    assert (await house.stage.order(order_id))["attempts"] == 2
    assert house.results(order_id) == ["processing", "succeeded"]
    assert await house.merchant() == (posted - 5, 0, posted - 5)
