"""CoinQ Pay's books: the merchant's balance of each coin, every withdrawal and every pay order."""

import hashlib
from collections.abc import Sequence
from decimal import Decimal

from worker.sandbox.coinqpay.coins import COINS
from worker.sandbox.coinqpay.records import GIVEN_BACK, PayOrder, Withdrawal
from worker.sandbox.coinqpay.snowflake import Snowflakes
from worker.sandbox.exact import add, subtract

ZERO = Decimal(0)


class Books:
    """One merchant's. A withdrawal leaves the balance when it is written, with its whole amount."""

    def __init__(self) -> None:
        self.ids = Snowflakes()
        self._balances = dict.fromkeys(COINS, ZERO)
        self._withdrawals: dict[str, Withdrawal] = {}
        self._pay_orders: dict[str, PayOrder] = {}

    def balance(self, coin: str) -> Decimal:
        """What the merchant can withdraw of this coin."""
        return self._balances[coin]

    def balances(self) -> dict[str, Decimal]:
        """Every balance by coin."""
        return dict(self._balances)

    def fund(self, coin: str, amount: Decimal) -> None:
        """Money from outside arrives."""
        self._balances[coin] = add(self._balances[coin], amount)

    def withdrawals(self) -> Sequence[Withdrawal]:
        """Every withdrawal, oldest first."""
        return list(self._withdrawals.values())

    def withdrawal(self, withdrawal_id: str) -> Withdrawal | None:
        """The withdrawal with this id."""
        return self._withdrawals.get(withdrawal_id)

    def write_withdrawal(self, withdrawal: Withdrawal) -> None:
        """Record a new withdrawal and take its money."""
        self._take(withdrawal.coin, withdrawal.amount)
        self._withdrawals[withdrawal.withdrawal_id] = withdrawal

    def move_withdrawal(self, withdrawal: Withdrawal, status: int) -> bool:
        """Give it this status, and its money back or taken as the status says.

        False when it was given back and is spent by now: then nothing changes.
        """
        was_back, is_back = withdrawal.status in GIVEN_BACK, status in GIVEN_BACK
        if was_back and not is_back and self.balance(withdrawal.coin) < withdrawal.amount:
            return False
        if was_back and not is_back:
            self._take(withdrawal.coin, withdrawal.amount)
        elif is_back and not was_back:
            self.fund(withdrawal.coin, withdrawal.amount)
        withdrawal.status = status
        return True

    def pay_orders(self) -> Sequence[PayOrder]:
        """Every pay order, oldest first."""
        return list(self._pay_orders.values())

    def pay_order(self, order_id: str) -> PayOrder | None:
        """The pay order that used this order id."""
        return self._pay_orders.get(order_id)

    def write_pay_order(self, order: PayOrder) -> None:
        """Record a new pay order."""
        assert order.order_id not in self._pay_orders, "an order id is used once"
        self._pay_orders[order.order_id] = order

    def _take(self, coin: str, amount: Decimal) -> None:
        left = subtract(self._balances[coin], amount)
        assert left >= ZERO, "nobody withdraws what they do not have"
        self._balances[coin] = left


def transaction_hash(chain: str, seed: str) -> str:
    """A hash as the chain would write one; the same for the same seed."""
    digest = hashlib.sha256(seed.encode()).hexdigest()
    return digest if chain == "TRON" else f"0x{digest}"
