"""Random swaps through the wire: whatever the numbers, the receipt adds up and equals the sandbox's record."""

from dataclasses import dataclass
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from schemas.money import EXACT, negate, show, total
from tests.conformance.amounts import THROUGH_THE_WIRE, amounts, rates, worth
from tests.conformance.ends import APP_ID, Ends
from tests.conformance.orders import ALICE, Order, truth
from worker.providers.ccpayment.api import ReadFailed
from worker.providers.ccpayment.records import swap_records
from worker.providers.ccpayment.swaps import SwapAmounts, estimate, parse_swap_amounts
from worker.providers.protocol import Convert, Converted, Refused, Succeeded
from worker.sandbox.ccpayment.coins import COINS, Coin

Balances = dict[tuple[str, int], Decimal]


@dataclass(frozen=True)
class Trade:
    """A swap to be made, and the prices in USDT of the moment."""

    coin_in: Coin
    coin_out: Coin
    price_in: Decimal
    price_out: Decimal
    amount_in: Decimal
    extra_fee_rate: str | None


@st.composite
def trades(draw: st.DrawFn) -> Trade:
    """Any two coins at any prices, an amount that the first can carry, any extra fee. Few are too small."""
    coin_in, coin_out = draw(st.permutations([*COINS.values()]))[:2]
    price_in, price_out = draw(amounts(5, 10)), draw(amounts(5, 10))
    value = draw(st.sampled_from([Decimal("0.05"), *[Decimal(1)] * 7]))
    amount_in = draw(amounts(12, coin_in.precision, worth(value, price_in, coin_in.precision)))
    return Trade(coin_in, coin_out, price_in, price_out, amount_in, draw(rates()))


def prepare(ends: Ends, trade: Trade) -> Order:
    """Set the prices, give the user exactly what the swap takes."""
    for coin, price in ((trade.coin_in, trade.price_in), (trade.coin_out, trade.price_out)):
        ends.ask("ccpayment", "coin", coinId=coin.coin_id, priceUsdt=show(price))
    ends.sandbox.fund(ALICE, trade.coin_in.coin_id, show(trade.amount_in))
    instruction = Convert(
        order_id=f"random-{len(ends.sandbox.books.swaps())}",
        user_id=ALICE,
        coin_id_in=trade.coin_in.coin_id,
        amount_in=show(trade.amount_in),
        coin_id_out=trade.coin_out.coin_id,
        amount_out_minimum=None,
        extra_fee_rate=trade.extra_fee_rate,
    )
    return Order("ccpayment", instruction, "userSwap", "getUserSwapRecord", "random")


async def quote(ends: Ends, trade: Trade) -> SwapAmounts | None:
    """What it would bring; None when the provider says that fees would eat it all."""
    rate = None if trade.extra_fee_rate is None else Decimal(trade.extra_fee_rate)
    try:
        return await estimate(
            ends.ccpayment.api,
            coin_id_in=trade.coin_in.coin_id,
            amount_in=trade.amount_in,
            coin_id_out=trade.coin_out.coin_id,
            extra_fee_rate=rate,
        )
    except ReadFailed as error:
        assert error.code == 16002  # noqa: PT017 - the code is what is told apart here
        return None


def changes(before: Balances, after: Balances) -> Balances:
    """By how much each balance differs."""
    keys = before.keys() | after.keys()
    changed = {key: total([after.get(key, Decimal(0)), negate(before.get(key, Decimal(0)))]) for key in keys}
    return {key: change for key, change in changed.items() if change}


@given(trade=trades())
@THROUGH_THE_WIRE
async def test_a_swap_adds_up_and_is_what_the_books_say(shared_ends: Ends, trade: Trade) -> None:
    ends, books = shared_ends, shared_ends.sandbox.books
    order = prepare(ends, trade)
    quoted = await quote(ends, trade)
    before = books.balances()
    attempt = await ends.attempt(order)
    if quoted is None:
        assert isinstance(attempt.outcome, Refused)
        assert (attempt.outcome.provider_code, books.balances()) == ("16002", before)
        return
    assert attempt.outcome == await ends.look_up(attempt) == truth(ends.sandbox, order)
    assert isinstance(attempt.outcome, Succeeded)
    receipt = attempt.outcome.receipt
    assert isinstance(receipt, Converted)
    assert (receipt.amount_out, receipt.fee, receipt.extra_fee) == (quoted.amount_out, quoted.fee, quoted.extra_fee)
    net = total([receipt.amount_out, negate(receipt.fee), negate(receipt.extra_fee)])
    assert net == quoted.net_amount_out > 0
    coin_in, coin_out = trade.coin_in.coin_id, trade.coin_out.coin_id
    moved = {(ALICE, coin_in): negate(trade.amount_in), (ALICE, coin_out): net, (APP_ID, coin_out): receipt.extra_fee}
    assert changes(before, books.balances()) == {key: change for key, change in moved.items() if change}


@given(trade=trades())
@THROUGH_THE_WIRE
async def test_the_list_has_the_same_amounts_and_the_rates_that_are_documented(
    shared_ends: Ends, trade: Trade
) -> None:
    attempt = await shared_ends.attempt(prepare(shared_ends, trade))
    if isinstance(attempt.outcome, Refused):
        return
    assert isinstance(attempt.outcome, Succeeded)
    [record] = [
        record async for record in swap_records(shared_ends.ccpayment.api, record_ids=[attempt.outcome.provider_ref])
    ]
    amounts_read = parse_swap_amounts(record)
    receipt = Converted(amounts_read.amount_out, amounts_read.fee, amounts_read.extra_fee)
    assert (receipt, amounts_read.amount_in) == (attempt.outcome.receipt, trade.amount_in)
    # The rate is output per input; the output is cut to 16 decimals, the extra fee to 18.
    assert amounts_read.swap_rate is not None
    exact_out = EXACT.multiply(amounts_read.amount_in, amounts_read.swap_rate)
    assert 0 <= total([exact_out, negate(receipt.amount_out)]) < Decimal("1e-16")
    exact_fee = EXACT.multiply(receipt.amount_out, Decimal(trade.extra_fee_rate or "0"))
    assert 0 <= total([exact_fee, negate(receipt.extra_fee)]) < Decimal("1e-18")
