"""What must hold when all is quiet: every order has ended, told once, and the books are those of the provider."""

import json
from collections import Counter, defaultdict
from decimal import Decimal

from schemas.money import negate, total
from tests.simulation.actor import Stage
from tests.simulation.oracle import PROVIDER, Payee, payee_of, wanted
from tests.simulation.rows import OrderRow
from worker.sandbox.coinqpay.records import Withdrawal
from worker.topology import EVENTS_EXCHANGE

PAID = 4


def check_end(stage: Stage) -> None:
    """Raise Wrong for whatever is not as it must be."""
    need, store = stage.oracle.need, stage.store
    for wish in stage.plan.wishes:
        need(wish.fields["orderId"] in store.orders, f"{wish.fields['orderId']} was lost")
    rows = [row for row in store.orders.values() if row.payee is not None or row.state == "rejected"]
    for row in rows:
        need(row.due_at is None, f"{row.order_id} is still {row.state}")
        need(
            row.state == "succeeded" or row.error_code is not None, f"{row.order_id} is {row.state} without a reason"
        )
    need(all(not balance.held for balance in store.balances.values()), "something is still held")
    _check_events(stage, rows)
    _check_payments(stage, [row for row in rows if row.state != "rejected"])
    need(bool(stage.bank.by_hand) or not store.contradictions, f"contradicted: {store.contradictions}")


def _check_events(stage: Stage, rows: list[OrderRow]) -> None:
    """One end is told of every order, under one id, and it is how the order ended."""
    told: dict[str, dict[str, str]] = defaultdict(dict)
    for message in stage.bus.published:
        data = json.loads(message.body)["data"]
        is_end = data["result"] in ("succeeded", "failed", "rejected") and data["sequence"] > 0
        if message.exchange == EVENTS_EXCHANGE and is_end:
            told[data["orderId"]][str(message.message_id)] = data["result"]
    for row in rows:
        ends = list(told[row.order_id].values())
        stage.oracle.need(ends == [row.state], f"{row.order_id} is {row.state}, and was told as {ends}")


def _check_payments(stage: Stage, rows: list[OrderRow]) -> None:
    """What succeeded is what was paid, one for one; what a person paid by hand may stand in for an equal one."""
    need, books = stage.oracle.need, stage.bank.books
    paid: dict[str, Withdrawal] = {
        each.withdrawal_id: each
        for each in books.withdrawals()
        if each.status == PAID
        and (each.withdrawal_id in stage.oracle.made or each.withdrawal_id in stage.bank.by_hand)
    }
    used = Counter(row.provider_ref for row in rows if row.state == "succeeded")
    by_hand = Counter(payee_of(each) for each in books.withdrawals() if each.withdrawal_id in stage.bank.by_hand)
    for row in rows:
        if row.state == "succeeded":
            need(row.provider_ref in paid, f"{row.order_id} succeeded as {row.provider_ref}, which was not paid")
            need(used[row.provider_ref] == 1, f"{row.provider_ref} was used twice")
            _check_lines(stage, row, paid[str(row.provider_ref)])
        else:
            need(row.provider_ref not in paid, f"{row.order_id} failed, and was paid as {row.provider_ref}")
    unused: Counter[Payee] = Counter(payee_of(each) for ref, each in paid.items() if not used[ref])
    for payee, count in unused.items():
        orders = [row.order_id for row in rows if wanted(row) == payee]
        need(count <= by_hand[payee], f"{count} payments of {payee} were made for {orders} and are in no books")
    for ref in paid.keys() & stage.oracle.made.keys() if stage.plan.confirmation else ():
        need(ref in stage.oracle.confirmed, f"{ref} was paid without our confirmation")


def _check_lines(stage: Stage, row: OrderRow, withdrawal: Withdrawal) -> None:
    """Gross from the payer, actual and fee to custody, as the provider has them."""
    assert row.hold is not None
    (provider, coin, account), gross = row.hold
    amounts: dict[tuple[str, str], Decimal] = {}
    for entry in stage.store.entries:
        if entry.journal == row.order_id:
            amounts[entry.account[2], entry.purpose] = entry.amount
    fee = withdrawal.fee
    actual = total([withdrawal.amount, negate(fee)])
    expected = {
        (account, row.type): negate(actual),
        ("custody", row.type): actual,
        (account, "provider_fee"): negate(fee),
        ("custody", "provider_fee"): fee,
    }
    stage.oracle.need(provider == PROVIDER and coin == withdrawal.coin, f"{row.order_id} is booked in another coin")
    stage.oracle.need(amounts == expected and gross == withdrawal.amount, f"{row.order_id} is booked as {amounts}")
