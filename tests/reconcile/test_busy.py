"""What is under way is busy, not different: open orders, new deposits, books that move while they are read."""

import asyncio
from collections.abc import Collection

import pytest

from tests.conformance.ends import APP_ID
from tests.reconcile.stage import ALICE, BOB, MATIC, TRON, USDT, Stage
from worker.ledger import Position, ReconcileLedger
from worker.reconcile import balances, findings
from worker.reconcile.run import Report
from worker.run_now import rows_of


def busy(report: Report) -> set[tuple[str | None, str | None]]:
    assert report.drift == [], report.drift
    return {(passed.account, passed.coin) for passed in report.busy}


async def test_a_swap_under_way_keeps_both_coins_and_the_merchants_fee_busy(stage: Stage) -> None:
    stage.ends.ask("ccpayment", "swaps", processingSeconds=100_000)
    order_id = await stage.swap("25")
    await stage.wait()
    assert await stage.state(order_id) == "processing"
    user = f"user:{ALICE}"
    assert busy(await stage.reconcile()) == {(user, str(USDT)), (user, str(MATIC)), ("merchant", str(MATIC))}


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_transfer_in_doubt_keeps_both_users_busy(stage: Stage, when: str) -> None:
    await stage.fund(BOB, "1")
    stage.ends.sandbox.add_fault("reset", when=when, route="userTransfer", times=1)
    order_id = await stage.transfer()
    assert await stage.state(order_id) == "unknown"
    assert busy(await stage.reconcile()) == {(f"user:{ALICE}", str(USDT)), (f"user:{BOB}", str(USDT))}
    await stage.go_on()
    assert busy(await stage.reconcile()) == set()


async def test_a_transfer_of_the_merchant_in_doubt_keeps_the_merchant_busy(stage: Stage) -> None:
    stage.ends.sandbox.add_fault("reset", when="after", route="userTransfer", times=1)
    await stage.transfer(fromUserId=APP_ID)
    assert ("merchant", str(USDT)) in busy(await stage.reconcile())


async def test_a_deposit_that_has_just_arrived_is_not_missing(stage: Stage) -> None:
    stage.deposit("10")
    assert busy(await stage.reconcile()) == {(f"user:{ALICE}", str(USDT))}
    await stage.take_deposits()
    assert busy(await stage.reconcile()) == set()


async def test_a_deposit_that_is_watched_is_not_missing(stage: Stage) -> None:
    stage.deposit("10", pendingSeconds=600)
    await stage.go_on(60)
    await stage.wait(900)
    assert busy(await stage.reconcile()) == {(f"user:{ALICE}", str(USDT))}
    await stage.go_on(1200)
    assert busy(await stage.reconcile()) == set()


async def test_a_deposit_that_is_done_there_and_still_watched_here_differs_after_a_day(stage: Stage) -> None:
    stage.deposit("10", pendingSeconds=600)
    await stage.go_on(60)
    await stage.wait(80_000)
    assert busy(await stage.reconcile()) == {(f"user:{ALICE}", str(USDT))}
    await stage.wait(10_000)
    assert {told[:3] for told in await stage.drift()} == {("balance", f"user:{ALICE}", str(USDT))}


async def test_a_deposit_that_is_not_money_changes_nothing(stage: Stage) -> None:
    stage.deposit("10", pendingSeconds=100_000)
    stage.deposit("10", risky=True)
    stage.deposit("10", fails=True)
    await stage.wait()
    assert busy(await stage.reconcile()) == set()
    await stage.go_on()
    assert busy(await stage.reconcile()) == set()


async def test_transfers_that_go_on_while_the_books_are_compared_make_no_drift(stage: Stage) -> None:
    async def move() -> None:
        for _ in range(40):
            await stage.transfer("0.01")
            await stage.transfer("0.01", fromUserId=APP_ID, toUserId=ALICE)

    moving = asyncio.create_task(move())
    while not moving.done():
        assert (await stage.reconcile()).drift == []
    await moving
    await stage.wait()
    report = await stage.reconcile()
    assert busy(report) == set()
    assert report.compared["transfer"] > 80


