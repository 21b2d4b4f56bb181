"""The command `payout`: coins sent out of the provider to any address."""

from typing import ClassVar, Literal

from schemas.command import Command
from schemas.fields import Account, Address, Amount, CoinName


class Payout(Command):
    """Send a gross amount of one coin to an address; the provider's fee is taken out of it."""

    executed_by: ClassVar[str] = "coinqpay"
    decimal_fields: ClassVar[frozenset[str]] = frozenset({"amount"})

    type: Literal["payout"]
    coin: CoinName
    address: Address
    amount: Amount
    account: Account = "merchant"
