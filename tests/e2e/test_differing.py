"""Orders whose record at the provider is not what was ordered: held until a person decides, and never for ever."""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.commands import BOUND_ADDRESS, COIN, SUPPLIER, withdraw
from tests.e2e.house import SETTLED, House, working
from tests.e2e.program import Finished

pytestmark = pytest.mark.usefixtures("calm")

# The operator has set another address than the one that is bound at the provider.
MISTAKEN = {"LEDGER_COINQPAY_WITHDRAW_ADDRESSES": json.dumps({COIN: SUPPLIER})}


@pytest.fixture(scope="module")
async def desk(empty_house: House) -> AsyncIterator[House]:
    """A house whose worker expects withdrawals elsewhere; its desk need not wait for what may be on its way."""
    house = empty_house.having(**MISTAKEN)
    async with working(house):
        yield house.having(**SETTLED)


async def resolve(desk: House, order_id: str, *decision: str) -> Finished:
    return await desk.desk("review", "resolve", order_id, *decision, "--by", "carol", "--reason", "ticket 4711")


async def refused(desk: House, order_id: str, *decision: str) -> str:
    """Resolve it in a way that cannot be; why not."""
    finished = await resolve(desk, order_id, *decision)
    assert (finished.code, finished.out) == (2, "")
    assert await desk.state(order_id) == "review"
    return finished.err


async def disputed(desk: House, amount: str) -> tuple[str, str]:
    """A withdrawal in review, bound to a record that has another address: the order and the provider's id."""
    order_id = desk.new_id()
    await desk.client.publish(withdraw(order_id, amount))
    review = await desk.client.tap.told("review", order_id)
    assert review["data"]["error"]["message"] == "the provider's record differs in address"
    [record] = await desk.withdrawals(address=BOUND_ADDRESS, withdraw_amount=amount)
    assert review["data"]["providerRef"] == record["id"]
    return order_id, record["id"]


async def says(desk: House, order_id: str) -> list[str]:
    shown = await desk.desk("review", "show", order_id, "--json")
    facts: dict[str, Any] = json.loads(shown.out)
    return [line["says"] for line in facts["provider_says"]]


async def test_what_differs_is_not_confirmed_and_is_released_once_the_provider_has_not_paid_it(desk: House) -> None:
    before = await desk.merchant()
    await desk.webhooks(kind="coinqpay.confirm", on=True, delaySeconds=10)
    order_id, withdrawal_id = await disputed(desk, "21")
    assert "its record decides" in await refused(desk, order_id, "--not-executed")
    await desk.calm()
    await desk.end(withdrawal_id, 6)
    [said] = await says(desk, order_id)
    assert said.endswith("differs in address; apart from that: refused: the provider's record says approve failed")
    done = await resolve(desk, order_id, "--not-executed")
    assert done.out.strip() == f"{order_id}: failed, its funds are released", done.err
    event = await desk.client.tap.end_of(order_id)
    assert (event["data"]["result"], event["data"]["error"]["code"]) == ("failed", "not_executed")
    assert await desk.merchant() == before
    assert await desk.stage.lines(order_id) == []


async def test_what_differs_and_was_paid_is_posted_from_its_record_once_a_person_answers_for_it(desk: House) -> None:
    # Not confirmed by us: what differs is refused.
    await desk.webhooks(kind="coinqpay.confirm", on=False)
    await desk.stage.control("POST", "coinqpay/hold", status=1)
    order_id, withdrawal_id = await disputed(desk, "22")
    await desk.end(withdrawal_id, 4)
    assert "its record decides" in await refused(desk, order_id, "--not-executed")
    executed = ("--executed", withdrawal_id)
    assert "adds --differing address" in await refused(desk, order_id, *executed)
    done = await resolve(desk, order_id, *executed, "--differing", "address")
    assert done.code == 0, done.err
    event = await desk.client.tap.end_of(order_id)
    assert (event["data"]["result"], event["data"]["providerRef"]) == ("succeeded", withdrawal_id)
    [record] = await desk.withdrawals(id=withdrawal_id)
    lines = await desk.stage.lines(order_id)
    assert ("merchant", -Decimal(record["actual_amount"]), "withdraw") in lines
    assert sum(amount for account, amount, _ in lines if account == "merchant") == -22
    [said] = await desk.stage.query(
        "SELECT message FROM ledger.evidence_line WHERE order_id = $1 AND source = 'person'", order_id
    )
    assert said["message"] == "carol: ticket 4711 (differing: address)"
