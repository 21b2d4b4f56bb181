"""CCPayment's deposits: every field that the client reads is what the sandbox's books hold.

Each test here takes both ends and nothing else: `test_coverage` runs them all to see which routes are called.
"""

from decimal import Decimal
from typing import Any

from tests.conformance.clock import at
from tests.conformance.ends import Ends
from tests.conformance.orders import ALICE
from worker.providers.ccpayment.deposits import app_deposit, app_deposits, user_deposit, user_deposits
from worker.providers.ccpayment.rescan import rescan
from worker.sandbox.ccpayment.coins import COINS
from worker.sandbox.ccpayment.records import Deposit

TRX = {"coinId": 1280, "chain": "TRX"}


def fields_of(deposit: Deposit, status: str) -> dict[str, Any]:
    return {
        "record_id": deposit.record_id,
        "coin_id": deposit.coin_id,
        "coin_symbol": COINS[deposit.coin_id].symbol,
        "chain": deposit.chain,
        "contract": deposit.contract,
        "coin_usd_price": deposit.price,
        "from_address": deposit.from_address or "",
        "to_address": deposit.to_address,
        "to_memo": deposit.memo,
        "amount": deposit.amount,
        "service_fee": deposit.service_fee,
        "tx_id": deposit.tx_id,
        "status": status,
        "arrived_at": at(deposit.done_at) if status == "Success" else None,
        "is_flagged_as_risky": deposit.is_risky,
    }


def user_fields(deposit: Deposit, status: str = "Success") -> dict[str, Any]:
    return {**fields_of(deposit, status), "user_id": deposit.user_id, "tx_index": None}


def app_fields(deposit: Deposit, status: str = "Success") -> dict[str, Any]:
    owner = {"reference_id": deposit.reference_id or "", "order_id": deposit.order_id or ""}
    return {**fields_of(deposit, status), **owner, "tx_index": deposit.tx_index}


async def test_a_deposit_of_a_user(ends: Ends) -> None:
    api = ends.ccpayment.api
    # The worker makes no addresses of its own accord; the same signed read asks for one.
    address = await api.read("getOrCreateUserDepositAddress", {"userId": ALICE, "chain": "TRX"})
    made = ends.ask("ccpayment", "deposit", userId=ALICE, amount="12.345678", txId="5f0c", **TRX)
    [deposit] = ends.sandbox.books.deposits()
    assert (deposit.record_id, deposit.to_address) == (made["recordId"], address["address"])
    found = await user_deposit(api, deposit.record_id)
    assert found is not None
    assert found.model_dump() == user_fields(deposit)
    assert (found.amount, found.service_fee) == (Decimal("12.345678"), Decimal("0.06172839"))
    assert [each.model_dump() async for each in user_deposits(api, ALICE)] == [user_fields(deposit)]
    assert await app_deposit(api, deposit.record_id) is None


async def test_deposits_of_the_merchant(ends: Ends) -> None:
    api = ends.ccpayment.api
    address = await api.read("getOrCreateAppDepositAddress", {"referenceId": "ref-1", "chain": "XLM"})
    ends.ask("ccpayment", "deposit", referenceId="ref-1", coinId=9002, chain="XLM", amount="3.1234567", txId="a1")
    ends.clock.go_on(1)
    ends.ask("ccpayment", "deposit", orderId="order-1", coinId=9001, chain="BTC", amount="0.5", txId="a2", txIndex=3)
    by_reference, by_order = ends.sandbox.books.deposits()
    assert (by_reference.to_address, by_reference.memo) == (address["address"], address["memo"])
    for deposit in (by_reference, by_order):
        found = await app_deposit(api, deposit.record_id)
        assert found is not None
        assert found.model_dump() == app_fields(deposit)
        assert await user_deposit(api, deposit.record_id) is None
    newest_first = [app_fields(by_order), app_fields(by_reference)]
    assert [each.model_dump() async for each in app_deposits(api)] == newest_first
    assert [each.model_dump() async for each in app_deposits(api, reference_id="ref-1")] == newest_first[1:]
    assert [each.model_dump() async for each in app_deposits(api, order_id="order-1")] == newest_first[:1]


async def test_a_deposit_in_every_state(ends: Ends) -> None:
    states: list[dict[str, object]] = [{}, {"pendingSeconds": 60}, {"fails": True}, {"risky": True}]
    for number, state in enumerate(states):
        ends.ask("ccpayment", "deposit", userId=ALICE, amount="1", txId=f"tx-{number}", **TRX, **state)
    expected = [
        user_fields(deposit, status)
        for deposit, status in zip(
            ends.sandbox.books.deposits(), ["Success", "Processing", "Failed", "Success"], strict=True
        )
    ]
    found = [await user_deposit(ends.ccpayment.api, fields["record_id"]) for fields in expected]
    assert [each.model_dump() for each in found if each is not None] == expected
    assert [each["is_flagged_as_risky"] for each in expected] == [False, False, False, True]


async def test_a_deposit_that_was_lost_is_found_by_a_rescan(ends: Ends) -> None:
    api = ends.ccpayment.api
    lost = ends.ask("ccpayment", "deposit", userId=ALICE, amount="2", txId="lost", lost=True, **TRX)
    assert [each async for each in user_deposits(api, ALICE)] == []
    words = await rescan(api, chain="TRX", to_address=lost["toAddress"], tx_id="lost")
    assert "rescanned" in words
    [deposit] = ends.sandbox.books.deposits()
    assert [each.model_dump() async for each in user_deposits(api, ALICE)] == [user_fields(deposit)]


async def test_a_deposit_that_nobody_knows_is_none(ends: Ends) -> None:
    assert await user_deposit(ends.ccpayment.api, "2026030112000000000000000000000000") is None
