"""Workers side by side: each job once per period, a killed one's done by another, roles in processes of their own."""

import json
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.e2e.commands import payout
from tests.e2e.house import House, free_port, working

pytestmark = pytest.mark.usefixtures("calm")

# What each asks of its provider once per run, so that its calls tell its runs.
CALLS = {"coins.ccpayment": "getCoinList", "coins.coinqpay": "coinqpay.supported_coins"}
DEPOSITS = "deposits.ccpayment"
RESCAN = "rescan.ccpayment"
RESCAN_SECONDS = 5
JOBS = {
    "coins.ccpayment",
    "coins.coinqpay",
    DEPOSITS,
    RESCAN,
    "late-payments.coinqpay",
    "forget-webhooks",
}


async def jobs(house: House) -> dict[str, dict[str, Any]]:
    """As the command line lists them."""
    listed = await house.desk("jobs", "--json")
    assert (listed.code, listed.err) == (0, "")
    return {row["name"]: row for row in map(json.loads, listed.out.splitlines())}


async def until_ended(house: House, name: str, run: int) -> None:
    """Wait until that run of the job has ended."""
    await house.until(
        "SELECT EXISTS (SELECT FROM ledger.job_status WHERE name = $1 AND run >= $2 AND finished_at >= started_at)"
        " AS it",
        name,
        run,
    )


async def test_two_workers_do_each_job_once_per_period(empty_house: House) -> None:
    house = empty_house
    for route in CALLS.values():
        await house.stage.fault("slow", when="after", route=route, seconds=0)  # counts the calls
    async with house.stage.worker("--role", "schedule"), house.stage.worker("--role", "schedule"):
        for name in JOBS:
            await until_ended(house, name, 1)
        began = (await jobs(house))[RESCAN]
        await until_ended(house, RESCAN, began["run"] + 2)
    assert await house.fired() == [1, 1]  # due again in minutes
    listed = await jobs(house)
    assert {name: listed[name]["run"] for name in CALLS} == dict.fromkeys(CALLS, 1)
    assert listed.keys() >= JOBS
    assert "coins" in listed["coins.ccpayment"]["result"]
    started, ended = (datetime.fromisoformat(row["started_at"]) for row in (began, listed[RESCAN]))
    assert (ended - started).total_seconds() >= RESCAN_SECONDS * (listed[RESCAN]["run"] - began["run"])


async def test_the_last_run_of_a_job_its_duration_and_its_result_are_metrics(empty_house: House) -> None:
    house = empty_house
    await house.stage.fault("http_500", when="before", route="getCoinList")
    house.make_due("coins.ccpayment", "coins.coinqpay")
    runs = {name: row["run"] for name, row in (await jobs(house)).items()}
    async with working(house):
        for name in CALLS:
            await until_ended(house, name, runs.get(name, 0) + 1)
        lines = (await house.get("/metrics")).text.splitlines()
        listed = await jobs(house)
    told = {line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("ledger_job_")}
    assert told['ledger_job_failed{job="coins.ccpayment"}'] == 1
    assert told['ledger_job_failed{job="coins.coinqpay"}'] == 0
    ended = datetime.fromisoformat(listed["coins.coinqpay"]["finished_at"]).timestamp()
    assert told['ledger_job_finished_timestamp_seconds{job="coins.coinqpay"}'] == pytest.approx(ended, abs=0.001)
    seconds = float(listed["coins.coinqpay"]["seconds"])
    assert told['ledger_job_seconds{job="coins.coinqpay"}'] == pytest.approx(seconds, abs=0.001)


async def test_the_job_of_a_killed_worker_is_run_again_when_its_lease_is_over(empty_house: House) -> None:
    house = empty_house
    async with house.stage.worker("--role", "schedule") as worker:
        await until_ended(house, DEPOSITS, 1)
        await house.stage.fault("hang", when="before", route="getAppDepositRecordList", seconds=60)
        house.make_due(DEPOSITS)
        await house.until_fired()
        await worker.kill()
    await house.stage.control("DELETE", "faults")
    killed = (await jobs(house))[DEPOSITS]
    assert killed["finished_at"] < killed["started_at"]
    async with house.stage.worker("--role", "schedule"):
        await until_ended(house, RESCAN, (await jobs(house))[RESCAN]["run"] + 1)
        # It looks for both jobs, and under the killed one's lease it begins no other.
        assert (await jobs(house))[DEPOSITS]["run"] == killed["run"]
        house.make_due(DEPOSITS)  # the lease is over
        await until_ended(house, DEPOSITS, killed["run"] + 1)


async def test_the_job_of_a_worker_that_is_told_to_stop_is_due_at_once(empty_house: House) -> None:
    house = empty_house
    async with house.stage.worker("--role", "schedule") as worker:
        await until_ended(house, DEPOSITS, 1)
        await house.stage.fault("hang", when="before", route="getAppDepositRecordList", seconds=60)
        house.make_due(DEPOSITS)
        await house.until_fired()
        worker.terminate()
        assert await worker.ends() == 0
    await house.stage.control("DELETE", "faults")
    stopped = (await jobs(house))[DEPOSITS]
    assert stopped["result"] == "stopped with its worker"
    async with house.stage.worker("--role", "schedule"):
        await until_ended(house, DEPOSITS, stopped["run"] + 1)


