"""What CoinQ Pay's codes and records say of an order: pure, by the tables of its documentation."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from schemas.money import show, total
from worker.providers.address import normal_address
from worker.providers.coinqpay.errors import judge
from worker.providers.coinqpay.records import Confirmation, CreatedPayOrder, CreatedWithdrawal, PayOrder, Withdrawal
from worker.providers.coinqpay.wire import Failure
from worker.providers.protocol import (
    Collect,
    Collected,
    Disputed,
    Outcome,
    Payable,
    Processing,
    Refused,
    Send,
    Sent,
    Succeeded,
    payee,
)
from worker.providers.refusal import judge_meaning

# Statuses of a withdrawal that end it, and those after which only a person knows where the money is.
SUCCESS = 4
NOT_PAID: Mapping[int, str] = MappingProxyType({5: "failed", 6: "approve_failed"})
UNDER_WAY = frozenset({1, 2, 3})
UNCLEAR: Mapping[int, str] = MappingProxyType({7: "exception", 8: "risk"})

# Statuses of a pay order.
PAYABLE = frozenset({1, 2})
PAID = frozenset({3, 6})  # 6, exception: paid, but not what was asked for
UNPAID: Mapping[int, str] = MappingProxyType({4: "payment_failed", 5: "payment_expired"})


def judge_failure(failure: Failure) -> Outcome:
    """What an error says of the attempt it answers."""
    meaning, name = judge(failure.status, failure.code)
    return judge_meaning(meaning, name, failure.message or name, str(failure.code))


def judge_withdrawal(record: CreatedWithdrawal, instruction: Send) -> Outcome:
    """What a withdrawal says that is this order's, by its id or because it is the only one that can be."""
    says = _judge_status(record)
    differing = tuple(differing_fields(record, instruction))
    if not differing:
        return says
    if isinstance(says, Succeeded) and not _is_within(record, instruction):
        return Disputed(f"the provider's record differs in {', '.join(differing)}", record.id, differing)
    return Disputed(f"the provider's record differs in {', '.join(differing)}", record.id, differing, says)


def _is_within(record: CreatedWithdrawal, instruction: Send) -> bool:
    """Whether what was paid can be booked on what is held for the order: of the same coin, and not more of it."""
    return record.coin == instruction.coin and record.withdraw_amount <= Decimal(instruction.amount)


def _judge_status(record: CreatedWithdrawal) -> Outcome:
    if record.status in UNDER_WAY:
        return Processing(record.id)
    if record.status in NOT_PAID:
        code = NOT_PAID[record.status]
        return Refused(
            code,
            f"the provider's record says {code.replace('_', ' ')}",
            str(record.status),
            by_record=True,
            provider_ref=record.id,
        )
    if record.status != SUCCESS:
        said = UNCLEAR.get(record.status, "a status that is not documented")
        return Disputed(f"the provider's record says {said} ({record.status})", record.id)
    if total([record.actual_amount, record.fee]) != record.withdraw_amount:
        return Disputed("the provider's record cannot be booked: actual_amount + fee is not the amount", record.id)
    transaction = record.tx_hash if isinstance(record, Withdrawal) else None
    return Succeeded(record.id, Sent(record.actual_amount, record.fee, transaction))


def differing_fields(record: Confirmation, instruction: Send) -> list[str]:
    """In which fields a withdrawal is not what was asked for; the gross amount counts, for fees are inside it."""
    addresses = {normal_address(each) for each in (instruction.address, instruction.rebound) if each is not None}
    agrees = {
        "coin": record.coin == instruction.coin,
        "withdraw_amount": show(record.withdraw_amount) == instruction.amount,
        "address": normal_address(record.address) in addresses,
    }
    return [name for name, does in agrees.items() if not does]


def payee_of(record: Confirmation) -> str:
    """Equal to the payee of the payment that it may be."""
    return payee(record.coin, show(record.withdraw_amount), record.address)


def judge_created(record: CreatedPayOrder, instruction: Collect) -> Outcome:
    """What the answer to a new pay order says."""
    return _differing_order(record, record.amount, instruction) or Processing(
        record.payment_id, _payable(record, instruction)
    )


def judge_pay_order(record: PayOrder, instruction: Collect) -> Outcome:
    """What a pay order's record says. What was paid counts, whatever was asked for, and whenever it came."""
    disputed = _differing_order(record, record.original_amount, instruction)
    if disputed is not None:
        return disputed
    ref = record.payment_id
    if record.status in PAYABLE:
        return Processing(ref, _payable(record, instruction))
    if record.status in UNPAID:
        code = UNPAID[record.status]
        return Refused(
            code,
            f"the provider's record says {code.replace('_', ' ')}",
            str(record.status),
            by_record=True,
            provider_ref=ref,
        )
    if record.status in PAID and record.pay_amount:
        return Succeeded(ref, Collected(record.pay_amount, record.chain, record.address, record.tx_hash))
    if record.status in PAID:
        return Disputed(f"the provider's record has status {record.status} and no paid amount", ref)
    return Disputed(f"the provider's record has a status that is not documented ({record.status})", ref)


def _differing_order(record: CreatedPayOrder | PayOrder, amount: object, instruction: Collect) -> Disputed | None:
    pairs: dict[str, tuple[object, object]] = {
        "order_id": (record.order_id, instruction.order_id),
        "coin": (record.coin, instruction.coin),
        "amount": (amount, Decimal(instruction.amount)),
    }
    differing = [name for name, (theirs, ours) in pairs.items() if theirs != ours]
    if not differing:
        return None
    return Disputed(f"the provider's record differs in {', '.join(differing)}", record.payment_id)


def _payable(record: CreatedPayOrder | PayOrder, instruction: Collect) -> Payable:
    return Payable(
        payment_id=record.payment_id,
        coin=instruction.coin,
        amount=instruction.amount,
        address=record.address,
        expires_at=record.expire_time,
    )
