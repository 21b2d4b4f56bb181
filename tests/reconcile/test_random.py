"""Random days: whatever was moved by the real steps, a run finds exactly what was planted."""

import random

import pytest

from tests.conformance.ends import APP_ID
from tests.reconcile.plants import CCPAYMENT, COINQPAY, Planted
from tests.reconcile.stage import ALICE, BOB, MATIC, USDT, Stage, told
from tests.reconcile.test_planted import assert_finds

SEEDS = range(8)
COUNT = 25


async def transfer(stage: Stage, chance: random.Random) -> None:
    sender, receiver = chance.sample([ALICE, BOB, APP_ID, "carol-1"], 2)
    await stage.transfer(some(chance), fromUserId=sender, toUserId=receiver)


async def swap(stage: Stage, chance: random.Random) -> None:
    await stage.swap(f"2{some(chance)}", extraFeeRate=chance.choice(["0", "0.01"]))


async def slow_swap(stage: Stage, chance: random.Random) -> None:
    plan = {"processingSeconds": chance.choice([0, 1, 40]), "fails": chance.random() < 0.3}
    stage.ends.ask("ccpayment", "swaps", **plan)
    await stage.swap("21.5", coinIdIn=MATIC, coinIdOut=USDT)


async def deposit(stage: Stage, chance: random.Random) -> None:
    stage.deposit(some(chance), chance.choice([ALICE, BOB]), pendingSeconds=chance.choice([0, 30]))


async def payout(stage: Stage, chance: random.Random) -> None:
    if chance.random() < 0.3:
        stage.ends.ask("coinqpay", "end-withdrawal", status=chance.choice([4, 5, 6]))
    await stage.payout(chance.choice(["2", "3", "7.5"]), account=chance.choice(["merchant", f"user:{ALICE}"]))


async def pay_order(stage: Stage, chance: random.Random) -> None:
    order_id = await stage.pay_order("10")
    if chance.random() < 0.7 and await stage.state(order_id) == "processing":
        other = {"amount": some(chance)} if chance.random() < 0.3 else {}
        stage.ends.ask("coinqpay", "pay", orderId=order_id, **other)


async def fault(stage: Stage, chance: random.Random) -> None:
    route = chance.choice(["userTransfer", "userSwap", "coinqpay.payout"])
    kind, when = chance.choice(["reset", "http_500"]), chance.choice(["before", "after"])
    stage.ends.sandbox.add_fault(kind, when=when, route=route, times=1)


async def time_passes(stage: Stage, chance: random.Random) -> None:
    await stage.go_on(chance.choice([1, 30, 300]))


async def look(stage: Stage, _chance: random.Random) -> None:
    for provider in ("ccpayment", "coinqpay"):
        report = await stage.reconcile(provider)
        assert report.drift == [], report.drift


STEPS = [transfer, transfer, swap, slow_swap, deposit, payout, pay_order, fault, time_passes, time_passes, look]


def some(chance: random.Random) -> str:
    """An amount."""
    return f"{chance.randint(1, 300) / 100:.2f}"


async def end(stage: Stage) -> None:
    """Let everything end that can."""
    stage.ends.sandbox.clear_faults()
    stage.ends.ask("ccpayment", "swaps", processingSeconds=0)
    # One that was meant for a payout which never came.
    stage.ends.sandbox._coinqpay._merchant.withdrawals.wishes.clear()  # type: ignore[union-attr]
    for _ in range(3):
        await stage.go_on(1200)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_random_day_with_random_differences(stage: Stage, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    await stage.fund(BOB, "500")
    await stage.fund_coinqpay("200", f"user:{ALICE}")
    for _ in range(COUNT):
        await chance.choice(STEPS)(stage, chance)
    await end(stage)
    await look(stage, chance)
    for provider, plants in (("ccpayment", CCPAYMENT), ("coinqpay", COINQPAY)):
        names = chance.sample(sorted(plants), 4)
        planted = Planted()
        for name in sorted(names, key=lambda each: "nobody" in each):
            planted += await plants[name](stage)
        await stage.wait()
        report = await stage.reconcile(provider)
        payments = await stage.world.ledger.for_reconciling().open_payments(provider)
        if any(payment.in_doubt for payment in payments):
            # A payment that waits for a person makes the balance a range: only the records can be told apart.
            assert {each for each in told(report) if each[0] != "balance"} == planted.records
        else:
            assert_finds(report, planted)
