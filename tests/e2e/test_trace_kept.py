"""Trace context is kept with the order: a worker that takes it over goes on in the same trace."""

import pytest

from tests.e2e.client import transfer
from tests.e2e.house import House, working
from tests.e2e.stage import APP_ID
from tests.e2e.tracing import calls_about, check_calls, check_event, new_trace

pytestmark = pytest.mark.usefixtures("calm")


async def test_a_look_up_by_another_worker_after_a_kill_is_in_the_same_trace(empty_house: House) -> None:
    house = empty_house.having(LEDGER_RESUME_AFTER_SECONDS="1", LEDGER_PROVIDER_TIMEOUT_SECONDS="30")
    properties, order_id = new_trace(), house.new_id()
    await house.stage.fault("hang", when="after", route="userTransfer", orderId=order_id, seconds=60)
    async with working(house) as worker:
        await house.client.publish(transfer(order_id, APP_ID, house.new_id("user"), "1"), **properties)
        await house.until_fired()
        await worker.kill()
    async with working(house):
        event = await house.client.tap.end_of(order_id)
    made = await calls_about(house, order_id)
    assert [route for route, _ in made] == ["userTransfer", "getUserTransferRecord"]
    check_calls(made, properties)
    check_event(house, event, properties)
