"""The form of control fields: which there are, which must be there, and their JSON types."""

from collections.abc import Mapping
from typing import Any

from worker.sandbox.errors import require
from worker.sandbox.parameters import Check

# Some thirty years; also refuses NaN and infinity.
LONGEST_SECONDS = 1e9


def check_fields(fields: Mapping[str, Any], required: Mapping[str, Check], optional: Mapping[str, Check]) -> None:
    """Raise `InputError` naming the first field that is unknown, missing or malformed."""
    known = {**required, **optional}
    for name in fields:
        require(name in known, name, "is unknown; known are " + ", ".join(known))
    for name in required:
        require(name in fields, name, "is required")
    for name, value in fields.items():
        require(known[name](value), name, "is malformed")


def is_flag(value: object) -> bool:
    """`true` or `false`."""
    return isinstance(value, bool)


def is_seconds(value: object) -> bool:
    """A number of seconds from zero; `true` is none, though Python calls it one."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return 0 <= value <= LONGEST_SECONDS


def is_index(value: object) -> bool:
    """A whole number from zero."""
    return type(value) is int and value >= 0
