"""Planted differences: each is found alone, and all together, exactly those and nothing else."""

from decimal import Decimal

import pytest

from schemas.money import negate, total
from tests.reconcile.plants import CCPAYMENT, COINQPAY, Planted
from tests.reconcile.stage import Stage, told
from worker.reconcile.run import Report

EACH = [
    pytest.param(provider, plant, id=f"{provider}: {name}")
    for provider, plants in (("ccpayment", CCPAYMENT), ("coinqpay", COINQPAY))
    for name, plant in plants.items()
]


def assert_finds(report: Report, planted: Planted) -> None:
    """The same records, and the same surplus of the same balances."""
    assert {each for each in told(report) if each[0] != "balance"} == planted.records
    surplus = {
        (row["account"], row["coin"]): total([row["provider_amount"], negate(row["ledger_amount"])])
        for row in report.drift
        if row["what"] == "balance"
    }
    assert surplus == {balance: amount for balance, amount in planted.surplus.items() if amount}


@pytest.mark.parametrize(("provider", "plant"), EACH)
async def test_one_difference_is_found_and_nothing_else(stage: Stage, provider: str, plant: object) -> None:
    planted = await plant(stage)  # type: ignore[operator]
    await stage.wait()
    report = await stage.reconcile(provider)
    assert_finds(report, planted)
    assert report.busy == []
    other = "coinqpay" if provider == "ccpayment" else "ccpayment"
    assert (await stage.reconcile(other)).drift == []


@pytest.mark.parametrize(("provider", "plants"), [("ccpayment", CCPAYMENT), ("coinqpay", COINQPAY)])
async def test_all_differences_together_are_found_and_nothing_else(
    stage: Stage, provider: str, plants: dict[str, object]
) -> None:
    # Last those that nobody may be awake for: any plant that lets the worker go on would credit them.
    asleep = {name for name in plants if "nobody" in name}
    planted = Planted()
    for name in sorted(plants, key=lambda each: each in asleep):
        planted += await plants[name](stage)  # type: ignore[operator]
    await stage.wait()
    report = await stage.reconcile(provider)
    assert_finds(report, planted)
    assert len(report.drift) >= len(plants) - 1
    again = await stage.reconcile(provider)
    assert told(again) == told(report)
    assert {row["since"] for row in again.drift} == {row["since"] for row in report.drift}


async def test_the_smallest_difference_counts(stage: Stage) -> None:
    stage.ends.sandbox.books.fund("alice1", 1280, Decimal("0.000000000000000001"))
    assert await stage.drift() == {("balance", "user:alice1", "1280", "1000", "1000.000000000000000001")}
