"""Differences to plant: how each is made, and what must be told of it and of the balances that it leaves behind."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from schemas.money import negate, total
from tests.conformance.ends import APP_ID
from tests.reconcile.stage import LATER_SECONDS, MATIC, TO, TRON, USDT, Stage, Told
from worker.sandbox.ccpayment.quote import quote
from worker.sandbox.ccpayment.records import Status, Swap, Transfer
from worker.sandbox.coinqpay.records import PayOrderStatus, Withdrawal, WithdrawalStatus

Balance = tuple[str, str]


@dataclass
class Planted:
    """What must be told: records as they are, and by how much the provider has more of each balance."""

    records: set[Told] = field(default_factory=set)
    surplus: Counter[Balance] = field(default_factory=Counter)

    def record(self, what: str, account: str, coin: object, ours: object, theirs: object) -> "Planted":
        self.records.add((what, account, str(coin), _text(ours), _text(theirs)))
        return self

    def more(self, account: str, coin: object, amount: object) -> "Planted":
        """The provider has more of this; less when negative."""
        self.surplus[account, str(coin)] += Decimal(str(amount))  # type: ignore[assignment]
        return self

    def __add__(self, other: "Planted") -> "Planted":
        surplus = Counter(self.surplus)
        for balance, amount in other.surplus.items():
            surplus[balance] += amount
        return Planted(self.records | other.records, surplus)


Plant = Callable[[Stage], Awaitable[Planted]]


def _text(amount: object) -> str:
    return format(Decimal(str(amount)).normalize(), "f")


# ---------------------------------------------------------------- balances


async def more_at_the_provider(stage: Stage) -> Planted:
    user = await rich(stage)
    stage.ends.sandbox.fund(user, USDT, "0.000001")
    return Planted().more(f"user:{user}", USDT, "0.000001")


async def more_in_the_ledger(stage: Stage) -> Planted:
    user = await rich(stage)
    await stage.adjust(f"user:{user}", "0.25", str(USDT))
    return Planted().more(f"user:{user}", USDT, "-0.25")


async def a_coin_that_the_ledger_lacks(stage: Stage) -> Planted:
    user = await rich(stage)
    stage.ends.sandbox.fund(user, MATIC, "7")
    return Planted().more(f"user:{user}", MATIC, 7)


async def a_user_whom_the_provider_does_not_know(stage: Stage) -> Planted:
    user = stage.new_id("user")
    await stage.adjust(f"user:{user}", "2", str(USDT))
    return Planted().more(f"user:{user}", USDT, -2)


async def a_coin_that_is_none(stage: Stage) -> Planted:
    user = await rich(stage)
    await stage.adjust(f"user:{user}", "2", "GOLD")
    return Planted().more(f"user:{user}", "GOLD", -2)


async def more_of_the_merchant(stage: Stage) -> Planted:
    stage.ends.sandbox.fund(APP_ID, MATIC, "3")
    return Planted().more("merchant", MATIC, 3)


# ---------------------------------------------------------------- transfers


async def a_transfer_that_nobody_ordered(stage: Stage) -> Planted:
    sender, receiver = await rich(stage), await rich(stage)
    write_transfer(stage, stage.new_id(), sender, receiver, "5")
    planted = Planted().record("transfer", f"user:{sender}", USDT, 0, -5)
    return planted.more(f"user:{sender}", USDT, -5).more(f"user:{receiver}", USDT, 5)


async def a_transfer_to_a_stranger(stage: Stage) -> Planted:
    sender, stranger = await rich(stage), stage.new_id("stranger")
    write_transfer(stage, stage.new_id(), sender, stranger, "5")
    planted = Planted().record("transfer", f"user:{sender}", USDT, 0, -5)
    return planted.more(f"user:{sender}", USDT, -5).more(f"user:{stranger}", USDT, 5)


async def a_transfer_that_failed_here(stage: Stage) -> Planted:
    sender, receiver = await rich(stage), await rich(stage)
    order_id = stage.new_id()
    stage.ends.sandbox.add_fault("code", code=14000, order_id=order_id, times=1)
    await stage.transfer("4", order_id=order_id, fromUserId=sender, toUserId=receiver)
    await stage.go_on()
    assert await stage.state(order_id) == "failed"
    write_transfer(stage, order_id, sender, receiver, "4")
    planted = Planted().record("transfer", f"user:{sender}", USDT, 0, -4)
    return planted.more(f"user:{sender}", USDT, -4).more(f"user:{receiver}", USDT, 4)


def changed_transfer(ours: str, theirs: str, **changes: Any) -> Plant:
    """A transfer of 1 whose record the provider has in another way; its balances stay."""

    async def plant(stage: Stage) -> Planted:
        sender = await rich(stage)
        order_id = await stage.transfer("1", fromUserId=sender)
        change(stage.ends.sandbox.books.transfer_shelf, order_id, **changes)
        return Planted().record("transfer", f"user:{sender}", USDT, ours, theirs)

    return plant


async def a_transfer_that_the_provider_lost(stage: Stage) -> Planted:
    sender = await rich(stage)
    order_id = await stage.transfer("1", fromUserId=sender)
    forget(stage.ends.sandbox.books.transfer_shelf, order_id)
    return Planted().record("transfer", f"user:{sender}", USDT, -1, 0)


# ---------------------------------------------------------------- swaps


async def a_swap_that_nobody_ordered(stage: Stage) -> Planted:
    user = await rich(stage)
    at = stage.ends.clock.provider_seconds()
    quoted = quote(Decimal(25), Decimal(1), Decimal("1.25"), Decimal(0))
    books = stage.ends.sandbox.books
    swap = Swap(
        record_id=books.new_record_id(at),
        order_id=stage.new_id(),
        user_id=user,
        coin_id_in=USDT,
        coin_id_out=MATIC,
        quote=quoted,
        amount_out_minimum=None,
        outcome=Status.SUCCESS,
        at=at,
        done_at=at,
    )
    books.swap_shelf.put(swap, swap.order_id)
    books.spend(user, USDT, quoted.amount_in)
    books.fund(user, MATIC, quoted.net_amount_out)
    planted = Planted().record("swap", f"user:{user}", USDT, 0, -25)
    return planted.more(f"user:{user}", USDT, -25).more(f"user:{user}", MATIC, quoted.net_amount_out)


async def a_swap_that_failed_there(stage: Stage) -> Planted:
    user = await rich(stage)
    order_id = await stage.swap("25", userId=user)
    change(stage.ends.sandbox.books.swap_shelf, order_id, outcome=Status.FAILED)
    return Planted().record("swap", f"user:{user}", USDT, -25, 0)


async def a_swap_that_the_provider_lost(stage: Stage) -> Planted:
    user = await rich(stage)
    order_id = await stage.swap("25", userId=user)
    forget(stage.ends.sandbox.books.swap_shelf, order_id)
    return Planted().record("swap", f"user:{user}", USDT, -25, 0)


async def a_swap_with_another_fee(stage: Stage) -> Planted:
    """The net amount with it: the provider's record must add up."""
    user = await rich(stage)
    order_id = await stage.swap("25", userId=user)
    quoted = stage.ends.sandbox.books.swap_shelf.by_order_id(order_id).quote  # type: ignore[union-attr]
    dearer = replace(
        quoted,
        fee=total([quoted.fee, Decimal("0.01")]),
        net_amount_out=total([quoted.net_amount_out, Decimal("-0.01")]),
    )
    change(stage.ends.sandbox.books.swap_shelf, order_id, quote=dearer)
    return Planted().record("swap", f"user:{user}", MATIC, negate(quoted.fee), negate(dearer.fee))


