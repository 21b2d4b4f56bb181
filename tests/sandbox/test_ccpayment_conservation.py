"""No coin appears or vanishes, whatever mix of transfers, swaps, deposits and rescans is asked for."""

from collections import defaultdict
from contextlib import suppress
from decimal import Decimal, localcontext
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from worker.sandbox.ccpayment.coins import COINS
from worker.sandbox.ccpayment.records import Status
from worker.sandbox.errors import InputError

from .caller import APP_ID
from .merchant import Merchant

USERS = ["alice1", "bob123", APP_ID]
ORDER_IDS = st.integers(100, 140).map(str)
AMOUNTS = st.decimals("0.001", "60", places=3).map(str)
COIN_IDS = st.sampled_from(sorted(COINS))
CHAINS_OF = [(coin.coin_id, network.chain) for coin in COINS.values() for network in coin.networks]

TRANSFERS = st.fixed_dictionaries(
    {
        "fromUserId": st.sampled_from(USERS),
        "toUserId": st.sampled_from(USERS),
        "coinId": COIN_IDS,
        "amount": AMOUNTS,
        "orderId": ORDER_IDS,
    }
).map(lambda fields: ("userTransfer", fields))
SWAPS = st.fixed_dictionaries(
    {
        "userId": st.sampled_from(USERS),
        "coinIdIn": COIN_IDS,
        "coinIdOut": COIN_IDS,
        "amountIn": AMOUNTS,
        "orderId": ORDER_IDS,
        "extraFeeRate": st.sampled_from(["0", "0.01", "0.3333"]),
    }
).map(lambda fields: ("userSwap", fields))
RESCANS = st.fixed_dictionaries(
    {"chain": st.just("TRX"), "toAddress": st.just("T1"), "txId": st.integers(1, 9).map(str)}
).map(lambda fields: ("rescanLostTransaction", fields))
CALLS = TRANSFERS | SWAPS | RESCANS

DEPOSITS = st.builds(
    lambda place, more: ("deposit", {"coinId": place[0], "chain": place[1], **more}),
    st.sampled_from(CHAINS_OF),
    st.fixed_dictionaries(
        {
            "userId": st.sampled_from(USERS),
            "amount": AMOUNTS,
            "txId": st.integers(1, 9).map(str),
            "toAddress": st.just("T1"),
            "pendingSeconds": st.sampled_from([0, 9]),
            "fails": st.booleans(),
            "risky": st.booleans(),
            "lost": st.booleans(),
        }
    ),
)
PLANS = st.builds(
    lambda seconds, fails: ("swaps", {"processingSeconds": seconds, "fails": fails}),
    st.sampled_from([0, 8, 25]),
    st.booleans(),
)
PRICES = st.builds(
    lambda coin_id, price: ("coin", {"coinId": coin_id, "priceUsdt": str(price)}),
    COIN_IDS,
    st.decimals("0.01", "1000", places=2),
)
CONTROLS = DEPOSITS | PLANS | PRICES


def play(merchant: Merchant, steps: list[tuple[str, dict[str, Any]]]) -> None:
    for name, fields in steps:
        if name in merchant.provider.controls:
            # The one input that can be wrong here is an output that was deposited before.
            with suppress(InputError):
                merchant.control(name, **fields)
        else:
            merchant.send(name, **fields)
        merchant.clock.seconds += 5


def explained(merchant: Merchant, funded: dict[tuple[str, int], Decimal]) -> dict[tuple[str, int], Decimal]:
    """The balances as the records have them."""
    balances = defaultdict(Decimal, funded)
    at = merchant.clock.seconds
    books = merchant.books
    for transfer in books.transfers():
        balances[transfer.from_user_id, transfer.coin_id] -= transfer.amount
        balances[transfer.to_user_id, transfer.coin_id] += transfer.amount
    for swap in books.swaps():
        if swap.status(at) is not Status.FAILED:
            balances[swap.user_id, swap.coin_id_in] -= swap.quote.amount_in
        if swap.status(at) is Status.SUCCESS:
            balances[swap.user_id, swap.coin_id_out] += swap.quote.amount_out - swap.quote.fee - swap.quote.extra_fee
            balances[APP_ID, swap.coin_id_out] += swap.quote.extra_fee
    for deposit in books.deposits():
        if deposit.status(at) is Status.SUCCESS and not deposit.is_risky:
            balances[str(deposit.user_id), deposit.coin_id] += deposit.amount - deposit.service_fee
    return {account: amount for account, amount in balances.items() if amount}


@given(steps=st.lists(CALLS | CONTROLS, max_size=40))
def test_balances_are_explained_by_the_records_at_any_moment(steps: list[tuple[str, dict[str, Any]]]) -> None:
    merchant = Merchant()
    for coin_id in COINS:
        merchant.provider.fund("alice1", coin_id, "100")
    funded = merchant.books.balances()
    with localcontext(prec=200):
        for step in steps:
            play(merchant, [step])
            held = {account: amount for account, amount in merchant.books.balances().items() if amount}
            assert held == explained(merchant, funded)
            assert all(amount > 0 for amount in held.values())
    transfers, swaps = merchant.books.records(), merchant.books.swaps()
    order_ids = [record.order_id for record in [*transfers, *swaps]]
    assert len(order_ids) == len({*order_ids})
