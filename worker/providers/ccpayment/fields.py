"""The kinds of fields that CCPayment's answers are made of, each read exactly or refused."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, StrictInt, StrictStr

from schemas.fields import is_clean
from schemas.money import parse_record_amount
from worker.providers.reading import EPOCH, moment_of

REPLACEMENT = "\ufffd"
SECOND = timedelta(seconds=1)


def to_unix_seconds(at: datetime) -> int:
    """Whole Unix seconds, rounded down."""
    return (at - EPOCH) // SECOND


def _read_amount(value: object) -> Decimal | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):  # a JSON number went through a float
        raise ValueError("must be a decimal string")
    return parse_record_amount(value)


def _read_time(value: object) -> datetime | None:
    if value is None or value == "":
        return None
    if type(value) is not int or value < 0:
        raise ValueError("must be Unix seconds")
    try:
        return moment_of(value) if value else None
    except OverflowError:
        raise ValueError("must be Unix seconds") from None


def _make_storable(text: str) -> str:
    return "".join(character if is_clean(character) else REPLACEMENT for character in text)


def _none_as_empty(value: object) -> object:
    return "" if value is None else value


def _none_as_list(value: object) -> object:
    return () if value is None else value


def _none_as_map(value: object) -> object:
    return {} if value is None else value


# Money, prices and rates: decimal text with up to 24 decimals, zero included. Blank is None, unknown: the provider's
# samples have blank balances, and a blank balance is not a balance of zero.
KnownAmount = Annotated[Decimal | None, PlainValidator(_read_amount)]
# An aware time; zero and blank are None, not yet.
UnixTime = Annotated[datetime | None, PlainValidator(_read_time)]
# Words of others, such as a memo that anybody may put on a chain. What could not be stored or shown is replaced, not
# refused: one payer's control character must not make a whole page of deposits unreadable.
Text = Annotated[StrictStr, AfterValidator(_make_storable)]
OptionalText = Annotated[Text, BeforeValidator(_none_as_empty)]
CoinId = Annotated[StrictInt, Field(ge=1)]
# Not documented how an empty list or map comes; null is taken for one, a missing field is not.
EmptyList = BeforeValidator(_none_as_list)
EmptyMap = BeforeValidator(_none_as_map)
# Stored, logged and published as it is; one with a control character in it could never be stored, so that its order
# would never end.
RecordId = Annotated[StrictStr, Field(pattern=r"^[!-~]{1,128}$")]

Fields = dict[str, Any]


def without_blanks(**fields: object) -> Fields:
    """The fields that have a value, times as Unix seconds: a filter that is not asked for is not sent."""
    return {
        name: to_unix_seconds(value) if isinstance(value, datetime) else value
        for name, value in fields.items()
        if value is not None
    }
