"""Rescans: a payment that somebody reports is looked for, asked for, found and credited once, or given up."""

from typing import Any

import psycopg
import pytest

from tests.e2e.commands import rescan
from tests.e2e.house import House

pytestmark = pytest.mark.usefixtures("calm")

JOB = "rescan.ccpayment"
KIND = "ccpayment"


async def lose(house: House, user: str, **fields: object) -> dict[str, Any]:
    """A payment of 10 USDT that the provider has not noticed: the fields of a rescan of it."""
    tx_id = house.new_id("tx")
    lost = await house.deposit(userId=user, txId=tx_id, lost=True, **fields)
    return {"tx_id": tx_id, "to_address": lost["toAddress"], "userId": user}


async def requested(house: House, order_id: str, run: int) -> dict[str, Any]:
    """What was told of that run, which is due at once."""
    house.make_due(JOB)
    data: dict[str, Any] = (await house.client.tap.told("requested", order_id, run))["data"]
    assert data["run"] == run
    return data


async def test_a_lost_payment_is_found_by_the_first_run(house: House) -> None:
    user, order_id = house.new_id("user"), house.new_id()
    await house.client.publish(rescan(order_id, **await lose(house, user)))
    await house.until_state(order_id, "held")
    data = await requested(house, order_id, 1)
    assert (data["orderId"], data["type"], data["sequence"]) == (order_id, "rescan", 1)
    assert data["description"].startswith("The deposit has been rescanned.")
    house.make_due(JOB)
    ended = await house.client.tap.end_of(order_id)
    credited = await house.client.tap.told("credited", order_id)
    assert (ended["data"]["result"], ended["data"]["entries"]) == ("succeeded", credited["data"]["entries"])
    assert ended["data"]["providerRef"] == credited["data"]["recordId"]
    assert (credited["data"]["account"], credited["data"]["amount"]) == (f"user:{user}", "10")
    assert len(await house.stage.lines(f"deposit:ccpayment:{credited['data']['recordId']}")) == 4
    assert house.client.tap.message_of(ended).routing_key == "rescan.succeeded"


async def test_a_payment_that_comes_late_is_asked_for_again_each_time_later(house: House) -> None:
    user, order_id, tx_id = house.new_id("user"), house.new_id(), house.new_id("tx")
    first = await house.deposit(userId=user)
    await house.client.tap.credited(first["recordId"])
    await house.webhooks(kind=KIND, on=False)
    await house.client.publish(rescan(order_id, tx_id, first["toAddress"], userId=user))
    await house.until_state(order_id, "held")
    for run, seconds in ((1, 600), (2, 1200), (3, 2400)):
        if run > 1:  # the first is due at once
            make_rescan_due(house, order_id)
        await until_requested(house, order_id, run)
        [row] = await house.stage.query("SELECT * FROM ledger.order_detail WHERE order_id = $1", order_id)
        assert round((row["due_at"] - row["updated_at"]).total_seconds()) == seconds
    await house.deposit(userId=user, txId=tx_id)
    make_rescan_due(house, order_id)
    await until_over(house, order_id)
    assert (await house.client.tap.end_of(order_id))["data"]["result"] == "succeeded"
    assert house.results(order_id)[-2:] == ["credited", "succeeded"]


async def test_a_payment_that_was_credited_before_ends_its_rescan_and_is_not_credited_again(house: House) -> None:
    user, order_id, tx_id = house.new_id("user"), house.new_id(), house.new_id("tx")
    deposit = await house.deposit(userId=user, txId=tx_id)
    await house.client.tap.credited(deposit["recordId"])
    await house.client.publish(rescan(order_id, tx_id, deposit["toAddress"], userId=user))
    await house.until_state(order_id, "held")
    house.make_due(JOB)
    event = await house.client.tap.end_of(order_id)
    assert (event["data"]["result"], event["data"]["providerRef"]) == ("succeeded", deposit["recordId"])
    assert house.results(order_id) == ["succeeded"]
    assert len(await house.stage.lines(f"deposit:ccpayment:{deposit['recordId']}")) == 4
    assert [line["amount"] for line in event["data"]["entries"]] == ["-10", "10", "-0.05", "0.05"]


async def test_a_rescan_that_the_desk_runs_finds_its_payment(house: House) -> None:
    user, order_id = house.new_id("user"), house.new_id()
    await house.client.publish(rescan(order_id, **await lose(house, user)))
    await house.until_state(order_id, "held")
    ran = await house.desk("rescan")
    assert (ran.code, ran.err) == (0, "")
    assert "ccpayment: " in ran.out
    await house.client.tap.told("credited", order_id)
    assert (await house.desk("rescan")).code == 0
    assert (await house.client.tap.end_of(order_id))["data"]["result"] == "succeeded"


