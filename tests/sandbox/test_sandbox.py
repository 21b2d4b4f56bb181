"""The sandbox itself: its log, funding, and that money is conserved whatever is asked of it."""

from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.sandbox.ccpayment.coins import COINS
from worker.sandbox.errors import InputError
from worker.sandbox.sandbox import Sandbox

from .caller import APP_ID, APP_SECRET, NOW, Caller, Clock, transfer_fields


def test_every_request_is_logged_byte_for_byte(caller: Caller) -> None:
    body = b'{ "orderId" : "ord-7", "remark":"caf\xc3\xa9" }'
    caller.sandbox.add_fault("reset", times=1)
    request = caller.request("userTransfer", body)
    caller.sandbox.handle(request)
    caller.sandbox.handle(caller.request("noSuchRoute", b"\xff"))
    first, second = caller.sandbox.log
    assert (first.at, first.route, first.order_id) == (NOW, "userTransfer", "ord-7")
    assert (first.body, first.headers["sign"]) == (body, request.headers["sign"])
    assert (second.route, second.order_id, second.body) == (None, None, b"\xff")


def test_the_log_forgets_the_oldest(caller: Caller) -> None:
    sandbox = Sandbox(APP_ID, APP_SECRET, Clock(), log_limit=2)
    for order_id in ("ord-1", "ord-2", "ord-3"):
        body = b'{"orderId":"%s"}' % order_id.encode()
        sandbox.handle(caller.request("getUserTransferRecord", body))
    assert [received.order_id for received in sandbox.log] == ["ord-2", "ord-3"]


@pytest.mark.parametrize(
    ("user_id", "coin_id", "amount", "field"),
    [
        ("abcd", 1280, "1", "user_id"),
        ("system1", 1280, "1", "user_id"),
        (5, 1280, "1", "user_id"),
        ("alice1", 9, "1", "coin_id"),
        ("alice1", "1280", "1", "coin_id"),
        ("alice1", [1280], "1", "coin_id"),
        ("alice1", 1280, "0", "amount"),
        ("alice1", 1280, "-1", "amount"),
        ("alice1", 1280, 1, "amount"),
        ("alice1", 1280, "0.0000001", "amount"),
    ],
)
def test_only_what_an_account_can_hold_is_funded(
    sandbox: Sandbox, user_id: str, coin_id: int, amount: str, field: str
) -> None:
    before = sandbox.books.balances()
    with pytest.raises(InputError) as refused:
        sandbox.fund(user_id, coin_id, amount)
    assert refused.value.field == field
    assert sandbox.books.balances() == before


@pytest.mark.parametrize(("app_id", "secret", "field"), [("sys-app", "s", "app_id"), ("my-app", "", "app_secret")])
def test_an_account_needs_a_usable_app_id_and_a_secret(app_id: str, secret: str, field: str) -> None:
    with pytest.raises(InputError) as refused:
        Sandbox(app_id, secret, Clock())
    assert refused.value.field == field


USERS = st.sampled_from(["alice1", "bob123", "carol5", APP_ID])
TRANSFERS = st.builds(
    transfer_fields,
    fromUserId=USERS,
    toUserId=USERS,
    coinId=st.sampled_from(sorted(COINS)),
    amount=st.decimals("0.0001", "8", places=4).map(str),
    orderId=st.integers(100, 130).map(str),
)
FAULTS = st.sampled_from(
    [
        {"kind": "reset", "when": "before", "times": 1},
        {"kind": "http_500", "when": "after", "times": 1},
        {"kind": "hang", "when": "late", "late_seconds": 30, "times": 2},
        {"kind": "failed_record", "times": 1},
        {"kind": "code", "code": 11002, "when": "after", "probability": 0.5, "times": 2},
    ]
)


def run(caller: Caller, steps: list[dict[str, object]]) -> None:
    for step in steps:
        if "kind" in step:
            caller.sandbox.add_fault(**step)  # type: ignore[arg-type]
        else:
            caller.send("userTransfer", step)
        caller.clock.seconds += 7
    caller.clock.seconds += 60
    caller.sandbox.advance()


@given(steps=st.lists(TRANSFERS | FAULTS, max_size=60))
def test_money_is_conserved_and_explained_by_the_transfers(
    steps: list[dict[str, object]],
) -> None:
    caller = Caller()
    for coin_id in COINS:
        caller.sandbox.fund("alice1", coin_id, "10")
        caller.sandbox.fund(APP_ID, coin_id, "5")
    expected = defaultdict(Decimal, caller.sandbox.books.balances())
    run(caller, steps)
    books = caller.sandbox.books
    for transfer in books.transfers():
        expected[transfer.from_user_id, transfer.coin_id] -= transfer.amount
        expected[transfer.to_user_id, transfer.coin_id] += transfer.amount
    balances = books.balances()
    assert balances == dict(expected)
    assert min(balances.values()) >= 0
    for coin_id in COINS:
        held = [amount for (_, coin), amount in balances.items() if coin == coin_id]
        assert sum(held) == Decimal(15)
    order_ids = [record.order_id for record in books.records()]
    assert len(order_ids) == len(set(order_ids))
