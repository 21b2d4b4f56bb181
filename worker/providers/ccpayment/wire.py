"""CCPayment's answers as they come over the wire, read with care: they are somebody else's data."""

import json
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError
from pydantic.alias_generators import to_camel

from worker.providers.http import Answer

# A provider's sentence is shown to people and stored; more than this is not a sentence.
MESSAGE_CHARACTERS_MAX = 300

Model = TypeVar("Model", bound=BaseModel)

# It is stored, logged and published as it is; one with a control character in it could never be stored, so that its
# order would never end.
RecordId = Annotated[StrictStr, Field(pattern=r"^[!-~]{1,128}$")]


class Unreadable(Exception):
    """The answer is not what the provider documents; says why, never quotes it."""


class Envelope(BaseModel):
    """`{code, msg, data}`. `msg` varies in case and is for people only."""

    code: StrictInt
    msg: str = ""
    data: Any = None


class TransferReceipt(BaseModel):
    """`data` of userTransfer."""

    model_config = ConfigDict(alias_generator=to_camel)

    record_id: RecordId


class TransferRecord(BaseModel):
    """`data.record` of getUserTransferRecord. There is no time in it."""

    model_config = ConfigDict(alias_generator=to_camel)

    record_id: RecordId
    coin_id: StrictInt
    order_id: StrictStr
    from_user_id: StrictStr
    to_user_id: StrictStr
    amount: StrictStr
    status: StrictStr


def read_envelope(answer: Answer) -> Envelope:
    """The envelope, at any status below 500: errors come with 200, gateways use their own. Raises Unreadable."""
    if answer.status >= 500:
        raise Unreadable(f"HTTP status {answer.status}")
    try:
        envelope = Envelope.model_validate(json.loads(answer.body))
    except (ValueError, RecursionError):
        raise Unreadable(f"HTTP status {answer.status} without the provider's envelope") from None
    return envelope


def read_data(model: type[Model], data: object) -> Model:
    """`data` as the model. Raises Unreadable naming the first field that is wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise Unreadable(f"the answer's field {where or 'data'} is missing or malformed") from None


def clean_message(text: str) -> str:
    """The provider's words, without control characters and cut to a sentence's length."""
    printable = "".join(character for character in text if character.isprintable())
    return printable[:MESSAGE_CHARACTERS_MAX]
