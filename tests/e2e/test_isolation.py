"""A provider that hangs, breaks off and comes back, while the other goes on as if nothing had been."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.e2e.client import transfer
from tests.e2e.commands import pay_order
from tests.e2e.house import House, working
from tests.e2e.program import Program
from tests.e2e.stage import APP_ID

pytestmark = pytest.mark.usefixtures("calm")

# All that the worker asks of CCPayment in these stories: what moves money, look-ups, coins, and the probe's balances.
ROUTES = ("userTransfer", "getUserTransferRecord", "getCoinList", "getAppCoinAssetList")
DOWN, BACK = "provider down", "provider is back"


@pytest.fixture
def quick(empty_house: House) -> House:
    """A hanging call is given up after a second."""
    return empty_house.having(LEDGER_PROVIDER_TIMEOUT_SECONDS="1", LEDGER_RESUME_AFTER_SECONDS="3")


async def spoil(house: House, kind: str, **more: object) -> None:
    for route in ROUTES:
        await house.stage.fault(kind, route=route, **more)


async def come_back(house: House, worker: Program) -> None:
    await house.stage.control("DELETE", "faults")
    await worker.says(BACK)


async def publish_transfers(house: House, count: int) -> list[str]:
    """Transfers of 1 from the merchant, to somebody new each."""
    order_ids = [house.new_id() for _ in range(count)]
    for order_id in order_ids:
        await house.client.publish(transfer(order_id, APP_ID, house.new_id("user"), "1"))
    return order_ids


async def all_succeed_once(house: House, order_ids: list[str]) -> None:
    for order_id in order_ids:
        assert (await house.client.tap.end_of(order_id))["data"]["result"] == "succeeded"
    books = await house.stage.control("GET", "books")
    executed = [record["orderId"] for record in books["transfers"] if record["orderId"] in order_ids]
    assert sorted(executed) == sorted(order_ids)


async def waiting(house: House, queue: str) -> int:
    declared = await house.client.channel.declare_queue(f"ledger.{queue}", passive=True)
    return declared.declaration_result.message_count or 0


async def admitted(house: House, order_ids: list[str]) -> int:
    return len(await house.stage.query("SELECT FROM ledger.order_status WHERE order_id = ANY ($1)", order_ids))


async def times_asked(house: House, *routes: str) -> list[tuple[float, str, str | None]]:
    """When these routes of CCPayment were asked, which of them, and about which order."""
    requests = (await house.stage.control("GET", "requests"))["requests"]
    return [(each["at"], each["route"], each["orderId"]) for each in requests if each["route"] in routes]


@asynccontextmanager
async def down(house: House, kind: str = "hang", **more: object) -> AsyncIterator[tuple[Program, list[str]]]:
    """A worker whose CCPayment has just gone down, with orders in doubt."""
    async with working(house) as worker:
        await spoil(house, kind, **more)
        order_ids = await publish_transfers(house, 8)
        await worker.says(DOWN)
        yield worker, order_ids


async def pay_orders_go_on(house: House, count: int) -> None:
    """So many pay orders of the other provider are made and paid, one after the other."""
    for _ in range(count):
        order_id = house.new_id()
        await house.client.publish(pay_order(order_id))
        await house.client.tap.told("processing", order_id)
        await house.stage.control("POST", "coinqpay/pay", orderId=order_id)
        assert (await house.client.tap.end_of(order_id))["data"]["result"] == "succeeded"


async def test_while_one_hangs_the_other_goes_on_and_afterwards_all_is_done_once(quick: House) -> None:
    house = quick.having(LEDGER_CONCURRENCY="8")  # four of each provider at once, and four more are taken
    async with down(house, seconds=5) as (worker, first):
        later = await publish_transfers(house, 20)
        await pay_orders_go_on(house, 20)
        assert await admitted(house, later) == 0
        status, told = await ready(house)
        assert told.pop("providers") in [{"ccpayment": state, "coinqpay": "up"} for state in ("down", "probing")]
        assert (status, told) == (200, {"database": True, "broker": True})
        metrics = (await house.get("/metrics")).text
        assert 'ledger_provider_up{provider="ccpayment"} 0.0' in metrics
        assert 'ledger_provider_up{provider="coinqpay"} 1.0' in metrics
        # A webhook is read back all the same; by its answer, on a route that does not hang, the provider is found.
        deposit = await house.deposit(userId=house.new_id("user"))
        await house.client.tap.credited(deposit["recordId"])
        await come_back(house, worker)
        await all_succeed_once(house, [*first, *later])
        assert (await ready(house))[1]["providers"] == {"ccpayment": "up", "coinqpay": "up"}
        assert 'ledger_provider_up{provider="ccpayment"} 1.0' in (await house.get("/metrics")).text
        assert await waiting(house, "dead.ccpayment") == await waiting(house, "dead.coinqpay") == 0


async def ready(house: House) -> tuple[int, dict[str, Any]]:
    answer = await house.get("/readyz")
    return answer.status_code, answer.json()


async def test_while_it_is_down_it_is_probed_and_asked_nothing_else(quick: House) -> None:
    async with down(quick, "reset") as (worker, first):
        # What was on its way is there by now: resets are at once.
        before = len(await times_asked(quick, *ROUTES))
        probes = before
        async with asyncio.timeout(20):
            while probes < before + 2:
                await quick.until_state(first[0], "unknown", "held")
                probes = len(await times_asked(quick, *ROUTES))
        since = (await times_asked(quick, *ROUTES))[before:]
        assert {route for _, route, _ in since} == {"getAppCoinAssetList"}
        await come_back(quick, worker)
        await all_succeed_once(quick, first)
        assert [len(worker.said(line)) for line in (DOWN, BACK)] == [1, 1]


async def test_a_worker_is_stopped_and_killed_while_a_provider_is_down_and_nothing_is_left_undone(
    quick: House,
) -> None:
    async with down(quick, seconds=5) as (worker, first):
        later = await publish_transfers(quick, 5)
        worker.terminate()
        assert await worker.ends(15) == 0
        assert worker.said("in flight") == []
    assert await waiting(quick, "commands.ccpayment") == len(later)
    async with down(quick, seconds=5) as (worker, more):
        later += await publish_transfers(quick, 5)
        await worker.kill()
    await quick.stage.control("DELETE", "faults")
    async with working(quick):
        await all_succeed_once(quick, [*first, *more, *later])
    assert await waiting(quick, "dead.ccpayment") == 0


async def test_a_provider_is_asked_as_fast_as_it_may_be_and_not_at_all_when_it_says_so(quick: House) -> None:
    house = quick.having(LEDGER_CCPAYMENT_REQUESTS_PER_SECOND="10")
    async with working(house) as worker:
        spaced = await publish_transfers(house, 15)
        await all_succeed_once(house, spaced)
        await house.stage.fault("code", route="userTransfer", code=11004, times=1)
        [refused] = await publish_transfers(house, 1)
        await worker.says('"code": "rate_limit"')
        others = await publish_transfers(house, 3)
        await all_succeed_once(house, [refused, *others])
    asked = await times_asked(house, "userTransfer")
    times = sorted(at for at, _, order_id in asked if order_id in spaced)
    assert times[-1] - times[0] >= 1  # 14 intervals of a tenth, less what a busy machine shifts
    pause_began = min(at for at, _, order_id in asked if order_id == refused)
    assert min(at for at, _, order_id in asked if order_id in others) >= pause_began + 0.9