async def a_swap_with_another_output(stage: Stage) -> Planted:
    user = await rich(stage)
    order_id = await stage.swap("25", userId=user)
    quoted = stage.ends.sandbox.books.swap_shelf.by_order_id(order_id).quote  # type: ignore[union-attr]
    richer = replace(
        quoted,
        amount_out=total([quoted.amount_out, Decimal(1)]),
        net_amount_out=total([quoted.net_amount_out, Decimal(1)]),
    )
    change(stage.ends.sandbox.books.swap_shelf, order_id, quote=richer)
    return Planted().record("swap", f"user:{user}", MATIC, quoted.amount_out, richer.amount_out)


# ---------------------------------------------------------------- deposits


async def a_deposit_that_nobody_credited(stage: Stage) -> Planted:
    user = await rich(stage)
    stage.deposit("10", user)
    await stage.wait()
    planted = Planted().record("deposit", f"user:{user}", USDT, 0, 10)
    return planted.more(f"user:{user}", USDT, "9.95")


async def a_deposit_to_the_merchant_that_nobody_credited(stage: Stage) -> Planted:
    fields = {"referenceId": stage.new_id("ref"), "coinId": USDT, "chain": "POLYGON", "amount": "20"}
    stage.ends.ask("ccpayment", "deposit", txId=f"0x{stage.new_id()}", **fields)
    await stage.wait()
    return Planted().record("deposit", "merchant", USDT, 0, 20).more("merchant", USDT, "19.9")


