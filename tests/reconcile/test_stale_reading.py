"""What was read before another worker went on says nothing against what that worker then read."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.reconcile.stage import ALICE, Stage
from worker.jobs.rescans import run_rescans
from worker.order import Order
from worker.providers.protocol import Candidates, Deposit, Finding, Refused, Succeeded
from worker.steps.credit import credit
from worker.steps.settle import deposit_of, settle
from worker.steps.submit import look_up_raw


@dataclass
class Reading:
    """What a worker has read of an order, and when it asked."""

    order: Order
    finding: Finding
    asked_at: datetime

    async def settle(self, stage: Stage) -> None:
        await settle(self.order, self.finding, "record", stage.world, self.asked_at)

    async def credit(self, stage: Stage) -> None:
        """And be killed before the order is settled."""
        deposit = deposit_of(self.order, self.finding)
        assert deposit is not None
        assert await credit(deposit, self.asked_at, stage.world, self.order) == "credited"


async def read(stage: Stage, order_id: str) -> Reading:
    """As a worker that takes the order up."""
    [order] = await stage.world.ledger.read_orders([order_id])
    asked_at = stage.ends.clock.now()
    found = await look_up_raw(order, stage.world)
    assert not isinstance(found, Candidates)
    return Reading(order, found, asked_at)


async def pay(stage: Stage, order_id: str) -> Reading:
    stage.ends.ask("coinqpay", "pay", orderId=order_id)
    await stage.wait(60)
    reading = await read(stage, order_id)
    assert isinstance(reading.finding, Succeeded)
    return reading


async def expired_and_then_paid(stage: Stage) -> tuple[Reading, Reading]:
    """A pay order as two workers read it."""
    order_id = await stage.pay_order("10")
    await stage.wait(2000)
    expired = await read(stage, order_id)
    assert isinstance(expired.finding, Refused)
    return expired, await pay(stage, order_id)


async def violations(stage: Stage) -> set[str]:
    return {row["invariant"] for row in await stage.owner.fetch("SELECT invariant FROM ledger.violation")}


async def told(stage: Stage, order_id: str) -> list[str]:
    """The results that were told of an order, by their sequence."""
    rows = await stage.owner.fetch(
        "SELECT routing_key FROM ledger.outbox WHERE order_id = $1 ORDER BY sequence", order_id
    )
    return [row["routing_key"].partition(".")[2] for row in rows]


async def body_of(stage: Stage, order_id: str, routing_key: str) -> str:
    body = await stage.owner.fetchval(
        "SELECT body FROM ledger.outbox WHERE order_id = $1 AND routing_key = $2", order_id, routing_key
    )
    return str(body)


PAID = ["processing", "created", "credited", "succeeded"]


async def test_an_expiry_that_was_read_before_the_payment_contradicts_nothing(stage: Stage) -> None:
    expired, paid = await expired_and_then_paid(stage)
    await paid.settle(stage)
    await expired.settle(stage)
    assert await violations(stage) == set()
    assert await told(stage, paid.order.order_id) == PAID


async def test_an_expiry_that_was_read_before_the_crediting_does_not_end_the_order(stage: Stage) -> None:
    expired, paid = await expired_and_then_paid(stage)
    await paid.credit(stage)
    await expired.settle(stage)
    assert await stage.state(paid.order.order_id) == "processing"
    await paid.settle(stage)
    assert await violations(stage) == set()
    assert await told(stage, paid.order.order_id) == PAID


async def test_an_expiry_after_the_crediting_is_left_to_a_person(stage: Stage) -> None:
    order_id = await stage.pay_order("10")
    await (await pay(stage, order_id)).credit(stage)
    [order] = stage.ends.sandbox.coinqpay_books.pay_orders()
    order.status, order.pay_amount = 5, None
    await (await read(stage, order_id)).settle(stage)
    assert await stage.state(order_id) == "review"
    assert await violations(stage) == {"a credited deposit stays what the provider says"}


async def test_an_amount_that_was_read_before_the_crediting_contradicts_nothing(stage: Stage) -> None:
    before = await pay(stage, await stage.pay_order("10"))
    [order] = stage.ends.sandbox.coinqpay_books.pay_orders()
    order.pay_amount = Decimal(12)
    after = await read(stage, order.order_id)
    await after.credit(stage)
    await before.settle(stage)
    assert await violations(stage) == set()
    assert await told(stage, order.order_id) == PAID
    assert '"amount":"12"' in await body_of(stage, order.order_id, "payOrder.succeeded")


async def test_an_order_tells_what_is_posted_though_the_provider_says_more_by_then(stage: Stage) -> None:
    await (await pay(stage, await stage.pay_order("10"))).credit(stage)
    [order] = stage.ends.sandbox.coinqpay_books.pay_orders()
    order.pay_amount = Decimal(12)
    await stage.go_on()
    assert await told(stage, order.order_id) == PAID
    assert '"amount":"10"' in await body_of(stage, order.order_id, "payOrder.succeeded")
    assert await violations(stage) == {"a credited deposit stays what the provider says"}


async def test_a_rescan_is_not_given_up_when_its_payment_is_credited_meanwhile(stage: Stage) -> None:
    source = stage.ends.ccpayment.deposits
    assert source is not None
    made: dict[str, Any] = stage.ends.ask(
        "ccpayment", "deposit", userId=ALICE, coinId=1280, chain="POLYGON", amount="3", txId="0xfeed"
    )
    look = {"chain": "POLYGON", "toAddress": made["toAddress"], "txId": "0xfeed"}
    order_id = await stage.send("rescan", **look)
    [order] = await stage.world.ledger.read_orders([order_id])
    asked_at = stage.ends.clock.now()
    await stage.wait(60)
    deposit = await source.deposit("user", made["recordId"])
    assert isinstance(deposit, Deposit)
    assert await credit(deposit, stage.ends.clock.now(), stage.world) == "credited"
    await Reading(order, Refused("given_up", "not found", by_record=True), asked_at).settle(stage)
    assert await stage.state(order_id) == "held"
    await run_rescans(source, stage.world)
    assert await violations(stage) == set()
    assert await told(stage, order_id) == ["credited", "succeeded"]
