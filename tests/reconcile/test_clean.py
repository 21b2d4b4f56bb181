"""Books that agree: nothing is found, whatever has happened in them, and nothing is changed."""

from tests.conformance.ends import APP_ID
from tests.reconcile.stage import BOB, Stage


async def busy_day(stage: Stage) -> None:
    """One of everything, all of it ended."""
    await stage.transfer("1.5")
    await stage.transfer("2", fromUserId=APP_ID, toUserId=BOB)
    await stage.swap("25.5")
    stage.deposit("3")
    stage.deposit("0.7", BOB)
    stage.ends.ask("ccpayment", "deposit", referenceId="ref-1", coinId=1280, chain="POLYGON", amount="4", txId="0x1")
    await stage.payout("5.25")
    order_id = await stage.pay_order("10")
    await stage.go_on(20)
    stage.ends.ask("coinqpay", "pay", orderId=order_id)
    await stage.go_on()


async def test_after_a_busy_day_nothing_differs_and_everything_was_compared(stage: Stage) -> None:
    await busy_day(stage)
    ours, theirs = await stage.reconcile(), await stage.reconcile("coinqpay")
    assert (ours.drift, ours.busy, ours.skipped) == ([], [], [])
    assert (theirs.drift, theirs.busy, theirs.skipped) == ([], [], [])
    # Transfers are listed from and to each user.
    assert (ours.compared["swap"], ours.compared["deposit"]) == (1, 3)
    assert ours.compared["transfer"] >= 2
    assert ours.compared["v1 balance"] == 2
    assert ours.compared["balance"] >= 5
    assert (theirs.compared["withdrawal"], theirs.compared["deposit"]) == (1, 1)
    assert theirs.compared["balance"] >= 1


async def test_a_run_changes_neither_books_nor_orders(stage: Stage) -> None:
    await busy_day(stage)
    tables = ("entry", "journal", "orders", "balance", "deposit", "evidence", "outbox", "attempt")
    before = [await stage.owner.fetch(f"SELECT t::text FROM ledger.{table} t ORDER BY 1") for table in tables]
    stage.ends.sandbox.fund(BOB, 1280, "1")
    requests = len(stage.ends.sandbox.log)
    assert (await stage.reconcile()).drift_count > 0
    await stage.reconcile("coinqpay")
    after = [await stage.owner.fetch(f"SELECT t::text FROM ledger.{table} t ORDER BY 1") for table in tables]
    changed = {table for table, old, new in zip(tables, before, after, strict=True) if old != new}
    assert changed == {"outbox"}
    asked = {received.route for received in list(stage.ends.sandbox.log)[requests:]}
    assert asked.isdisjoint({"userTransfer", "userSwap", "rescanLostTransaction", "coinqpay.payout"})
