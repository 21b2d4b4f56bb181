"""The commands: what a service can wish for. Made of valid fields only; JSON names are camelCase."""

import json
from typing import Any, ClassVar, Self

from pydantic import (
    AliasGenerator,
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from ledger_client.errors import InvalidCommand
from ledger_client.fields import (
    Account,
    Address,
    Amount,
    ChainName,
    CoinId,
    CoinName,
    Instant,
    Memo,
    OrderId,
    Rate,
    Remark,
    UserId,
)


class Command(BaseModel):
    """A wish. `order_id` is the service's own, unique for ever: repeat it to ask again, never reuse it.

    Amounts are decimal text or `Decimal`, in coins, never numbers. A command past `expires_at` is not begun.
    Raises InvalidCommand with the first field that breaks its rule.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        # Only on the way out: in Python a field has one name.
        alias_generator=AliasGenerator(serialization_alias=to_camel),
    )

    type: ClassVar[str]
    provider: ClassVar[str]

    order_id: OrderId
    expires_at: Instant | None = None

    # Not by an `__init__` of its own: type checkers would not see the fields any more.
    @model_validator(mode="wrap")
    @classmethod
    def _refuse_in_own_words(cls, fields: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            command = handler(fields)
        except ValidationError as error:
            raise _invalid(error) from None
        command.check_whole()
        return command

    def check_whole(self) -> None:
        """What no field can say alone."""

    def checked(self) -> Self:
        """The same, made anew: a copy with changes (`model_copy`) is not checked by itself. Raises InvalidCommand."""
        return type(self)(**dict(self))

    @property
    def routing_key(self) -> str:
        """`<provider>.<type>`."""
        return f"{self.provider}.{self.type}"

    def body(self) -> bytes:
        """The JSON that is published."""
        fields = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return json.dumps({"type": self.type, **fields}, ensure_ascii=False, separators=(",", ":")).encode()


class Transfer(Command):
    """Coins from one user to another; the provider's APP ID as a user id is the merchant.

    >>> from decimal import Decimal
    >>> from ledger_client import Transfer
    >>> command = Transfer(
    ...     order_id="invoice-7081",
    ...     from_user_id="alice1",
    ...     to_user_id="bob123",
    ...     coin_id=1280,
    ...     amount=Decimal("12.50"),
    ... )
    >>> command.body().decode()
    '{"type":"transfer","orderId":"invoice-7081","fromUserId":"alice1","toUserId":"bob123","coinId":1280,"amount":"12.50"}'
    """

    type: ClassVar[str] = "transfer"
    provider: ClassVar[str] = "ccpayment"

    from_user_id: UserId
    to_user_id: UserId
    coin_id: CoinId
    amount: Amount
    remark: Remark | None = None

    def check_whole(self) -> None:
        if self.from_user_id == self.to_user_id:
            raise InvalidCommand("to_user_id", "must differ from from_user_id")


class Swap(Command):
    """A user's coins exchanged for as much of another coin as the provider gives at that moment.

    Without `amount_out_minimum` the rate is taken as it is: set it. `extra_fee_rate` is the merchant's own fee, as a
    part of what comes out: 0.01 is one percent.
    """

    type: ClassVar[str] = "swap"
    provider: ClassVar[str] = "ccpayment"

    user_id: UserId
    coin_id_in: CoinId
    amount_in: Amount
    coin_id_out: CoinId
    amount_out_minimum: Amount | None = None
    extra_fee_rate: Rate | None = None

    def check_whole(self) -> None:
        if self.coin_id_in == self.coin_id_out:
            raise InvalidCommand("coin_id_out", "must differ from coin_id_in")


class Payout(Command):
    """Coins to any address. The amount is gross: the provider's fee is taken out of it."""

    type: ClassVar[str] = "payout"
    provider: ClassVar[str] = "coinqpay"

    coin: CoinName
    address: Address
    amount: Amount
    account: Account = "merchant"


class Withdraw(Command):
    """Coins to the merchant's own address that is bound at the provider. The amount is gross."""

    type: ClassVar[str] = "withdraw"
    provider: ClassVar[str] = "coinqpay"

    coin: CoinName
    amount: Amount
    account: Account = "merchant"


class PayOrder(Command):
    """An address to which somebody is to pay; `payOrder.created` tells it. What is really paid is credited."""

    type: ClassVar[str] = "payOrder"
    provider: ClassVar[str] = "coinqpay"

    coin: CoinName
    amount: Amount
    account: Account = "merchant"


class Rescan(Command):
    """A payment that somebody says was sent, looked for until it is credited, for days.

    `user_id` says whose address it is; without it, the merchant's.
    """

    type: ClassVar[str] = "rescan"
    provider: ClassVar[str] = "ccpayment"

    chain: ChainName
    to_address: Address
    tx_id: Address
    memo: Memo | None = None
    user_id: UserId | None = None


def _invalid(error: ValidationError) -> InvalidCommand:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    match first["type"]:
        case "missing":
            rule = "is required"
        case "extra_forbidden":
            rule = "is not a field of this type"
        case _:
            rule = first["msg"].removeprefix("Value error, ")
    return InvalidCommand(field, rule)
