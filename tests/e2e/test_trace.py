"""Trace context: from the command's message to every call at the provider and to every event."""

import aio_pika
import pytest

from tests.e2e.client import transfer
from tests.e2e.commands import payout, rescan
from tests.e2e.house import House
from tests.e2e.stage import APP_ID
from tests.e2e.tracing import calls_about, check_calls, check_event, new_trace

pytestmark = pytest.mark.usefixtures("calm")


async def test_every_call_and_every_event_of_a_payment_carries_its_trace(house: House) -> None:
    properties, order_id = new_trace(), house.new_id()
    await house.client.publish(payout(order_id, address=house.new_address()), **properties)
    ended = await house.client.tap.end_of(order_id)
    assert house.results(order_id) == ["processing", "succeeded"]
    for event in house.client.tap.of(order_id):
        check_event(house, event, properties)
    requests = (await house.stage.control("GET", "requests"))["requests"]
    of_trace = properties["headers"]["traceparent"].split("-")[1]
    made = [(each["route"], each["traceparent"]) for each in requests if of_trace in (each["traceparent"] or "")]
    assert {route for route, _ in made} == {"coinqpay.payout", "coinqpay.withdraws"}  # sent, and polled
    check_calls(made, properties)
    assert ended["data"]["result"] == "succeeded"


async def test_a_rescan_its_deposit_and_its_events_are_in_the_trace_of_the_command(house: House) -> None:
    properties, order_id, tx_id = new_trace(), house.new_id(), house.new_id("tx")
    lost = await house.deposit(userId=(user := house.new_id("user")), txId=tx_id, lost=True)
    command = rescan(order_id, tx_id, lost["toAddress"], userId=user)
    await house.client.publish(command, **properties)
    await house.until_state(order_id, "held")
    await house.keep_due("rescan.ccpayment", lambda: house.client.tap.terminal_ids.get(order_id))
    told = [event["data"]["result"] for event in house.client.tap.of(order_id)]
    assert {"requested", "credited", "succeeded"} <= set(told)
    for event in house.client.tap.of(order_id):
        check_event(house, event, properties)


async def test_a_refusal_a_repetition_and_a_conflict_are_told_to_who_asked(house: House) -> None:
    first, order_id, user = new_trace(), house.new_id(), house.new_id("user")
    command = transfer(order_id, user, house.new_id("user"), "1")
    rejected = await house.client.ask(command, **first)
    check_event(house, rejected, first)
    other = new_trace()
    await house.client.publish({**command, "amount": "2"}, **other)
    conflict = await house.client.tap.delivery(order_id, 2)
    assert conflict["data"]["error"]["code"] == "order_id_conflict"
    check_event(house, conflict, other)


async def test_what_is_malformed_keeps_its_properties_as_event_and_as_dead_letter(house: House) -> None:
    properties, order_id = new_trace(), house.new_id()
    await house.client.publish({"type": "transfer", "orderId": order_id}, **properties)
    check_event(house, await house.client.tap.delivery(order_id), properties)
    letter = await house.client.dead_letter()
    assert (letter.app_id, letter.correlation_id) == (properties["app_id"], properties["correlation_id"])
    assert letter.headers["traceparent"] == properties["headers"]["traceparent"]


@pytest.mark.parametrize(
    "header",
    ["nonsense", f"ff-{'a' * 32}-{'b' * 16}-01", f"00-{'0' * 32}-{'b' * 16}-01", f"00-{'a' * 32}-{'0' * 16}-01"],
)
async def test_what_is_no_trace_context_is_carried_nowhere(house: House, header: str) -> None:
    order_id = house.new_id()
    command = transfer(order_id, APP_ID, house.new_id("user"), "1")
    event = await house.client.ask(command, headers={"traceparent": header})
    message: aio_pika.abc.AbstractIncomingMessage = house.client.tap.message_of(event)
    assert "traceparent" not in message.headers
    assert message.app_id is None
    assert await calls_about(house, order_id) == [("userTransfer", None)]