async def test_a_job_that_cannot_ask_its_provider_says_so_and_does_it_later(empty_house: House) -> None:
    house = empty_house
    async with house.stage.worker("--role", "schedule,relay") as worker:
        await house.webhooks(on=False)
        record_id = (await house.deposit(referenceId=house.new_id("ref")))["recordId"]
        house.provider.shut()
        house.make_due(DEPOSITS)
        await worker.says("list of deposits cannot be read")
        await house.provider.listen()
        await house.keep_due(DEPOSITS, lambda: house.client.tap.about(record_id))


async def test_roles_in_processes_of_their_own_carry_a_payout_with_its_confirmation(empty_house: House) -> None:
    house, order_id, address = empty_house, empty_house.new_id(), empty_house.new_address()
    await house.stage.fault("truncated_list", keep=0)
    await house.stage.fault("reset", when="after", route="coinqpay.payout", times=1)
    async with AsyncExitStack() as stack:
        for role in ("http", "consume", "resume", "relay"):
            await stack.enter_async_context(working(house, "--role", role))
        event = await house.ask(payout(order_id, address=address))
        assert event["data"]["result"] == "succeeded"
        assert house.results(order_id) == ["processing", "succeeded"]
        assert (await house.get("/healthz")).status_code == 200
    assert len(await house.withdrawals(address=address)) == 1


async def test_the_http_role_alone_answers_and_keeps_its_events_for_a_relay(empty_house: House) -> None:
    house, user = empty_house, empty_house.new_id("user")
    async with working(house, "--role", "http"):
        assert (await house.get("/readyz")).status_code == 200
        record_id = (await house.deposit(userId=user))["recordId"]
        await house.until(
            "SELECT EXISTS (SELECT FROM ledger.deposit_line WHERE record_id = $1 AND state = 'credited') AS it",
            record_id,
        )
    async with house.stage.worker("--role", "relay"):
        assert (await house.client.tap.credited(record_id))["data"]["account"] == f"user:{user}"


async def test_without_the_http_role_nobody_listens(empty_house: House) -> None:
    house = empty_house
    async with house.stage.worker("--role", "consume,resume,relay,schedule") as worker:
        with pytest.raises(httpx.ConnectError):
            await house.get("/healthz")
        worker.terminate()
        assert await worker.ends() == 0
        assert worker.said("http listens") == []


async def test_a_second_worker_on_the_machine_takes_the_port_over_when_the_first_is_gone(empty_house: House) -> None:
    house = empty_house.having(LEDGER_HTTP_PORT=str(free_port()))
    async with working(house) as first, house.stage.worker() as second:
        await second.says("http cannot listen")
        first.terminate()
        assert await first.ends() == 0
        await second.says("http listens")
        assert (await house.get("/healthz")).text == "ok"


# ---------------------------------------------------------------- providers check


async def check(house: House, **settings: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and what is said of each provider."""
    finished = await house.having(**settings).desk("providers", "check", "--json")
    rows = {row["provider"]: row for row in map(json.loads, finished.out.splitlines())}
    assert len(finished.err.splitlines()) == (0 if finished.code == 0 else 1)
    return finished.code, rows


async def test_providers_that_accept_us_are_told_so(empty_house: House) -> None:
    code, rows = await check(empty_house)
    assert code == 0
    assert {name: row["accepted"] for name, row in rows.items()} == {"ccpayment": True, "coinqpay": True}


WRONG = {
    "another secret": ({"LEDGER_CCPAYMENT_APP_SECRET": "another"}, {"ccpayment"}),
    "another key": ({"LEDGER_COINQPAY_PRIVATE_KEY": "ab" * 32}, {"coinqpay"}),
    "another recipe": ({"LEDGER_COINQPAY_SIGNATURE_PREHASH": "none"}, {"coinqpay"}),
    "nobody there": ({"LEDGER_COINQPAY_BASE_URL": "http://127.0.0.1:9"}, {"coinqpay"}),
}


@pytest.mark.parametrize("case", WRONG)
async def test_a_provider_that_does_not_accept_us_is_named_and_exits_1(empty_house: House, case: str) -> None:
    settings, failing = WRONG[case]
    code, rows = await check(empty_house, **settings)
    assert code == 1
    assert {name for name, row in rows.items() if not row["accepted"]} == failing
    assert all(rows[name]["answer"] for name in failing)


async def test_a_machine_whose_address_is_not_allowed_is_told_so(empty_house: House) -> None:
    await empty_house.stage.control("POST", "coinqpay/ip", allowed=False)
    code, rows = await check(empty_house)
    await empty_house.stage.control("POST", "coinqpay/ip", allowed=True)
    assert (code, rows["ccpayment"]["accepted"]) == (1, True)
    assert "address is not allowed" in rows["coinqpay"]["answer"]
