"""CCPayment as a source of deposits: each is what the sandbox's books hold, and only what was credited is money."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.conformance.ends import APP_ID, Ends
from tests.conformance.orders import ALICE
from worker.providers.protocol import Deposit, DepositSource

OWNERS: Mapping[str, Mapping[str, str]] = {"user": {"userId": ALICE}, "app": {"referenceId": "ref-1"}}
ACCOUNTS = {"user": f"user:{ALICE}", "app": "merchant"}
STATES: Mapping[str, Mapping[str, object]] = {
    "final": {},
    "pending": {"pendingSeconds": 60},
    "failed": {"fails": True},
    "risky": {"risky": True},
}


def source_of(ends: Ends) -> DepositSource:
    source = ends.ccpayment.deposits
    assert source is not None
    return source


def make(ends: Ends, kind: str, tx_id: str, **state: object) -> None:
    fields = {**OWNERS[kind], "coinId": 1280, "chain": "TRX", "amount": "12.345678", "txId": tx_id, **state}
    ends.ask("ccpayment", "deposit", **fields)


@pytest.mark.parametrize("kind", OWNERS)
@pytest.mark.parametrize("state", STATES)
async def test_a_deposit_is_money_only_when_it_was_credited(ends: Ends, kind: str, state: str) -> None:
    account = (ALICE if kind == "user" else APP_ID, 1280)
    before = ends.sandbox.books.balance(*account)
    make(ends, kind, "5f0c", **STATES[state])
    [record] = ends.sandbox.books.deposits()
    found = await source_of(ends).deposit(kind, record.record_id)
    assert found is not None
    assert found == Deposit(
        provider="ccpayment",
        record_id=record.record_id,
        kind="user" if kind == "user" else "app",
        state=found.state,
        account=ACCOUNTS[kind],
        coin="1280",
        amount=Decimal("12.345678"),
        fee=Decimal("0.06172839"),
        chain="TRX",
        tx_id="5f0c",
        output=None if kind == "user" else 0,
        address=record.to_address,
        memo=None,
        note=found.note,
    )
    assert found.state == state
    assert (ends.sandbox.books.balance(*account) > before) == (state == "final")


async def test_every_deposit_is_listed_with_its_owner_and_nobody_elses(ends: Ends) -> None:
    for kind in OWNERS:
        for number in range(25):
            make(ends, kind, f"{kind}-{number}")
    since = ends.clock.at - timedelta(hours=1)
    for kind, user_id in (("user", ALICE), ("app", ""), ("app", APP_ID)):
        listed = [each async for each in source_of(ends).deposits(user_id, since)]
        assert [each.tx_id for each in listed] == [f"{kind}-{number}" for number in reversed(range(25))]
        assert {each.account for each in listed} == {ACCOUNTS[kind]}
