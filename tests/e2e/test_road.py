"""The road of a command that is done: its event, its ledger lines, the provider's books; and what a fault changes."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.e2e.client import transfer
from tests.e2e.conftest import Road
from tests.e2e.stage import APP_ID


async def provider_transfers(road: Road, order_id: str) -> list[dict[str, object]]:
    books = await road.stage.control("GET", "books")
    return [record for record in books["transfers"] if record["orderId"] == order_id]


async def test_a_transfer_moves_the_money_in_both_books(road: Road) -> None:
    alice, bob, order_id = await road.rich_user(), road.new_id("user"), road.new_id()
    event = await road.client.ask(transfer(order_id, alice, bob, "0.005"))
    [record] = await provider_transfers(road, order_id)
    assert event["data"] == {
        "orderId": order_id,
        "type": "transfer",
        "result": "succeeded",
        "sequence": 1,
        "provider": "ccpayment",
        "providerRef": record["recordId"],
        "entries": [
            {"account": f"user:{alice}", "coin": "1280", "amount": "-0.005", "purpose": "transfer"},
            {"account": f"user:{bob}", "coin": "1280", "amount": "0.005", "purpose": "transfer"},
        ],
        "error": None,
    }
    assert await road.stage.lines(order_id) == [
        (f"user:{alice}", Decimal("-0.005"), "transfer"),
        (f"user:{bob}", Decimal("0.005"), "transfer"),
    ]
    assert await road.stage.balance(f"user:{alice}") == (Decimal("99.995"), 0, Decimal("99.995"))
    assert (record["fromUserId"], record["toUserId"], record["amount"]) == (alice, bob, "0.005")


async def test_the_order_can_be_read_under_its_id(road: Road) -> None:
    alice, order_id = await road.rich_user(), road.new_id()
    event = await road.client.ask(transfer(order_id, alice, road.new_id("user"), "1"))
    order = await road.stage.order(order_id)
    assert order.pop("created_at") <= order.pop("updated_at")
    assert order == {
        "order_id": order_id,
        "type": "transfer",
        "provider": "ccpayment",
        "state": "succeeded",
        "provider_ref": event["data"]["providerRef"],
        "attempts": 1,
        "error_code": None,
    }


async def test_the_event_is_a_cloud_event_in_a_persistent_message(road: Road) -> None:
    alice, order_id = await road.rich_user(), road.new_id()
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    before = datetime.now(UTC)
    event = await road.client.ask(
        transfer(order_id, alice, road.new_id("user"), "1"),
        message_id="message-1",
        correlation_id="correlation-1",
        headers={"traceparent": traceparent},
    )
    message = road.client.tap.message_of(event)
    assert message.routing_key == "transfer.succeeded"
    assert message.exchange == "ledger.events"
    assert message.content_type == "application/cloudevents+json"
    assert message.delivery_mode == 2
    assert message.message_id == event["id"]
    assert message.correlation_id == "correlation-1"
    assert message.headers["traceparent"] == traceparent
    assert before <= datetime.fromisoformat(event["time"]) <= datetime.now(UTC)
    assert len(event["time"]) == len("2026-11-20T10:00:00.000000Z")
    assert event["dataschema"]
    assert {name: value for name, value in event.items() if name not in {"id", "time", "data", "dataschema"}} == {
        "specversion": "1.0",
        "source": "/ledger-worker",
        "type": "ledger.transfer.succeeded",
        "subject": order_id,
        "datacontenttype": "application/json",
    }


async def test_without_a_correlation_id_the_event_has_the_order_id(road: Road) -> None:
    alice, order_id = await road.rich_user(), road.new_id()
    event = await road.client.ask(transfer(order_id, alice, road.new_id("user"), "1"))
    assert road.client.tap.message_of(event).correlation_id == order_id
    assert "traceparent" not in road.client.tap.message_of(event).headers


async def test_the_app_id_as_a_user_is_the_merchant(road: Road) -> None:
    alice, out, back = road.new_id("user"), road.new_id(), road.new_id()
    event = await road.client.ask(transfer(out, APP_ID, alice, "5"))
    assert [line["account"] for line in event["data"]["entries"]] == ["merchant", f"user:{alice}"]
    event = await road.client.ask(transfer(back, alice, APP_ID, "5"))
    assert [line["account"] for line in event["data"]["entries"]] == [f"user:{alice}", "merchant"]


async def test_long_amounts_are_exact_to_the_last_digit(road: Road) -> None:
    coin, amount = 1329, "12345678901234567890.123456789012345678"
    alice, bob, order_id = road.new_id("user"), road.new_id("user"), road.new_id()
    await road.stage.adjust(f"user:{alice}", amount, road.new_id("adjust"), str(coin))
    await road.stage.control("POST", "fund", userId=alice, coinId=coin, amount=amount)
    part = "12345678901234567890.123456789012345677"
    await road.client.ask(transfer(order_id, alice, bob, part, coinId=coin))
    assert await road.stage.balance(f"user:{bob}", str(coin)) == (Decimal(part), 0, Decimal(part))
    assert (await road.stage.balance(f"user:{alice}", str(coin)))[0] == Decimal("0.000000000000000001")
    [record] = await provider_transfers(road, order_id)
    assert Decimal(str(record["amount"])) == Decimal(part)


async def test_the_same_command_again_is_answered_with_the_same_event(road: Road) -> None:
    alice, order_id = await road.rich_user(), road.new_id()
    command = transfer(order_id, alice, road.new_id("user"), "1")
    first = await road.client.ask(command)
    await road.client.publish(command)
    again = await road.client.tap.delivery(order_id, 2)
    assert again == first
    assert len(await provider_transfers(road, order_id)) == 1
    assert len(await road.stage.lines(order_id)) == 2


async def test_other_spelling_is_the_same_command(road: Road) -> None:
    alice, bob, order_id = await road.rich_user(), road.new_id("user"), road.new_id()
    command = transfer(order_id, alice, bob, "1.5", remark="café", expiresAt="2199-01-01T00:00:00Z")
    first = await road.client.ask(command)
    spelled = {**command, "amount": "1.50", "provider": "ccpayment", "expiresAt": "2199-01-01T01:00:00.0+01:00"}
    text = json.dumps(dict(reversed(spelled.items())), indent=3, ensure_ascii=False)
    await road.client.publish(text.encode(), "ccpayment.transfer", content_type="Application/JSON; charset=utf-8")
    assert await road.client.tap.delivery(order_id, 2) == first


async def test_a_hundred_copies_at_once_are_done_once(road: Road) -> None:
    alice, order_id = await road.rich_user(), road.new_id()
    command = transfer(order_id, alice, road.new_id("user"), "1")
    await asyncio.gather(*(road.client.publish(command) for _ in range(100)))
    await road.client.tap.end_of(order_id)
    assert len(road.client.tap.terminal_ids[order_id]) == 1
    assert (await road.stage.balance(f"user:{alice}"))[0] == 99
    assert len(await provider_transfers(road, order_id)) == 1


@pytest.mark.parametrize("kind", ["reset", "hang", "http_500", "http_502", "non_json", "truncated_json"])
async def test_an_answer_lost_after_the_effect_is_found_again_and_not_repeated(road: Road, kind: str) -> None:
    alice, order_id = await road.rich_user(), road.new_id()
    await road.stage.fault(kind, when="after", route="userTransfer", orderId=order_id)
    event = await road.client.ask(transfer(order_id, alice, road.new_id("user"), "1"))
    [record] = await provider_transfers(road, order_id)
    assert (event["data"]["result"], event["data"]["providerRef"]) == ("succeeded", record["recordId"])
    assert (await road.stage.order(order_id))["attempts"] == 1


@pytest.mark.parametrize(
    ("kind", "more"),
    [("reset", {}), ("http_429", {}), ("http_500", {}), ("code", {"code": 11002}), ("code", {"code": 11004})],
)
async def test_what_never_arrived_is_sent_again(road: Road, kind: str, more: dict[str, int]) -> None:
    alice, order_id = await road.rich_user(), road.new_id()
    await road.stage.fault(kind, when="before", route="userTransfer", orderId=order_id, times=1, **more)
    event = await road.client.ask(transfer(order_id, alice, road.new_id("user"), "1"))
    assert event["data"]["result"] == "succeeded"
    assert (await road.stage.order(order_id))["attempts"] == 2
    assert len(await provider_transfers(road, order_id)) == 1


async def test_a_transfer_that_the_provider_does_late_is_done_once(road: Road) -> None:
    alice, order_id = await road.rich_user(), road.new_id()
    await road.stage.fault("reset", when="late", lateSeconds=0.6, route="userTransfer", orderId=order_id)
    event = await road.client.ask(transfer(order_id, alice, road.new_id("user"), "1"))
    [record] = await provider_transfers(road, order_id)
    assert event["data"]["providerRef"] == record["recordId"]


async def test_a_provider_that_is_told_to_fail_fails_the_order_and_frees_the_funds(road: Road) -> None:
    alice, order_id = await road.rich_user(), road.new_id()
    await road.stage.fault("failed_record", route="userTransfer", orderId=order_id)
    event = await road.client.ask(transfer(order_id, alice, road.new_id("user"), "1"))
    assert (event["data"]["result"], event["data"]["error"]["code"]) == ("failed", "failed")
    assert event["data"]["entries"] == []
    assert await road.stage.balance(f"user:{alice}") == (100, 0, 100)


async def test_a_refusal_of_the_provider_fails_the_order_and_frees_the_funds(road: Road) -> None:
    alice, order_id = road.new_id("user"), road.new_id()
    await road.stage.adjust(f"user:{alice}", "5", road.new_id("adjust"))  # money that the provider knows nothing of
    event = await road.client.ask(transfer(order_id, alice, road.new_id("user"), "5"))
    assert event["type"] == "ledger.transfer.failed"
    assert road.client.tap.message_of(event).routing_key == "transfer.failed"
    error = event["data"]["error"]
    assert (error["code"], error["providerCode"]) == ("balance_insufficient", "14000")
    assert "balance" in error["message"].lower()
    assert await road.stage.lines(order_id) == []
    assert await road.stage.balance(f"user:{alice}") == (5, 0, 5)
    assert (await road.stage.order(order_id))["error_code"] == "balance_insufficient"


async def test_an_order_that_is_not_over_yet_is_not_told_but_goes_on(road: Road) -> None:
    alice, order_id = await road.rich_user(), road.new_id()
    await road.stage.fault("code", code=11004, route="userTransfer", orderId=order_id)
    command = transfer(order_id, alice, road.new_id("user"), "40")
    await road.client.publish(command)
    await road.client.publish(command)
    other = road.new_id()  # 60 are left beside the held 40
    event = await road.client.ask(transfer(other, alice, road.new_id("user"), "61"))
    assert event["data"]["error"]["code"] == "insufficient_funds"
    assert await road.stage.balance(f"user:{alice}") == (100, 40, 60)
    assert road.client.tap.of(order_id) == []
    await road.stage.control("DELETE", "faults")
    assert (await road.client.tap.end_of(order_id))["data"]["result"] == "succeeded"


async def test_an_order_that_expires_while_it_waits_fails_and_frees_the_funds(road: Road) -> None:
    alice, order_id = await road.rich_user(), road.new_id()
    await road.stage.fault("code", code=11004, route="userTransfer", orderId=order_id)
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    event = await road.client.ask(transfer(order_id, alice, road.new_id("user"), "40", expiresAt=soon))
    assert (event["data"]["result"], event["data"]["error"]["code"]) == ("failed", "expired")
    assert await road.stage.balance(f"user:{alice}") == (100, 0, 100)
    await road.stage.control("DELETE", "faults")