def changed_deposit(coin: int, ours: str, theirs: str, **changes: Any) -> Plant:
    """A credited deposit of 10 whose record the provider has in another way; its balances stay."""

    async def plant(stage: Stage) -> Planted:
        user = await rich(stage)
        record_id = stage.deposit("10", user)
        await stage.go_on()
        change(stage.ends.sandbox.books.deposit_shelf, None, record_id, **changes)
        return Planted().record("deposit", f"user:{user}", coin, ours, theirs)

    return plant


async def a_deposit_that_the_provider_lost(stage: Stage) -> Planted:
    user = await rich(stage)
    record_id = stage.deposit("10", user)
    await stage.go_on()
    forget(stage.ends.sandbox.books.deposit_shelf, None, record_id)
    return Planted().record("deposit", f"user:{user}", USDT, 10, 0)


CCPAYMENT: Mapping[str, Plant] = {
    "more at the provider": more_at_the_provider,
    "more in the ledger": more_in_the_ledger,
    "a coin that the ledger lacks": a_coin_that_the_ledger_lacks,
    "a user whom the provider does not know": a_user_whom_the_provider_does_not_know,
    "a coin that is none": a_coin_that_is_none,
    "more of the merchant": more_of_the_merchant,
    "a transfer that nobody ordered": a_transfer_that_nobody_ordered,
    "a transfer to a stranger": a_transfer_to_a_stranger,
    "a transfer that failed here": a_transfer_that_failed_here,
    "a transfer that failed there": changed_transfer("-1", "0", status=Status.FAILED),
    "a transfer of another amount": changed_transfer("-1", "-1.000001", amount=Decimal("1.000001")),
    "a transfer of another coin": changed_transfer("-1", "0", coin_id=MATIC),
    "a transfer under another id": changed_transfer("-1", "-1", record_id="20260301000000000000000000000000"),
    "a transfer that the provider lost": a_transfer_that_the_provider_lost,
    "a swap that nobody ordered": a_swap_that_nobody_ordered,
    "a swap that failed there": a_swap_that_failed_there,
    "a swap that the provider lost": a_swap_that_the_provider_lost,
    "a swap with another fee": a_swap_with_another_fee,
    "a swap with another output": a_swap_with_another_output,
    "a deposit that nobody credited": a_deposit_that_nobody_credited,
    "a deposit to the merchant that nobody credited": a_deposit_to_the_merchant_that_nobody_credited,
    "a deposit of another amount": changed_deposit(USDT, "10", "11", amount=Decimal(11)),
    "a deposit of another coin": changed_deposit(USDT, "10", "0", coin_id=MATIC),
    "a deposit with another fee": changed_deposit(USDT, "-0.05", "-0.06", service_fee=Decimal("0.06")),
    "a deposit that failed there": changed_deposit(USDT, "10", "0", outcome=Status.FAILED),
    "a deposit that was flagged afterwards": changed_deposit(USDT, "10", "0", is_risky=True),
    "a deposit that the provider lost": a_deposit_that_the_provider_lost,
}


