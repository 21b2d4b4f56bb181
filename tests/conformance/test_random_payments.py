"""Random payouts, pay orders and transfers through the wire: what is reported is exact, to the last decimal."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from schemas.money import show, total
from tests.conformance.amounts import THROUGH_THE_WIRE, amounts, worth
from tests.conformance.ends import Ends
from tests.conformance.orders import ALICE, BOB, OTHER_ADDRESS, Order, truth
from worker.providers.protocol import Collect, Collected, Move, Processing, Refused, Send, Sent, Succeeded
from worker.sandbox.ccpayment.coins import COINS as CCPAYMENT_COINS
from worker.sandbox.ccpayment.coins import Coin as CCPaymentCoin
from worker.sandbox.coinqpay.coins import COINS, Coin
from worker.sandbox.exact import decimals

EVM_ADDRESS = "0xb9a78dd2bc989cff715e1d8d95bb3474b61aeb9c"

# Of what is too small there are a few, by one unit or more.
PAYOUTS = st.sampled_from([*COINS.values()]).flatmap(
    lambda coin: st.tuples(st.just(coin), amounts(12, coin.decimals, coin.fixed_fee))
)
PAY_ORDERS = st.sampled_from([*COINS.values()]).flatmap(
    lambda coin: st.tuples(
        *(st.just(coin), amounts(12, coin.decimals, coin.minimum_pay_amount), amounts(12, coin.decimals))
    )
)
MOVES = st.sampled_from([*CCPAYMENT_COINS.values()]).flatmap(
    lambda coin: st.tuples(
        st.just(coin),
        amounts(12, coin.precision, worth(Decimal("0.0009"), coin.price_usdt, coin.precision)),
    )
)


@given(payout=PAYOUTS)
@THROUGH_THE_WIRE
async def test_of_a_payout_what_arrives_and_the_fee_are_what_was_asked_for(
    shared_ends: Ends, payout: tuple[Coin, Decimal]
) -> None:
    (coin, gross), ends = payout, shared_ends
    ends.ask("coinqpay", "fund", coin=coin.name, amount=show(gross))
    address = OTHER_ADDRESS if coin.chain == "TRON" else EVM_ADDRESS
    instruction = Send("random", coin.name, address, show(gross), bound=False)
    attempt = await ends.attempt(Order("coinqpay", instruction, "coinqpay.payout", "coinqpay.withdraws", "random"))
    if isinstance(attempt.outcome, Refused):
        assert (attempt.outcome.code, coin.fee(gross) >= gross) == ("amount_too_small", True)
        return
    assert isinstance(attempt.outcome, Processing)
    withdrawal_id = attempt.outcome.provider_ref
    ends.ask("coinqpay", "end-withdrawal", id=withdrawal_id, status=4)
    found = await ends.look_up(attempt, withdrawal_id)
    withdrawal = ends.sandbox.coinqpay_books.withdrawal(withdrawal_id)
    assert isinstance(found, Succeeded)
    assert isinstance(found.receipt, Sent)
    assert withdrawal is not None
    assert (found.provider_ref, found.receipt.fee) == (withdrawal_id, withdrawal.fee)
    assert total([found.receipt.actual_amount, found.receipt.fee]) == gross == withdrawal.amount
    assert found.receipt.transaction == withdrawal.tx_hash
    assert decimals(found.receipt.fee) <= coin.decimals, "a fee that the coin cannot carry"


@given(pay_order=PAY_ORDERS)
@THROUGH_THE_WIRE
async def test_of_a_pay_order_what_was_paid_is_reported_whatever_was_asked_for(
    shared_ends: Ends, pay_order: tuple[Coin, Decimal, Decimal]
) -> None:
    (coin, asked, paid), ends = pay_order, shared_ends
    order_id = f"random-{len(ends.sandbox.coinqpay_books.pay_orders())}"
    instruction = Collect(order_id, coin.name, show(asked))
    order = Order("coinqpay", instruction, "coinqpay.pay_order", "coinqpay.get_pay_order", "random")
    attempt = await ends.attempt(order)
    if isinstance(attempt.outcome, Refused):
        assert (attempt.outcome.code, asked < coin.minimum_pay_amount) == ("amount_too_small", True)
        return
    assert isinstance(attempt.outcome, Processing)
    assert attempt.outcome.payable is not None
    assert Decimal(attempt.outcome.payable.amount) == asked
    ends.ask("coinqpay", "pay", orderId=order_id, amount=show(paid))
    ends.clock.go_on(1)
    found = await ends.look_up(attempt)
    assert isinstance(found, Succeeded)
    assert isinstance(found.receipt, Collected)
    assert found.receipt.amount == paid


@given(move=MOVES, remark=st.none() | st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=255))
@THROUGH_THE_WIRE
async def test_a_transfer_moves_its_amount_whole(
    shared_ends: Ends, move: tuple[CCPaymentCoin, Decimal], remark: str | None
) -> None:
    (coin, amount), ends, books = move, shared_ends, shared_ends.sandbox.books
    ends.sandbox.fund(ALICE, coin.coin_id, show(amount))
    before = (books.balance(ALICE, coin.coin_id), books.balance(BOB, coin.coin_id))
    order_id = f"random-{len(books.records())}"
    instruction = Move(order_id, ALICE, BOB, coin.coin_id, show(amount), remark)
    order = Order("ccpayment", instruction, "userTransfer", "getUserTransferRecord", "random")
    attempt = await ends.attempt(order)
    if isinstance(attempt.outcome, Refused):
        assert attempt.outcome.code == "value_less_than_limit"
        return
    assert attempt.outcome == await ends.look_up(attempt) == truth(ends.sandbox, order)
    assert isinstance(attempt.outcome, Succeeded)
    after = (books.balance(ALICE, coin.coin_id), books.balance(BOB, coin.coin_id))
    assert (total([after[0], amount]), after[1]) == (before[0], total([before[1], amount]))
    assert books.records()[-1].remark == remark
