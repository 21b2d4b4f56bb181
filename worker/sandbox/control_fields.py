"""The fields of a control request: JSON speaks camelCase, Python does not."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from worker.sandbox.errors import InputError, require

Answer = TypeVar("Answer")

# Every other name is the same in both.
PYTHON_NAMES = MappingProxyType(
    {"userId": "user_id", "coinId": "coin_id", "orderId": "order_id", "lateSeconds": "late_seconds"}
)
JSON_NAMES = MappingProxyType({python: name for name, python in PYTHON_NAMES.items()})


def fields_of(body: bytes, allowed: tuple[str, ...], required: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a control body under their Python names; their values are checked later.

    Raises `InputError` for one that is unknown or missing.
    """
    value = object_of(body)
    for name in value:
        require(name in allowed, name, "is unknown; known are " + ", ".join(allowed))
    for name in required:
        require(name in value, name, "is required")
    return {PYTHON_NAMES.get(name, name): field for name, field in value.items()}


def object_of(body: bytes) -> dict[str, Any]:
    """The JSON object of a control body. Raises `InputError` when it is anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InputError("body", "must be a JSON object")
    return value


def take(step: Callable[..., Answer], fields: Mapping[str, Any]) -> Answer:
    """Take a step of the sandbox; a field that it refuses gets back the name it came with."""
    try:
        return step(**fields)
    except InputError as wrong:
        raise InputError(JSON_NAMES.get(wrong.field, wrong.field), wrong.rule) from wrong
