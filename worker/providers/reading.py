"""What reading the providers' answers has in common: models, moments, and words that people are shown."""

from datetime import UTC, datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from worker.providers.protocol import Unreadable

# A provider's sentence is shown to people and stored; more than this is not a sentence.
MESSAGE_CHARACTERS_MAX = 300

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Documented in seconds, seen in milliseconds. In seconds this is the year 5138, in milliseconds 1973: no moment of a
# payment is on the wrong side.
SECONDS_MAX = 10**11

Model = TypeVar("Model", bound=BaseModel)


def read_model(model: type[Model], value: object, name: str) -> Model:
    """The answer's part of this name as the model. Raises Unreadable naming the first field that is wrong."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise Unreadable(f"the answer's field {where or name} is missing or malformed") from None


def moment_of(number: int) -> datetime:
    """The aware time of so many Unix seconds, or milliseconds. Raises OverflowError beyond the year 9999."""
    return EPOCH + (timedelta(milliseconds=number) if number > SECONDS_MAX else timedelta(seconds=number))


def clean_message(text: str) -> str:
    """The provider's words, without control characters and cut to a sentence's length."""
    printable = "".join(character for character in text if character.isprintable())
    return printable[:MESSAGE_CHARACTERS_MAX]
