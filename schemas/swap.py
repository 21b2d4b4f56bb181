"""The command `swap`: a user's coins exchanged for another coin inside the provider."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from schemas.command import Command
from schemas.fields import Amount, CoinId, Rate, UserId


class Swap(Command):
    """Exchange an amount of one coin for as much of another as the provider gives at that moment.

    Without `amount_out_minimum` the provider's rate is taken as it is when the order reaches it. `extra_fee_rate` is
    the merchant's own fee, as a part of what comes out: 0.01 is one percent.
    """

    executed_by: ClassVar[str] = "ccpayment"
    decimal_fields: ClassVar[frozenset[str]] = frozenset({"amount_in", "amount_out_minimum", "extra_fee_rate"})

    type: Literal["swap"]
    user_id: UserId
    coin_id_in: CoinId
    amount_in: Amount
    coin_id_out: CoinId
    amount_out_minimum: Amount | None = None
    extra_fee_rate: Rate | None = None

    @model_validator(mode="after")
    def _refuse_same(self) -> Self:
        if self.coin_id_in == self.coin_id_out:
            raise ValueError("coinIdOut: must differ from coinIdIn")
        return self
