"""The command `payOrder`: an address to which somebody is to pay."""

from typing import ClassVar, Literal

from schemas.command import Command
from schemas.fields import Account, Amount, CoinName


class PayOrder(Command):
    """Ask for an amount of one coin; what is really paid is credited to the account."""

    executed_by: ClassVar[str] = "coinqpay"
    decimal_fields: ClassVar[frozenset[str]] = frozenset({"amount"})

    type: Literal["payOrder"]
    coin: CoinName
    amount: Amount
    account: Account = "merchant"
