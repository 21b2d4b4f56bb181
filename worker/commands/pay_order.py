"""`payOrder`: nothing is held; what is really paid is credited to the account."""

from schemas.event import Line
from schemas.money import parse_amount, show
from schemas.pay_order import PayOrder
from worker.commands.coins import (
    CoinData,
    Refusal,
    refuse_decimals,
    refuse_disabled,
    refuse_minimum,
    refuse_unlisted,
)
from worker.order import Hold
from worker.providers.protocol import Collect, Provider, Receipt


class PayOrderRules:
    """The rules of a pay order."""

    def refuse(self, command: PayOrder, _provider: Provider, coins: CoinData) -> Refusal | None:
        """By the provider's own data: the coin, that it can be paid with, its decimals and its least amount."""
        return (
            refuse_unlisted("coin", command.coin, coins)
            or refuse_disabled("coin", command.coin, coins)
            or refuse_decimals("amount", command.amount, command.coin, coins)
            or refuse_minimum("amount", command.amount, command.coin, coins)
        )

    def hold(self, _command: PayOrder, _provider: Provider) -> Hold | None:
        """Nothing: it brings funds."""
        return None

    def instruction(self, command: PayOrder, _provider: Provider) -> Collect:
        """Let somebody pay it."""
        return Collect(
            order_id=command.order_id,
            coin=command.coin,
            amount=show(parse_amount(command.amount)),
        )

    def lines(self, _command: PayOrder, _provider: Provider, _receipt: Receipt) -> tuple[Line, ...]:
        """Nothing: what was paid is posted as a deposit, also when it comes after the order has ended."""
        return ()
