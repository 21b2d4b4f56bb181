"""What is told of a difference: one event a day, one row for as long as it lasts, and a count."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.conformance.ends import APP_ID, APP_SECRET
from tests.conformance.port import served
from tests.reconcile.plants import a_transfer_that_nobody_ordered, write_transfer
from tests.reconcile.stage import ALICE, BOB, USDT, Stage
from worker.jobs.reconcile import run_reconcile
from worker.jobs.registry import make_jobs
from worker.providers.ccpayment.provider import CCPayment
from worker.providers.ccpayment.v1 import ApiV1
from worker.providers.protocol import ReadFailed
from worker.providers.registry import open_providers
from worker.providers.transport import open_transport
from worker.sandbox.sandbox import Sandbox
from worker.settings import read_settings

HOUR = 3600.0


async def rows(stage: Stage) -> list[dict[str, Any]]:
    found = await stage.owner.fetch("SELECT * FROM ledger.drift ORDER BY since, account, closed_at NULLS LAST")
    return [dict(row) for row in found]


async def test_a_difference_is_told_with_both_amounts(stage: Stage) -> None:
    stage.ends.sandbox.fund(ALICE, USDT, "0.5")
    await stage.reconcile()
    [data] = await stage.events()
    assert data == {
        "orderId": None,
        "type": "reconcile",
        "result": "drift",
        "sequence": 0,
        "provider": "ccpayment",
        "what": "balance",
        "account": f"user:{ALICE}",
        "coin": str(USDT),
        "ledgerAmount": "1000",
        "providerAmount": "1000.5",
        "recordId": None,
        "message": "the balances differ",
    }
    body = json.loads(
        await stage.owner.fetchval("SELECT body FROM ledger.outbox WHERE routing_key LIKE 'reconcile%'")
    )
    assert (body["type"], body["subject"]) == ("ledger.reconcile.drift", f"ccpayment:balance user:{ALICE} {USDT}")
    assert body["dataschema"] == "urn:ledger-worker:schema:reconcile-drift:1"


async def test_a_record_is_told_with_its_ids(stage: Stage) -> None:
    await a_transfer_that_nobody_ordered(stage)
    await stage.wait()
    await stage.reconcile()
    [data] = [each for each in await stage.events() if each["what"] == "transfer"]
    [record] = stage.ends.sandbox.books.transfers()
    assert (data["orderId"], data["recordId"]) == (record.order_id, record.record_id)
    assert (data["ledgerAmount"], data["providerAmount"]) == ("0", "-5")
    assert data["message"] == "the provider has done it, the ledger does not know it"


async def test_the_same_difference_is_told_once_a_day(stage: Stage) -> None:
    stage.ends.sandbox.fund(ALICE, USDT, "0.5")
    counts = []
    for _ in range(15):
        await stage.reconcile()
        counts.append(len(await stage.events()))
        await stage.wait(HOUR)
    # The stage opens at noon: midnight is between the twelfth run and the thirteenth.
    assert counts == [1] * 12 + [2] * 3
    [row] = await rows(stage)
    assert row["closed_at"] is None
    assert row["seen_at"] - row["since"] >= timedelta(hours=13)


async def test_another_difference_of_the_same_account_is_another_one(stage: Stage) -> None:
    stage.ends.sandbox.fund(ALICE, USDT, "0.5")
    await stage.reconcile()
    stage.ends.sandbox.fund(ALICE, USDT, "0.5")
    assert len((await stage.reconcile()).drift) == 1
    assert len(await stage.events()) == 2
    closed, still_open = await rows(stage)
    assert closed["closed_at"] is not None
    assert (still_open["closed_at"], str(still_open["provider_amount"])) == (None, "1001")


async def test_what_agrees_again_is_closed(stage: Stage) -> None:
    stage.ends.sandbox.fund(ALICE, USDT, "0.5")
    assert (await stage.reconcile()).drift_count == 1
    await stage.adjust(f"user:{ALICE}", "0.5", str(USDT))
    assert (await stage.reconcile()).drift == []
    [row] = await rows(stage)
    assert row["closed_at"] is not None


async def test_what_is_busy_is_not_closed(stage: Stage) -> None:
    stage.ends.sandbox.fund(ALICE, USDT, "0.5")
    await stage.reconcile()
    stage.ends.sandbox.add_fault("reset", when="before", route="userTransfer", times=1)
    await stage.transfer()
    report = await stage.reconcile()
    assert (report.drift_count, len(report.busy)) == (1, 1)


async def test_an_old_record_that_differs_is_looked_at_again_until_it_agrees(stage: Stage) -> None:
    planted = await a_transfer_that_nobody_ordered(stage)
    await stage.wait()
    await stage.reconcile()
    for _ in range(3):
        await stage.wait(30 * HOUR)
        assert planted.records <= await stage.drift()
    shelf = stage.ends.sandbox.books.transfer_shelf
    [record] = shelf
    del shelf._by_record_id[record.record_id], shelf._by_order_id[record.order_id]
    assert not any(what == "transfer" for what, *_ in await stage.drift())


async def test_a_balance_of_somebody_whom_the_ledger_lacks_is_looked_at_again(stage: Stage) -> None:
    books = stage.ends.sandbox.books
    stage.ends.sandbox.fund("stranger-1", USDT, "4")
    write_transfer(stage, "ord-strange", "stranger-1", ALICE, "1")
    balance = ("balance", "user:stranger-1", str(USDT), "0", "3")
    for _ in range(2):
        # The second time nothing but the old difference tells of them.
        await stage.wait(30 * HOUR)
        assert balance in await stage.drift()
    books.spend("stranger-1", USDT, books.balance("stranger-1", USDT))
    assert not any((what, account) == balance[:2] for what, account, *_ in await stage.drift())


async def test_what_is_older_than_a_week_at_the_first_run_is_not_read(stage: Stage) -> None:
    await a_transfer_that_nobody_ordered(stage)
    await stage.wait(8 * 24 * HOUR)
    assert {what for what, *_ in await stage.drift()} == {"balance"}


async def test_a_run_that_fails_is_made_up_for_by_the_next(stage: Stage) -> None:
    planted = await a_transfer_that_nobody_ordered(stage)
    await stage.wait()
    stage.ends.sandbox.add_fault("http_500", route="getUserSwapRecordList")
    with pytest.raises(ReadFailed):
        await stage.reconcile()
    stage.ends.sandbox.clear_faults()
    await stage.wait(5 * HOUR)
    assert planted.records <= await stage.drift()


async def test_blank_balances_are_skipped(stage: Stage) -> None:
    stage.ends.ask("ccpayment", "balances", blank=True)
    report = await stage.reconcile()
    assert report.drift == []
    assert {(each.what, each.account, each.coin) for each in report.skipped} == {
        ("balance", "merchant", str(USDT)),
        ("v1 balance", "merchant", "USDT"),
    }


async def test_an_account_without_version_1_is_skipped_and_not_different(stage: Stage) -> None:
    stage.ends.sandbox.add_fault("code", code=224066, route="v1.assets")
    report = await stage.reconcile()
    assert (report.drift, [each.what for each in report.skipped]) == ([], ["v1 balance"])
    assert "224066" in report.skipped[0].message


V2, V1 = {"LEDGER_CCPAYMENT_BASE_URL": "http://v2"}, {"LEDGER_CCPAYMENT_V1_BASE_URL": "http://v1"}


@pytest.mark.parametrize(("led", "has_version_1"), [({}, True), (V2, False), (V1, True), ({**V2, **V1}, True)])
async def test_a_worker_that_is_led_to_a_simulator_does_not_call_the_real_version_1(
    stage: Stage, led: dict[str, str], has_version_1: bool
) -> None:
    credentials = {"LEDGER_CCPAYMENT_APP_ID": APP_ID, "LEDGER_CCPAYMENT_APP_SECRET": APP_SECRET}
    async with open_providers(read_settings({**credentials, **led}), stage.ends.clock) as providers:
        ccpayment = providers["ccpayment"]
        assert isinstance(ccpayment, CCPayment)
        assert (ccpayment.version_1 is not None) == has_version_1
    stage.ends.ccpayment.version_1 = None
    report = await stage.reconcile()
    assert (report.drift, [(each.what, each.account) for each in report.skipped]) == (
        [],
        [("v1 balance", "merchant")],
    )


async def test_a_version_1_that_says_otherwise_is_a_difference_of_its_own(stage: Stage) -> None:
    other = Sandbox(APP_ID, APP_SECRET, stage.ends.clock.provider_seconds)
    other.fund(APP_ID, USDT, "999")
    other.fund(APP_ID, 1482, "2")
    async with served(other) as url, open_transport(10) as transport:
        stage.ends.ccpayment.version_1 = ApiV1(
            transport,
            base_url=url,
            app_id=APP_ID,
            app_secret=APP_SECRET,
            timeout_seconds=10,
            now=stage.ends.clock.now,
        )
        assert await stage.drift() == {
            ("v1 balance", "merchant", "USDT", "1000", "999"),
            ("v1 balance", "merchant", "TRX", "0", "2"),
        }


async def test_the_job_says_what_it_found_and_counts_it(stage: Stage) -> None:
    names = {job.name: job for job in make_jobs(stage.ends.settings, stage.world)}
    assert {"reconcile.ccpayment", "reconcile.coinqpay"} <= names.keys()
    assert names["reconcile.ccpayment"].period_seconds == 3600
    stage.ends.sandbox.fund(ALICE, USDT, "0.5")
    stage.ends.sandbox.fund(BOB, USDT, "0.5")
    await stage.transfer("1", toUserId=BOB)
    for _ in range(2):
        words = await names["reconcile.ccpayment"].run()
        assert "2 differ, 0 busy, 0 skipped" in words
        metrics = stage.world.metrics.text().decode()
        assert 'ledger_drift_total{provider="ccpayment",what="balance"} 2.0' in metrics
        assert 'ledger_drift_open{provider="ccpayment"} 2.0' in metrics
    assert "0 differ" in await run_reconcile(stage.ends.coinqpay, stage.world)
