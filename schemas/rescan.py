"""The command `rescan`: a payment that somebody says was sent, and that has not been credited."""

from typing import ClassVar, Literal

from schemas.command import Command
from schemas.fields import Address, ChainName, Memo, TransactionId, UserId


class Rescan(Command):
    """Look for a transaction until it is credited. `user_id`: whose address it is; without it, the merchant's."""

    executed_by: ClassVar[str] = "ccpayment"

    type: Literal["rescan"]
    chain: ChainName
    to_address: Address
    tx_id: TransactionId
    memo: Memo | None = None
    user_id: UserId | None = None
