"""A worker that is stopped between writing an attempt down and sending it wakes up too late to send."""

import pytest

from tests.e2e.client import transfer
from tests.e2e.commands import payout
from tests.e2e.house import House, working
from tests.e2e.program import Program

pytestmark = pytest.mark.usefixtures("calm")

# An attempt is sent within 10 seconds of being signed, or never.
TOO_LATE = "SELECT max(signed_at) < now() - interval '11 seconds' AS it FROM ledger.attempt_line WHERE order_id = $1"


async def freeze_before_it_sends(house: House, worker: Program, order_id: str, command: dict[str, object]) -> None:
    """Its attempt is committed; the worker does not know it yet, and then knows nothing any more."""
    house.database.hold_answers(having=b"admitted")
    await house.client.publish(command)
    await house.until_state(order_id, "sending")
    await house.database.until_an_answer_is_held()
    worker.freeze()
    house.database.release()


async def test_nothing_is_sent_twice_by_a_worker_that_was_stopped_and_wakes_up(empty_house: House) -> None:
    house = empty_house.having(LEDGER_RESUME_AFTER_SECONDS="3", LEDGER_PROVIDER_TIMEOUT_SECONDS="1")
    first, second, third = (house.new_id() for _ in range(3))
    address = house.new_address()
    async with working(house) as worker:
        user = await house.rich_user()
        await freeze_before_it_sends(house, worker, first, payout(first, address=address))
        async with house.stage.worker("--role", "consume,resume,relay"):
            await house.until_state(first, "unknown")  # taken over, looked for, and not sent again
            await house.client.publish(payout(second, address=address))  # equal: waits for the doubt to end
            await house.until_state(second, "held")
            done = await house.ask(transfer(third, user, house.new_id("user"), "1"))  # all else goes on
            assert done["data"]["result"] == "succeeded"
            await house.until(TOO_LATE, first)
            assert await house.withdrawals(address=address) == []
            worker.thaw()
            ends = [await house.client.tap.end_of(order_id) for order_id in (first, second)]
    assert [event["data"]["result"] for event in ends] == ["succeeded"] * 2
    paid = await house.withdrawals(address=address)
    assert sorted(record["id"] for record in paid) == sorted(event["data"]["providerRef"] for event in ends)
    assert (await house.stage.order(first))["attempts"] == 2


async def test_a_transfer_that_another_worker_has_sent_meanwhile_is_not_sent_again(empty_house: House) -> None:
    house = empty_house.having(LEDGER_RESUME_AFTER_SECONDS="3", LEDGER_PROVIDER_TIMEOUT_SECONDS="1")
    order_id, next_id = house.new_id(), house.new_id()
    async with working(house) as worker:
        user, other = await house.rich_user(), house.new_id("user")
        await freeze_before_it_sends(house, worker, order_id, transfer(order_id, user, other, "1"))
        async with house.stage.worker("--role", "consume,resume,relay"):
            event = await house.client.tap.end_of(order_id)
            await house.stage.fault("slow", when="after", route="userTransfer", seconds=0)  # counts the calls
            await house.until(
                "SELECT min(signed_at) < now() - interval '11 seconds' AS it FROM ledger.attempt_line"
                " WHERE order_id = $1",
                order_id,
            )
            worker.thaw()
            await worker.says("order_id")
        assert (await house.ask(transfer(next_id, user, other, "1")))["data"]["result"] == "succeeded"
    assert await house.fired() == [1]  # the next transfer's, and no other
    assert event["data"]["result"] == "succeeded"
    assert (await house.stage.order(order_id))["attempts"] == 2
