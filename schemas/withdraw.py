"""The command `withdraw`: coins sent out of the provider to the merchant's own address that is bound there."""

from typing import ClassVar, Literal

from schemas.command import Command
from schemas.fields import Account, Amount, CoinName


class Withdraw(Command):
    """Send a gross amount of one coin to the bound address; the provider's fee is taken out of it."""

    executed_by: ClassVar[str] = "coinqpay"
    decimal_fields: ClassVar[frozenset[str]] = frozenset({"amount"})

    type: Literal["withdraw"]
    coin: CoinName
    amount: Amount
    account: Account = "merchant"
