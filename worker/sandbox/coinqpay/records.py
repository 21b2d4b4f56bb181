"""What CoinQ Pay keeps of a withdrawal and of a pay order, and how callers see it.

withdrawal   1 wait approve -> 2 processing -> 3 confirming -> 4 success
             5 failed and 6 approve failed give the money back, 7 exception and 8 risk keep it
pay order    1 unpaid -> 2 pending -> 3 paid, or 6 exception when the amount is another one
             4 failed, 5 expired: money that comes later still makes it 3 or 6
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum

from worker.sandbox.exact import plain, subtract


class WithdrawalStatus(IntEnum):
    """The documented ones; a control can set any other number."""

    WAIT_APPROVE = 1
    PROCESSING = 2
    CONFIRMING = 3
    SUCCESS = 4
    FAILED = 5
    APPROVE_FAILED = 6
    EXCEPTION = 7
    RISK = 8


# The money of a withdrawal is back in the balance in these, and away in every other.
GIVEN_BACK = frozenset({WithdrawalStatus.FAILED, WithdrawalStatus.APPROVE_FAILED})


class PayOrderStatus(IntEnum):
    """The documented ones."""

    UNPAID = 1
    PENDING = 2
    PAID = 3
    FAILED = 4
    EXPIRED = 5
    EXCEPTION = 6


@dataclass(slots=True)
class Withdrawal:
    """One withdrawal, by either route. Times are unix seconds; the fee is inside the amount."""

    withdrawal_id: str
    coin: str
    amount: Decimal
    fee: Decimal
    address: str
    at: float
    status: int = WithdrawalStatus.WAIT_APPROVE
    tx_hash: str = ""
    ending: int = WithdrawalStatus.SUCCESS
    """Where it goes by itself."""
    awaits_confirmation: bool = False
    is_held: bool = False


@dataclass(slots=True)
class PayOrder:
    """One pay order. `arriving` is money on the chain that is not counted yet."""

    payment_id: str
    order_id: str
    coin: str
    chain: str
    amount: Decimal
    address: str
    at: float
    expires_at: int
    tx_hash: str
    status: PayOrderStatus = PayOrderStatus.UNPAID
    arriving: Decimal | None = None
    seen_at: float = 0.0
    pay_amount: Decimal | None = None
    success_at: int = 0


def confirmation_of(withdrawal: Withdrawal) -> dict[str, object]:
    """As the second confirmation shows it: without status and transaction."""
    return {
        "id": withdrawal.withdrawal_id,
        "coin": withdrawal.coin,
        "withdraw_amount": plain(withdrawal.amount),
        "fee": plain(withdrawal.fee),
        "actual_amount": plain(subtract(withdrawal.amount, withdrawal.fee)),
        "address": withdrawal.address,
        "create_time": int(withdrawal.at),
    }


def created_withdrawal(withdrawal: Withdrawal) -> dict[str, object]:
    """As the answer to its creation shows it."""
    fields = confirmation_of(withdrawal)
    created = fields.pop("create_time")
    return {**fields, "status": int(withdrawal.status), "create_time": created}


def queried_withdrawal(withdrawal: Withdrawal) -> dict[str, object]:
    """As a query and the result webhook show it."""
    fields = confirmation_of(withdrawal)
    created = fields.pop("create_time")
    status = int(withdrawal.status)
    return {**fields, "tx_hash": withdrawal.tx_hash, "status": status, "create_time": created}


def created_pay_order(order: PayOrder) -> dict[str, object]:
    """As the answer to its creation shows it."""
    return {
        "payment_id": order.payment_id,
        "order_id": order.order_id,
        "coin": order.coin,
        "chain": order.chain,
        "amount": plain(order.amount),
        "address": order.address,
        "expire_time": order.expires_at,
        "create_time": int(order.at),
    }


def queried_pay_order(order: PayOrder, in_milliseconds: bool) -> dict[str, object]:
    """As a query shows it, and the webhook with seconds.

    There is a transaction hash even while nothing is paid, as in the documented sample: only the
    status says that money came. Milliseconds are that sample's too, for expiry and creation.
    """
    unit = 1000 if in_milliseconds else 1
    return {
        "payment_id": order.payment_id,
        "order_id": order.order_id,
        "coin": order.coin,
        "chain": order.chain,
        "original_amount": plain(order.amount),
        "pay_amount": None if order.pay_amount is None else plain(order.pay_amount),
        "address": order.address,
        "tx_hash": order.tx_hash,
        "status": int(order.status),
        "expire_time": order.expires_at * unit,
        "create_time": int(order.at) * unit,
        "success_time": order.success_at,
    }
