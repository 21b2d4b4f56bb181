"""One order of every kind that a provider executes, and what the sandbox's books say must be reported of it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.money import negate, total
from worker.providers.protocol import (
    Absent,
    Candidates,
    Collect,
    Convert,
    Converted,
    Finding,
    Instruction,
    Move,
    Payable,
    Processing,
    Refused,
    Send,
    Sent,
    Succeeded,
)
from worker.sandbox.coinqpay.records import PayOrder, Withdrawal, WithdrawalStatus
from worker.sandbox.sandbox import Sandbox

ALICE = "alice1"
BOB = "bob123"
TRON_ADDRESS = "TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1"
OTHER_ADDRESS = "TEELyKT4XCVZAcGujYaKm7F9uHp2fFipRH"


@dataclass(frozen=True, slots=True)
class Order:
    """An order, who executes it, and the sandbox's names of the routes that execute and look up."""

    provider: str
    instruction: Instruction
    route: str
    look_up_route: str
    name: str


MOVE = Order(
    "ccpayment",
    Move("ord-move", ALICE, BOB, 1280, "1.5", "rent, café"),
    *("userTransfer", "getUserTransferRecord", "move"),
)
CONVERT = Order(
    "ccpayment",
    Convert("ord-convert", ALICE, 1280, "25.123456", 1329, "1", "0.01"),
    *("userSwap", "getUserSwapRecord", "convert"),
)
PAYOUT = Order(
    "coinqpay",
    Send("ord-payout", "TRON_USDT", OTHER_ADDRESS, "5", bound=False),
    *("coinqpay.payout", "coinqpay.withdraws", "payout"),
)
WITHDRAW = Order(
    "coinqpay",
    Send("ord-withdraw", "TRON_USDT", TRON_ADDRESS, "7.25", bound=True),
    *("coinqpay.withdraw", "coinqpay.withdraws", "withdraw"),
)
COLLECT = Order(
    "coinqpay",
    Collect("ord-collect", "TRON_USDT", "10"),
    *("coinqpay.pay_order", "coinqpay.get_pay_order", "collect"),
)
ORDERS = (MOVE, CONVERT, PAYOUT, WITHDRAW, COLLECT)
SENDS = (PAYOUT, WITHDRAW)


def truth(sandbox: Sandbox, order: Order) -> Finding:
    """What a look-up must report of an order whose record, if there is one, is new or has succeeded."""
    match order.instruction:
        case Move(order_id=order_id):
            moved = [each for each in sandbox.books.transfers() if each.order_id == order_id]
            return Succeeded(moved[0].record_id) if moved else Absent()
        case Convert(order_id=order_id):
            swap = sandbox.books.swap_shelf.by_order_id(order_id)
            if swap is None:
                return Absent()
            quote = swap.quote
            return Succeeded(swap.record_id, Converted(quote.amount_out, quote.fee, quote.extra_fee))
        case Send(address=address):
            sent = [each for each in sandbox.coinqpay_books.withdrawals() if each.address == address]
            return withdrawn(sent[0]) if sent else Absent()
        case Collect(order_id=order_id):
            pay_order = sandbox.coinqpay_books.pay_order(order_id)
            return Absent() if pay_order is None else Processing(pay_order.payment_id, payable(pay_order))


def withdrawn(withdrawal: Withdrawal) -> Finding:
    """Under way or arrived, by the books; what arrives is the amount without the fee that is inside it."""
    if withdrawal.status != WithdrawalStatus.SUCCESS:
        return Processing(withdrawal.withdrawal_id)
    sent = Sent(total([withdrawal.amount, negate(withdrawal.fee)]), withdrawal.fee, withdrawal.tx_hash)
    return Succeeded(withdrawal.withdrawal_id, sent)


def payable(order: PayOrder) -> Payable:
    """Where and until when the pay order can be paid."""
    expires_at = datetime.fromtimestamp(order.expires_at, UTC)
    return Payable(order.payment_id, order.coin, format(order.amount, "f"), order.address, expires_at)


def count(sandbox: Sandbox, order: Order) -> int:
    """How many records the books have that this order's request made."""
    match order.instruction:
        case Move(order_id=order_id):
            return sum(each.order_id == order_id for each in sandbox.books.records())
        case Convert(order_id=order_id):
            return sum(each.order_id == order_id for each in sandbox.books.swaps())
        case Send(address=address):
            return sum(each.address == address for each in sandbox.coinqpay_books.withdrawals())
        case Collect(order_id=order_id):
            return sum(each.order_id == order_id for each in sandbox.coinqpay_books.pay_orders())


def only(finding: Finding | Candidates) -> Finding:
    """A finding; of a list of candidates its only one, or that there is none."""
    if not isinstance(finding, Candidates):
        return finding
    assert len(finding.found) <= 1, "a second record of one request"
    return finding.found[0][1] if finding.found else Absent()


def refused_by_record(code: str, provider_code: str | None, provider_ref: str) -> Refused:
    """A refusal that the provider's own record is the proof of."""
    words = "Failed" if provider_code is None else code.replace("_", " ")
    message = f"the provider's record says {words}"
    return Refused(code, message, provider_code, by_record=True, provider_ref=provider_ref)
