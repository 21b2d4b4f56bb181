"""The command `transfer`: coins from one user to another inside the provider."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from schemas.command import Command
from schemas.fields import Amount, CoinId, Remark, UserId


class Transfer(Command):
    """Move an amount of one coin from a user to another; the provider's APP ID as a user id is the merchant."""

    executed_by: ClassVar[str] = "ccpayment"
    decimal_fields: ClassVar[frozenset[str]] = frozenset({"amount"})

    type: Literal["transfer"]
    from_user_id: UserId
    to_user_id: UserId
    coin_id: CoinId
    amount: Amount
    remark: Remark | None = None

    @model_validator(mode="after")
    def _refuse_self(self) -> Self:
        if self.from_user_id == self.to_user_id:
            raise ValueError("toUserId: must differ from fromUserId")
        return self