async def test_a_payment_that_is_never_found_is_given_up(house: House) -> None:
    order_id = house.new_id()
    await house.client.publish(rescan(order_id, house.new_id("tx"), house.new_address()))
    await house.until_state(order_id, "held")
    await requested(house, order_id, 1)
    ran = await house.having(LEDGER_RESCAN_GIVE_UP_SECONDS="0.001").desk("rescan")
    assert (ran.code, ran.out.strip()) == (0, "ccpayment: 1 given up")
    event = await house.client.tap.end_of(order_id)
    assert (event["data"]["result"], event["data"]["error"]["code"]) == ("failed", "given_up")
    assert house.results(order_id) == ["requested", "failed"]


async def test_the_payment_of_somebody_else_does_not_end_a_rescan(house: House) -> None:
    user, other, order_id, tx_id = house.new_id("user"), house.new_id("user"), house.new_id(), house.new_id("tx")
    deposit = await house.deposit(userId=user, txId=tx_id)
    await house.client.tap.credited(deposit["recordId"])
    await house.client.publish(rescan(order_id, tx_id, deposit["toAddress"], userId=other))
    await house.until_state(order_id, "held")
    await requested(house, order_id, 1)
    assert await house.state(order_id) == "held"
    await house.having(LEDGER_RESCAN_GIVE_UP_SECONDS="0.001").desk("rescan")
    assert (await house.client.tap.end_of(order_id))["data"]["result"] == "failed"


async def test_a_provider_that_is_away_postpones_a_run(house: House) -> None:
    user, order_id = house.new_id("user"), house.new_id()
    fields = await lose(house, user)
    house.provider.shut()
    await house.client.publish(rescan(order_id, **fields))
    await house.until_state(order_id, "held")
    assert "postponed" in (await house.desk("rescan")).out
    assert house.results(order_id) == []
    await house.provider.listen()
    assert "1 requested" in (await house.desk("rescan")).out
    await house.client.tap.told("credited", order_id)
    await house.desk("rescan")
    await house.client.tap.end_of(order_id)


async def test_a_rescan_that_the_provider_refuses_is_asked_less_and_less_often(house: House) -> None:
    user, order_id = house.new_id("user"), house.new_id()
    fields = await lose(house, user)
    await house.client.publish(rescan(order_id, **fields, chain="NOCHAIN"))
    await house.until_state(order_id, "held")
    for age, at_most, at_least in (("0 s", 30, 29), ("1 hour", 600, 590), ("5 days", 3600, 1)):
        with psycopg.connect(house.stage.database_url, autocommit=True) as owner:
            owner.execute(
                "UPDATE ledger.orders SET created_at = now() - %s::interval WHERE order_id = %s", (age, order_id)
            )
        assert "postponed" in (await house.desk("rescan")).out
        [row] = await house.stage.query("SELECT * FROM ledger.order_detail WHERE order_id = $1", order_id)
        assert at_least <= (row["due_at"] - row["updated_at"]).total_seconds() <= at_most
    assert house.results(order_id) == []
    await house.having(LEDGER_RESCAN_GIVE_UP_SECONDS="0.001").desk("rescan")
    assert (await house.client.tap.end_of(order_id))["data"]["result"] == "failed"


async def test_repeats_tell_the_last_again_and_conflicts_are_told(house: House) -> None:
    user, order_id = house.new_id("user"), house.new_id()
    fields = await lose(house, user)
    command = rescan(order_id, **fields)
    await house.client.publish(command)
    await house.until_state(order_id, "held")
    first = await requested(house, order_id, 1)
    await house.client.tap.told("credited", order_id)
    await house.desk("rescan")
    ended = await house.client.tap.end_of(order_id)
    await house.client.publish(command)
    assert await house.client.tap.told("succeeded", order_id, 2) == ended
    await house.client.publish({**command, "chain": "BSC"})
    conflict = await house.client.tap.told("rejected", order_id)
    assert conflict["data"]["error"]["code"] == "order_id_conflict"
    assert first["run"] == 1


def make_rescan_due(house: House, order_id: str) -> None:
    """Let its next run's time have come."""
    with psycopg.connect(house.stage.database_url, autocommit=True) as owner:
        owner.execute("UPDATE ledger.orders SET due_at = now() WHERE order_id = %s", (order_id,))


async def until_requested(house: House, order_id: str, run: int) -> None:
    """Wait for a run whose time has come; the job that looks for it is due at every moment."""
    await house.keep_due(JOB, lambda: house.results(order_id).count("requested") >= run)


async def until_over(house: House, order_id: str) -> None:
    await house.keep_due(JOB, lambda: order_id in house.client.tap.terminal_ids)
