"""Money is conserved at the simulated CoinQ Pay, whatever is asked of it and in whatever order."""

from contextlib import suppress
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from worker.sandbox.errors import InputError

from .coinqpay_caller import ETH_ADDRESS, HOOKS, TRON_ADDRESS, CoinQPayCaller

COINS = {"TRON_USDT": TRON_ADDRESS, "ETH": ETH_ADDRESS}
coins = st.sampled_from(sorted(COINS))
amounts = st.decimals("0.001", "9", places=3).map(str)
statuses = st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 42])
numbers = st.integers(0, 9)
FAULTS = st.sampled_from(
    [
        {"kind": "reset", "when": "before", "times": 1},
        {"kind": "http_500", "when": "after", "times": 1},
        {"kind": "hang", "when": "late", "late_seconds": 2, "times": 2},
        {"kind": "failed_record", "times": 1},
        {"kind": "code", "code": 1000, "route": "coinqpay.payout", "when": "after", "times": 1},
    ]
)


class Money(RuleBasedStateMachine):
    """Balance = funded + paid in - withdrawn, where what failed was not withdrawn."""

    def __init__(self) -> None:
        super().__init__()
        self.caller = CoinQPayCaller(webhooks_to=HOOKS)
        self.caller.ask("pace", seconds=1)
        self.funded = dict.fromkeys(COINS, Decimal(0))

    @rule(coin=coins, amount=amounts)
    def fund(self, coin: str, amount: str) -> None:
        self.caller.ask("fund", coin=coin, amount=amount)
        self.funded[coin] += Decimal(amount)

    @rule(coin=coins, amount=amounts)
    def payout(self, coin: str, amount: str) -> None:
        self.caller.payout(coin=coin, address=COINS[coin], amount=amount)

    @rule(amount=amounts)
    def withdraw(self, amount: str) -> None:
        self.caller.post("withdraw", coin="TRON_USDT", amount=amount)

    @rule(number=numbers, coin=coins, amount=amounts)
    def order(self, number: int, coin: str, amount: str) -> None:
        self.caller.order(order_id=f"OR-{number}", coin=coin, amount=amount)

    @rule(number=numbers, amount=amounts)
    def pay(self, number: int, amount: str) -> None:
        self.control("pay", orderId=f"OR-{number}", amount=amount)

    @rule(number=numbers)
    def fail(self, number: int) -> None:
        self.control("fail-pay-order", orderId=f"OR-{number}")

    @rule(number=numbers, status=statuses)
    def end(self, number: int, status: int) -> None:
        withdrawals = self.caller.books.withdrawals()
        if withdrawals:
            self.control("end-withdrawal", id=withdrawals[number % len(withdrawals)].withdrawal_id, status=status)

    @rule(coin=coins, status=statuses)
    def wish(self, coin: str, status: int) -> None:
        self.control("end-withdrawal", coin=coin, status=status, times=1)

    @rule(status=st.none() | st.integers(1, 3))
    def hold(self, status: int | None) -> None:
        self.control("hold", status=status)

    @rule(status=st.sampled_from([200, 409, None]))
    def answer(self, status: int | None) -> None:
        self.caller.answer_webhooks(status)

    @rule(fault=FAULTS)
    def fault(self, fault: dict[str, object]) -> None:
        self.caller.sandbox.add_fault(**fault)  # type: ignore[arg-type]

    @rule(seconds=st.sampled_from([0.5, 3, 61, 901]))
    def wait(self, seconds: float) -> None:
        self.caller.wait(seconds)

    def control(self, action: str, **fields: object) -> None:
        # Refused are orders that are none or paid, and money to be taken back that is spent.
        with suppress(InputError):
            self.caller.ask(action, **fields)

    @invariant()
    def money_is_conserved(self) -> None:
        books = self.caller.books
        for coin in COINS:
            paid = sum(order.pay_amount or 0 for order in books.pay_orders() if order.coin == coin)
            away = sum(
                withdrawal.amount
                for withdrawal in books.withdrawals()
                if withdrawal.coin == coin and withdrawal.status not in {5, 6}
            )
            assert books.balance(coin) == self.funded[coin] + paid - away >= 0

    @invariant()
    def no_payment_without_a_status_that_says_so(self) -> None:
        for order in self.caller.books.pay_orders():
            assert (order.pay_amount is not None) == (order.status in {3, 6})
            assert (order.success_at > 0) == (order.status == 3)


Money.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestMoney = Money.TestCase
