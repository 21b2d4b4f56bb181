"""CoinQ Pay's records: every object that its answers and webhooks carry, field by field.

Amounts are decimal text and become exact Decimals; a JSON number is refused, for it may have lost digits already.
Ids are text: their 19 digits are more than other JSON readers keep. Fields that are not documented are ignored.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, StrictBool, StrictInt, StrictStr

from schemas.money import parse_record_amount
from worker.providers.reading import SECONDS_MAX, moment_of

MILLISECONDS_MAX = SECONDS_MAX * 1000


def _read_amount(value: object) -> Decimal:
    if not isinstance(value, str):
        raise ValueError("must be decimal text")
    return parse_record_amount(value)


def _read_whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("must be a whole number")
    return value


def _read_moment(value: object) -> datetime:
    """Unix seconds as documented, or milliseconds, as one of the documented examples has them."""
    number = _read_whole(value)
    if not 0 < number <= MILLISECONDS_MAX:
        raise ValueError("must be a Unix time")
    return moment_of(number)


def _read_later_moment(value: object) -> datetime | None:
    return None if value is None or _read_whole(value) == 0 else _read_moment(value)


def _empty_to_none(value: object) -> object:
    return None if value == "" else value


# Stored, logged and published as they are; a control character in one could never be stored.
WithdrawalId = Annotated[StrictStr, Field(pattern=r"^[!-~]{1,20}$")]
Reference = Annotated[StrictStr, Field(pattern=r"^[!-~]{1,255}$")]
OptionalReference = Annotated[Reference | None, BeforeValidator(_empty_to_none)]
Name = Annotated[StrictStr, Field(pattern=r"^[^\p{C}]{1,64}$")]
Amount = Annotated[Decimal, PlainValidator(_read_amount)]
Moment = Annotated[datetime, PlainValidator(_read_moment)]
LaterMoment = Annotated[datetime | None, PlainValidator(_read_later_moment)]


class Record(BaseModel):
    """What all of them have in common: unknown fields are ignored, and nothing is changed after reading."""

    model_config = ConfigDict(frozen=True)


class SupportedCoin(Record):
    """One item of `supported_coins`. `coin` is unique at this provider, `display_code` is not.

    `decimals` bounds an amount's digits after the point. In which unit the fixed fee is, is not certain: one of the
    documented examples is not plausible in the coin itself. The percentage is one: 1.5 means 1.5 percent.
    """

    coin: Reference
    chain: Reference
    display_code: Name
    contract_address: OptionalReference  # None for a chain's native coin
    decimals: Annotated[StrictInt, Field(alias="decimal", ge=0)]
    can_pay: StrictBool
    minimum_pay_amount: Amount
    withdrawal_fixed_fee: Amount
    withdrawal_percentage_fee: Amount


class CoinPrice(Record):
    """One item of `coin_price`: what one of the coin costs in the currency."""

    coin: Reference
    currency: Reference
    price: Amount
    update_time: Moment


class CoinBalance(Record):
    """One item of `coin_balance`: what is available of the coin."""

    coin: Reference
    balance: Amount


class CreatedPayOrder(Record):
    """The answer to POST `pay_order`: where and until when it can be paid."""

    payment_id: Reference
    order_id: Name
    coin: Reference
    chain: Reference
    amount: Amount
    address: Reference
    expire_time: Moment
    create_time: Moment


class PayOrder(Record):
    """The answer to GET `pay_order`, and the body of its webhook.

    Status: 1 unpaid, 2 pending, 3 paid, 4 failed, 5 expired, 6 exception, such as another amount than the original.
    A documented example was paid more than an hour after it had expired: expired does not prove never paid.
    `tx_hash` alone proves nothing: the documented example of an unpaid order has one.
    """

    payment_id: Reference
    order_id: Name
    coin: Reference
    chain: Reference
    original_amount: Amount
    pay_amount: Amount | None = None  # None until paid
    address: Reference
    tx_hash: OptionalReference = None
    status: StrictInt
    expire_time: Moment
    create_time: Moment
    success_time: LaterMoment = None  # None until paid


class Named(Record):
    """What alone counts of a second confirmation: which withdrawal it is about. The rest is read back."""

    id: WithdrawalId


class NamedOrder(Record):
    """What alone counts of a notice of a pay order: whose it is. The rest is read back."""

    order_id: Name


class Confirmation(Named):
    """The body of the second confirmation of a withdrawal: no status and no transaction yet.

    In the documented examples `actual_amount` is `withdraw_amount` minus `fee`, exactly: the fee is inside what was
    asked for. Ids grow with time in the examples; nothing promises it.
    """

    coin: Reference
    withdraw_amount: Amount
    fee: Amount
    actual_amount: Amount
    address: Reference
    create_time: Moment


class CreatedWithdrawal(Confirmation):
    """The answer to POST `withdraw` and to POST `payout`, which nothing tells apart."""

    status: StrictInt


class Withdrawal(CreatedWithdrawal):
    """One item of `withdraws`, and the body of the webhook that says how it ended.

    Status: 1 wait approve, 2 processing, 3 confirming, 4 success, 5 failed, 6 approve failed, 7 exception, 8 risk.
    Whether the money of 7 and 8 comes back is not documented.
    """

    tx_hash: OptionalReference = None
