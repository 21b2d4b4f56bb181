"""The form of request parameters: JSON types, lengths and spelling, exactly as documented."""

from collections.abc import Iterable

from worker.sandbox.parameters import Check, decode_object, is_amount_or_zero
from worker.sandbox.provider import Parameters

# Wide enough for any percentage; a product with an amount stays within exact arithmetic too.
RATE_CHARACTERS = 20

# Documented of addresses' webhooks; elsewhere texts have no documented length, and this is ample.
URL_CHARACTERS = 150
TEXT_CHARACTERS = 255


def read_object(body: bytes) -> Parameters | None:
    """The JSON object of a body, None when it is anything else. An empty body is an empty object:
    routes without parameters are documented with either."""
    return decode_object(body, names_once=False) if body else {}


def is_coin_id(value: object) -> bool:
    """A JSON integer from 1; `true` is none, though Python calls it one."""
    return type(value) is int and value >= 1


def is_order_id(value: object) -> bool:
    """Text of 3 to 64 characters."""
    return isinstance(value, str) and 3 <= len(value) <= 64


def is_user_id(value: object) -> bool:
    """Text of 5 to 64 characters that does not start with `sys`. An APP ID is one too."""
    return isinstance(value, str) and 5 <= len(value) <= 64 and not value.startswith("sys")


def is_remark(value: object) -> bool:
    """Text of up to 255 characters."""
    return isinstance(value, str) and len(value) <= 255


def is_rate(value: object) -> bool:
    """Decimal text from zero and below one: one would be all there is. Not documented: the limits."""
    return is_amount_or_zero(value) and len(str(value)) <= RATE_CHARACTERS and str(value).startswith("0")


def is_text(value: object) -> bool:
    """Some text: an address, a transaction id, a memo, a chain that may not exist."""
    return isinstance(value, str) and 1 <= len(value) <= TEXT_CHARACTERS


def is_url(value: object) -> bool:
    """A web address of up to 150 characters."""
    return is_text(value) and len(str(value)) <= URL_CHARACTERS and str(value).startswith(("https://", "http://"))


def is_unix_seconds(value: object) -> bool:
    """A JSON integer of at most ten digits: thirteen would be milliseconds."""
    return type(value) is int and 0 <= value <= 9_999_999_999


def is_limit(value: object) -> bool:
    """How many records a page may have: 1 to 100."""
    return type(value) is int and 1 <= value <= 100


def is_list_of(is_right: Check) -> Check:
    """A JSON array whose every element passes the check; how many there may be is another matter."""
    return lambda value: isinstance(value, list) and all(is_right(element) for element in value)


def given(parameters: Parameters, names: Iterable[str]) -> dict[str, object]:
    """The parameters of these names without the empty ones: `""` and `[]` ask for nothing."""
    return {name: parameters[name] for name in names if name in parameters and parameters[name] not in EMPTY}


EMPTY: tuple[object, ...] = ("", [])