async def test_a_payout_under_way_is_taken_from_what_must_be_there(stage: Stage) -> None:
    stage.ends.ask("coinqpay", "hold", status=2)
    order_id = await stage.payout("5", account="merchant")
    await stage.go_on()
    assert await stage.state(order_id) == "processing"
    report = await stage.reconcile("coinqpay")
    assert busy(report) == set()
    assert report.compared["balance"] >= 1
    stage.ends.ask("coinqpay", "fund", coin=TRON, amount="5")
    assert await stage.drift("coinqpay") == {("balance", "custody", TRON, "995", "1000")}


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_payout_in_doubt_makes_a_range(stage: Stage, when: str) -> None:
    stage.ends.sandbox.add_fault("reset", when=when, route="coinqpay.payout", times=1)
    order_id = await stage.payout("5")
    assert await stage.state(order_id) == "unknown"
    assert busy(await stage.reconcile("coinqpay")) == {("custody", TRON)}
    stage.ends.ask("coinqpay", "fund", coin=TRON, amount="6")
    [(what, *_)] = await stage.drift("coinqpay")
    assert what == "balance"


async def test_a_withdrawal_that_came_back_and_is_not_known_yet_is_busy(stage: Stage) -> None:
    stage.ends.ask("coinqpay", "end-withdrawal", status=5)
    await stage.payout("5")
    await stage.wait()
    assert busy(await stage.reconcile("coinqpay")) == {("custody", TRON)}
    await stage.go_on()
    assert busy(await stage.reconcile("coinqpay")) == set()


@pytest.mark.parametrize("seconds", [0.0, 2000.0])
async def test_a_pay_order_that_is_paid_and_not_known_yet_is_busy(stage: Stage, seconds: float) -> None:
    order_id = await stage.pay_order("10")
    if seconds:
        await stage.go_on(seconds)
        assert await stage.state(order_id) == "failed"
    stage.ends.ask("coinqpay", "pay", orderId=order_id)
    await stage.wait()
    assert busy(await stage.reconcile("coinqpay")) == {("custody", TRON)}
    await stage.go_on(4000)
    assert busy(await stage.reconcile("coinqpay")) == set()


async def test_the_books_are_asked_once_for_many_accounts_before_and_after(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    positions = ReconcileLedger.positions

    async def counted(
        self: ReconcileLedger, provider: str, accounts: Collection[str], merchant: str
    ) -> dict[str, dict[str, Position]]:
        asked.append(sorted(accounts))
        return await positions(self, provider, accounts, merchant)

    monkeypatch.setattr(ReconcileLedger, "positions", counted)
    users = [f"user-{number:02}" for number in range(balances.PAGE)]
    for user in users:
        await stage.fund(user, "1")
    assert busy(await stage.reconcile()) == set()
    accounts = sorted([f"user:{ALICE}", *(f"user:{user}" for user in users)])
    pages = [["merchant"], accounts[: balances.PAGE], accounts[balances.PAGE :]]
    assert asked == [page for page in pages for _ in ("before", "after")]


async def test_what_is_busy_is_counted_and_the_first_of_it_is_kept(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "PASSED_MAX", 2)
    for number in range(5):
        stage.deposit("10", f"user-{number}")
        await stage.adjust(f"user:user-{number}", "1", str(USDT))
        stage.ends.sandbox.fund(f"user-{number}", USDT, "1")
    report = await stage.reconcile()
    assert ([passed.account for passed in report.busy], report.busy_count) == (["user:user-0", "user:user-1"], 5)
    assert "5 busy" in report.words
    rows = rows_of(report)
    assert [row["result"] for row in rows] == ["busy"] * 3
    assert rows[-1]["message"] == "3 more were busy"
