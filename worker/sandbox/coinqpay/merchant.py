"""All that CoinQ Pay knows of its one merchant: account, books, switches, and what is on its way."""

from dataclasses import dataclass, field

from worker.sandbox.coinqpay.account import CoinQPayAccount
from worker.sandbox.coinqpay.books import Books
from worker.sandbox.coinqpay.pay_order_road import PayOrderRoad
from worker.sandbox.coinqpay.withdrawal_road import WithdrawalRoad


@dataclass(slots=True)
class Switches:
    """What a control can turn on and off. Routes are named without the provider."""

    ip_allowed: bool = True
    key_allowed: bool = True
    frozen: bool = False
    denied_routes: set[str] = field(default_factory=set)
    unavailable_coins: set[str] = field(default_factory=set)
    millisecond_pay_orders: bool = True
    unknown_withdrawal_is_error: bool = False
    """A query for one that does not exist: code 12004 instead of an empty list. Neither is documented."""
    oldest_first: bool = False
    """The order of the list of withdrawals, which is not documented; newest first by default."""


@dataclass(frozen=True, slots=True)
class Merchant:
    """The parts that a call can touch."""

    account: CoinQPayAccount
    switches: Switches
    books: Books
    withdrawals: WithdrawalRoad
    pay_orders: PayOrderRoad

    def advance(self, at: float) -> None:
        """Let happen what is due by this unix time."""
        self.withdrawals.advance(at)
        self.pay_orders.advance(at)