# ---------------------------------------------------------------- the other provider


async def more_at_coinqpay(stage: Stage) -> Planted:
    stage.ends.ask("coinqpay", "fund", coin=TRON, amount="1.5")
    return Planted().more("custody", TRON, "1.5")


async def another_coin_at_coinqpay(stage: Stage) -> Planted:
    stage.ends.ask("coinqpay", "fund", coin="ETH", amount="2")
    return Planted().more("custody", "ETH", 2)


async def a_withdrawal_that_nobody_ordered(stage: Stage) -> Planted:
    at = stage.ends.clock.provider_seconds()
    books = stage.ends.sandbox.coinqpay_books
    books.write_withdrawal(
        Withdrawal(
            withdrawal_id=books.ids.next(at),
            coin=TRON,
            amount=Decimal(6),
            fee=Decimal(1),
            address=TO,
            at=at,
            status=WithdrawalStatus.SUCCESS,
        )
    )
    return Planted().record("withdrawal", "merchant", TRON, 0, -5).more("custody", TRON, -6)


def changed_withdrawal(theirs_of: Callable[[Withdrawal], Decimal], **changes: Any) -> Plant:
    """A payout of 5 whose record the provider has in another way; its balances stay."""

    async def plant(stage: Stage) -> Planted:
        found = await paid_out(stage)
        ours = total([found.fee, Decimal(-5)])
        for name, value in changes.items():
            setattr(found, name, value)
        return Planted().record("withdrawal", "merchant", TRON, ours, theirs_of(found))

    return plant


async def a_withdrawal_with_another_fee(stage: Stage) -> Planted:
    """What is sent is that much less."""
    found = await paid_out(stage)
    ours = total([found.fee, Decimal(-5)])
    found.fee = total([found.fee, Decimal("0.25")])
    return Planted().record("withdrawal", "merchant", TRON, ours, total([ours, Decimal("0.25")]))


async def a_withdrawal_that_the_provider_lost(stage: Stage) -> Planted:
    found = await paid_out(stage)
    del stage.ends.sandbox.coinqpay_books._withdrawals[found.withdrawal_id]
    return Planted().record("withdrawal", "merchant", TRON, total([found.fee, Decimal(-5)]), 0)


async def a_withdrawal_that_failed_here(stage: Stage) -> Planted:
    stage.ends.ask("coinqpay", "end-withdrawal", status=5)
    order_id = await stage.payout("5")
    await stage.go_on()
    assert await stage.state(order_id) == "failed"
    withdrawal_id = await stage.ref(order_id)
    stage.ends.ask("coinqpay", "end-withdrawal", status=4, id=withdrawal_id)
    found = stage.ends.sandbox.coinqpay_books.withdrawal(withdrawal_id)
    assert found is not None
    sent = total([found.fee, Decimal(-5)])
    return Planted().record("withdrawal", "merchant", TRON, 0, sent).more("custody", TRON, -5)


async def a_pay_order_paid_otherwise(stage: Stage) -> Planted:
    order_id = await paid_in(stage)
    stage.ends.sandbox.coinqpay_books._pay_orders[order_id].pay_amount = Decimal(11)
    return Planted().record("deposit", "merchant", TRON, 10, 11)


async def a_pay_order_that_was_not_paid_there(stage: Stage) -> Planted:
    order_id = await paid_in(stage)
    stage.ends.sandbox.coinqpay_books._pay_orders[order_id].status = PayOrderStatus.EXPIRED
    return Planted().record("deposit", "merchant", TRON, 10, 0)


