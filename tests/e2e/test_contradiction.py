"""A provider that says otherwise than it did: told and shown, and the books stay as they are.

In a house of its own: afterwards the books are not what the provider has, which is the point.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.commands import payout
from tests.e2e.house import House, fund, open_house, working


@pytest.fixture
async def alone(database_url: str, amqp_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A house for one story."""
    async with open_house(database_url, amqp_url, tmp_path) as house:
        await fund(house)
        async with working(house):
            yield house


async def ended_as(house: House, status: int) -> tuple[str, str]:
    """A payout that the provider ended so: its order, and the withdrawal."""
    order_id, address = house.new_id(), house.new_address()
    await house.stage.control("POST", "coinqpay/end-withdrawal", status=status, address=address)
    ended = (await house.ask(payout(order_id, address=address)))["data"]
    assert ended["result"] == {4: "succeeded", 5: "failed"}[status]
    [record] = await house.withdrawals(address=address)
    return order_id, str(record["id"])


async def test_what_changes_at_the_provider_after_an_order_has_ended_is_told_and_shown_and_never_booked(
    alone: House,
) -> None:
    failed, paid_after_all = await ended_as(alone, 5)
    succeeded, came_back = await ended_as(alone, 4)
    before = await alone.merchant()
    await alone.end(paid_after_all, 4)
    await alone.end(came_back, 5)

    events = [await alone.client.tap.told("contradicted", order_id) for order_id in (failed, succeeded)]
    assert [event["type"] for event in events] == ["ledger.payout.contradicted"] * 2
    told = {event["data"]["orderId"]: event["data"]["error"]["message"] for event in events}
    assert told == {
        failed: f"the provider executed it as {paid_after_all}, the order is failed",
        succeeded: "the provider's record says it failed, the order is succeeded",
    }
    rows = await alone.stage.query("SELECT invariant, detail FROM ledger.violation")
    assert {row["invariant"] for row in rows} == {"no evidence contradicts how an order ended"}
    assert {row["detail"] for row in rows} == {f"{order_id}: {message}" for order_id, message in told.items()}
    audit = await alone.desk("audit")
    assert (audit.code, failed in audit.out) == (1, True)
    assert await alone.merchant() == before
    assert [await alone.state(order_id) for order_id in (failed, succeeded)] == ["failed", "succeeded"]

    [record] = await alone.withdrawals(id=paid_after_all)
    assert (await alone.post("coinqpay/withdrawal", {**record, "status": 4})).text == "OK"  # told again
    assert len(await alone.stage.query("SELECT detail FROM ledger.violation")) == 2
    assert len({event["id"] for event in alone.client.tap.of(failed)}) == len(alone.results(failed))

    words = ("--by", "carol", "--reason", "ticket 4711")
    closed = await alone.desk("review", "close", failed, *words)
    assert (closed.code, closed.out.strip()) == (0, f"closed: {failed}: {told[failed]}")
    row = json.loads((await alone.desk("review", "close", succeeded, *words, "--json")).out)
    assert row == {"subject": succeeded, "detail": f"{succeeded}: {told[succeeded]}"}
    again = await alone.desk("review", "close", failed, *words)
    assert (again.code, again.out) == (1, "")
    assert (await alone.desk("audit")).code == 0
    assert "ticket 4711" in (await alone.desk("review", "closed", "--json")).out
    assert (await alone.post("coinqpay/withdrawal", {**record, "status": 4})).text == "OK"  # and again
    assert (await alone.desk("audit")).code == 0
    assert await alone.merchant() == before
