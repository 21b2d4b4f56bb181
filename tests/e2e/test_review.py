"""Orders in review: listed, shown byte for byte, and resolved by a person whose word is checked where it can be."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.e2e.client import transfer
from tests.e2e.commands import COIN, payout
from tests.e2e.house import SETTLED, House, working
from tests.e2e.program import Finished

pytestmark = pytest.mark.usefixtures("calm")

CAROL = ("--by", "carol", "--reason", "ticket 4711")

# A person is asked at once.
HASTY = {"LEDGER_REVIEW_AFTER_SECONDS": "0.5"}


@pytest.fixture(scope="module")
async def desk(empty_house: House) -> AsyncIterator[House]:
    """A house whose worker asks a person soon."""
    house = empty_house.having(**HASTY)
    async with working(house):
        yield house


async def resolve(house: House, order_id: str, *decision: str) -> Finished:
    return await house.desk("review", "resolve", order_id, *decision, *CAROL)


async def refused(house: House, order_id: str, *decision: str) -> str:
    """Resolve it in a way that cannot be; why not."""
    finished = await resolve(house, order_id, *decision)
    assert (finished.code, finished.out) == (2, "")
    [line] = finished.err.splitlines()
    assert await house.state(order_id) == "review"
    return line


async def listed(house: House) -> list[str]:
    finished = await house.desk("review", "list", "--json")
    assert finished.code == 0
    return [json.loads(line)["order_id"] for line in finished.out.splitlines()]


async def shown(house: House, order_id: str) -> dict[str, Any]:
    finished = await house.desk("review", "show", order_id, "--json")
    assert finished.code == 0, finished.err
    facts: dict[str, Any] = json.loads(finished.out)
    return facts


async def lost(house: House, when: str, amount: str = "5") -> tuple[str, str]:
    """A payout in review whose request or answer was lost, and of which nothing tells: its order and its address."""
    order_id, address = house.new_id(), house.new_address()
    await house.webhooks(kind="coinqpay.confirm", on=False)
    await house.webhooks(kind="coinqpay.withdrawal", on=False)
    await house.stage.fault("truncated_list", keep=0)
    await house.stage.fault("reset", when=when, route="coinqpay.payout", times=1)
    await house.client.publish(payout(order_id, amount, address=address))
    review = await house.client.tap.told("review", order_id)
    assert review["data"]["error"]["code"] == "outcome_unknown"
    return order_id, address


async def test_a_payment_that_was_not_made_is_released_when_nothing_can_be_on_its_way(
    desk: House,
) -> None:
    posted, _, available = await desk.merchant()
    order_id, address = await lost(desk, "before")
    assert await desk.merchant() == (posted, 5, available - 5)
    assert await listed(desk) == [order_id]
    facts = await shown(desk, order_id)
    assert (facts["order_id"], facts["state"], facts["hold_amount"]) == (order_id, "review", "5")
    [attempt] = facts["attempts"]
    assert json.loads(attempt["body"]) == {"coin": COIN, "address": address, "amount": "5"}
    assert facts["evidence"][0]["verdict"] == "unknown"
    assert facts["provider_says"] == []

    assert "may still be carried out" in await refused(desk, order_id, "--not-executed")
    done = await resolve(desk.having(**SETTLED), order_id, "--not-executed")
    assert done.code == 0, done.err
    assert done.out.strip() == f"{order_id}: failed, its funds are released"
    event = await desk.client.tap.end_of(order_id)
    assert (event["data"]["result"], event["data"]["error"]["code"]) == ("failed", "not_executed")
    assert "carol" in event["data"]["error"]["message"]
    assert await desk.merchant() == (posted, 0, available)
    evidence = json.loads((await desk.desk("orders", "show", order_id, "--json")).out)["evidence"]
    assert ("person", "carol: ticket 4711") in [(line["source"], line["message"]) for line in evidence]
    again = await resolve(desk, order_id, "--not-executed")
    assert (again.code, "not in review" in again.err) == (2, True)
    assert await listed(desk) == []


async def test_an_order_that_was_refused_can_be_shown(desk: House) -> None:
    order_id = desk.new_id()
    await desk.ask(payout(order_id, address="no-address-of-any-chain"))
    facts = await shown(desk, order_id)
    assert (facts["state"], facts["provider_says"]) == ("failed", [])


async def test_a_payment_that_was_made_is_posted_under_the_id_that_a_person_names(desk: House) -> None:
    paid = await desk.ask(payout(desk.new_id()))
    order_id, address = await lost(desk, "after", "6")
    [record] = await desk.withdrawals(address=address)
    assert "no record" in await refused(desk, order_id, "--executed", "1812345678901234567")
    assert "differs in" in await refused(desk, order_id, "--executed", paid["data"]["providerRef"])
    done = await resolve(desk, order_id, "--executed", record["id"])
    assert done.code == 0, done.err
    assert record["id"] in done.out
    event = await desk.client.tap.end_of(order_id)
    assert (event["data"]["result"], event["data"]["providerRef"]) == ("succeeded", record["id"])


async def test_the_payment_of_another_order_is_not_taken_for_this_one(desk: House) -> None:
    order_id, address = await lost(desk, "before")
    other = desk.new_id()
    # Equal to the one in doubt, and so it waits; only then may it be sent.
    await desk.client.publish(payout(other, address=address))
    await desk.until_state(other, "held")
    assert (await resolve(desk.having(**SETTLED), order_id, "--not-executed")).code == 0
    await desk.calm()
    ended = await desk.client.tap.end_of(other)
    assert ended["data"]["result"] == "succeeded"
    assert len(await desk.withdrawals(address=address)) == 1


@pytest.mark.parametrize(("status", "end"), [(7, "succeeded"), (8, "failed")])
async def test_the_record_of_an_order_that_is_bound_decides_and_nobodys_word_against_it(
    desk: House, status: int, end: str
) -> None:
    order_id, address = desk.new_id(), desk.new_address()
    await desk.stage.control("POST", "coinqpay/end-withdrawal", status=status, address=address)
    await desk.client.publish(payout(order_id, address=address))
    await desk.client.tap.told("review", order_id)
    [record] = await desk.withdrawals(address=address)
    settled = desk.having(**SETTLED)
    assert "is bound to" in await refused(settled, order_id, "--not-executed")
    if status == 7:
        assert "is bound to" in await refused(settled, order_id, "--executed", "1812345678901234567")
        assert "(7)" in await refused(settled, order_id, "--executed", record["id"])
    [said] = (await shown(desk, order_id))["provider_says"]
    assert (said["provider_ref"], said["says"].startswith("disputed")) == (record["id"], True)
    await desk.end(record["id"], {"succeeded": 4, "failed": 5}[end])
    assert (await desk.client.tap.end_of(order_id))["data"]["result"] == end


async def test_late_evidence_ends_an_order_in_review_without_anybody(desk: House) -> None:
    order_id, address = await lost(desk, "after", "7")
    facts = await shown(desk, order_id)
    assert facts["provider_says"] == []
    await desk.calm()
    [record] = await desk.withdrawals(address=address)
    await desk.post("coinqpay/withdrawal", record)  # the webhook comes late
    event = await desk.client.tap.end_of(order_id)
    assert event["data"]["providerRef"] == record["id"]
    assert desk.results(order_id)[0] == "review"


async def test_a_transfer_in_review_is_ended_by_late_evidence_too(desk: House) -> None:
    user, order_id = await desk.rich_user(), desk.new_id()
    await desk.stage.fault("reset", when="after", route="userTransfer", orderId=order_id)
    await desk.stage.fault("code", code=11002, route="getUserTransferRecord")
    await desk.client.publish(transfer(order_id, user, desk.new_id("user"), "1"))
    await desk.client.tap.told("review", order_id)
    assert order_id in await listed(desk)
    await desk.stage.control("DELETE", "faults")
    assert (await resolve(desk, order_id, "--not-executed")).code in {1, 2}
    assert (await desk.client.tap.end_of(order_id))["data"]["result"] == "succeeded"


BAD = {
    "an order that is not there": (("resolve", "nobodys-order", "--not-executed", *CAROL), 2, "no order"),
    "neither of the two": (("resolve", "nobodys-order", *CAROL), 2, "--executed or --not-executed"),
    "both": (("resolve", "x", "--executed", "1", "--not-executed", *CAROL), 2, "--executed or --not-executed"),
    "differences of nothing": (
        ("resolve", "x", "--not-executed", "--differing", "address", *CAROL),
        2,
        "goes with --executed",
    ),
    "by nobody": (("resolve", "x", "--not-executed", "--by", " ", "--reason", "ticket 4711"), 2, "--by"),
    "for no reason": (("resolve", "x", "--not-executed", "--by", "carol", "--reason", " "), 2, "--reason"),
    "nothing to show": (("show", "nobodys-order"), 1, "no order"),
}


async def test_what_cannot_be_decided_is_told_in_one_line(desk: House) -> None:
    tries = [desk.desk("review", *arguments) for arguments, _, _ in BAD.values()]
    for case, finished in zip(BAD, await asyncio.gather(*tries), strict=True):
        _, code, said = BAD[case]
        assert (finished.code, len(finished.err.splitlines())) == (code, 1), case
        assert said in finished.err, case


async def test_a_provider_that_cannot_be_asked_is_told_and_exits_1(desk: House) -> None:
    order_id, address = await lost(desk, "after", "8")
    [record] = await desk.withdrawals(address=address)
    away = desk.having(LEDGER_COINQPAY_BASE_URL="http://127.0.0.1:9")
    finished = await resolve(away, order_id, "--executed", record["id"])
    assert (finished.code, len(finished.err.splitlines())) == (1, 1)
    assert (await resolve(desk, order_id, "--executed", record["id"])).code == 0
    await desk.client.tap.end_of(order_id)