async def a_pay_order_that_the_provider_lost(stage: Stage) -> Planted:
    order_id = await paid_in(stage)
    del stage.ends.sandbox.coinqpay_books._pay_orders[order_id]
    return Planted().record("deposit", "merchant", TRON, 10, 0)


async def a_pay_order_paid_when_nobody_watched(stage: Stage) -> Planted:
    order_id = await stage.pay_order("10")
    await stage.go_on(2000)
    assert await stage.state(order_id) == "failed"
    await stage.owner.execute("UPDATE ledger.deposit SET due_at = NULL WHERE order_id = $1", order_id)
    stage.ends.ask("coinqpay", "pay", orderId=order_id)
    await stage.wait()
    return Planted().record("deposit", "merchant", TRON, 0, 10).more("custody", TRON, 10)


COINQPAY: Mapping[str, Plant] = {
    "more at the provider": more_at_coinqpay,
    "another coin at the provider": another_coin_at_coinqpay,
    "a withdrawal that nobody ordered": a_withdrawal_that_nobody_ordered,
    "a withdrawal that failed there": changed_withdrawal(lambda _: Decimal(0), status=WithdrawalStatus.FAILED),
    "a withdrawal that is an exception there": changed_withdrawal(
        lambda _: Decimal(0), status=WithdrawalStatus.EXCEPTION
    ),
    "a withdrawal of another amount": changed_withdrawal(
        lambda found: total([found.fee, Decimal(-6)]), amount=Decimal(6)
    ),
    "a withdrawal of another coin": changed_withdrawal(lambda _: Decimal(0), coin="BSC_USDC"),
    "a withdrawal with another fee": a_withdrawal_with_another_fee,
    "a withdrawal that the provider lost": a_withdrawal_that_the_provider_lost,
    "a withdrawal that failed here": a_withdrawal_that_failed_here,
    "a pay order paid otherwise": a_pay_order_paid_otherwise,
    "a pay order that was not paid there": a_pay_order_that_was_not_paid_there,
    "a pay order that the provider lost": a_pay_order_that_the_provider_lost,
    "a pay order paid when nobody watched": a_pay_order_paid_when_nobody_watched,
}


# ---------------------------------------------------------------- the means


async def rich(stage: Stage) -> str:
    """A user of their own for a plant, with 100 USDT in both books."""
    user = stage.new_id("user")
    await stage.fund(user, "100")
    return user


def write_transfer(stage: Stage, order_id: str, sender: str, receiver: str, amount: str) -> None:
    """The provider alone moves money."""
    at = stage.ends.clock.provider_seconds()
    books = stage.ends.sandbox.books
    record_id = books.new_record_id(at)
    books.write(
        Transfer(record_id, order_id, USDT, sender, receiver, Decimal(amount), None, Status.SUCCESS, at),
    )


def change(shelf: Any, order_id: str | None, record_id: str | None = None, /, **changes: Any) -> None:
    """The provider has the record in another way, and always had."""
    old = shelf.by_order_id(order_id) if record_id is None else shelf.by_record_id(record_id)
    forget(shelf, order_id, old.record_id)
    shelf.put(replace(old, **changes), order_id)


def forget(shelf: Any, order_id: str | None, record_id: str | None = None) -> None:
    """The provider has no such record, and never had."""
    if order_id is not None:
        record_id = shelf._by_order_id.pop(order_id).record_id
    del shelf._by_record_id[record_id]


async def paid_out(stage: Stage) -> Withdrawal:
    order_id = await stage.payout("5")
    await stage.go_on()
    assert await stage.state(order_id) == "succeeded"
    found = stage.ends.sandbox.coinqpay_books.withdrawal(await stage.ref(order_id))
    assert found is not None
    return found


async def paid_in(stage: Stage) -> str:
    order_id = await stage.pay_order("10")
    stage.ends.ask("coinqpay", "pay", orderId=order_id)
    await stage.go_on(LATER_SECONDS)
    assert await stage.state(order_id) == "succeeded"
    return order_id
