"""A worker that is stopped between writing an attempt down and sending it wakes up too late to send."""

import pytest

from tests.e2e.client import transfer
from tests.e2e.commands import payout
from tests.e2e.house import SETTLED, House, working
from tests.e2e.program import Program

pytestmark = pytest.mark.usefixtures("calm")

QUICK = {"LEDGER_RESUME_AFTER_SECONDS": "3", "LEDGER_PROVIDER_TIMEOUT_SECONDS": "1"}

# An attempt is sent within 10 seconds of being signed, or never.
TOO_LATE = "SELECT min(signed_at) < now() - interval '11 seconds' AS it FROM ledger.attempt_line WHERE order_id = $1"


async def freeze_before_it_sends(house: House, worker: Program, order_id: str, command: dict[str, object]) -> None:
    """Its attempt is committed; the worker does not know it yet, and then knows nothing any more."""
    house.database.hold_answers(having=b"admitted")
    await house.client.publish(command)
    await house.until_state(order_id, "sending")
    await house.database.until_an_answer_is_held()
    worker.freeze()
    house.database.release()


async def wake_up_and_finish(worker: Program) -> None:
    """Go on, do whatever was begun, and end."""
    worker.thaw()
    worker.terminate()
    assert await worker.ends() == 0


@pytest.mark.long  # the simulation and the chaos plays have the same, on a clock of their own
async def test_a_payout_of_a_worker_that_was_stopped_is_not_sent_when_it_wakes_up(empty_house: House) -> None:
    house = empty_house.having(**QUICK, LEDGER_REVIEW_AFTER_SECONDS="4")
    first, second = house.new_id(), house.new_id()
    address = house.new_address()
    await house.webhooks(kind="coinqpay.confirm", retrySeconds=1)  # until the other worker has got the port
    async with working(house) as worker:
        await freeze_before_it_sends(house, worker, first, payout(first, address=address))
        async with house.stage.worker("--role", "consume,resume,relay,http"):
            await house.client.tap.told("review", first)  # taken over, looked for, and not sent again
            await house.client.publish(payout(second, address=address))  # equal: waits for the doubt to end
            await house.until_state(second, "held")
            await house.until(TOO_LATE, first)
            await wake_up_and_finish(worker)
            assert await house.withdrawals(address=address) == []
            settled = await house.having(**SETTLED).desk(
                *("review", "resolve", first, "--not-executed", "--by", "carol", "--reason", "never sent")
            )
            assert settled.code == 0, settled.err
            ends = [await house.client.tap.end_of(order_id) for order_id in (first, second)]
    assert [event["data"]["result"] for event in ends] == ["failed", "succeeded"]
    [record] = await house.withdrawals(address=address)
    assert record["id"] == ends[1]["data"]["providerRef"]


async def test_a_transfer_that_another_worker_has_sent_meanwhile_is_not_sent_again(empty_house: House) -> None:
    house = empty_house.having(**QUICK)
    order_id = house.new_id()
    async with working(house) as worker:
        user, other = await house.rich_user(), house.new_id("user")
        await freeze_before_it_sends(house, worker, order_id, transfer(order_id, user, other, "1"))
        async with house.stage.worker("--role", "consume,resume,relay"):
            event = await house.client.tap.end_of(order_id)
            await house.stage.fault("slow", when="after", route="userTransfer", seconds=0)  # counts the calls
            await house.until(TOO_LATE, order_id)
            await wake_up_and_finish(worker)
            assert await house.fired() == [0]
            assert (await house.ask(transfer(house.new_id(), user, other, "1")))["data"]["result"] == "succeeded"
            assert await house.fired() == [1]
    assert event["data"]["result"] == "succeeded"
    assert (await house.stage.order(order_id))["attempts"] == 2
