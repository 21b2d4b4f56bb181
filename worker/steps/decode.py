"""Decode: the bytes of a message become a valid command, or the reason why they are none."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from schemas.command import Command
from schemas.fields import ORDER_ID
from schemas.registry import COMMANDS
from schemas.strict_json import MalformedJson, read_object
from worker.message import Incoming

UNKNOWN_TYPE = "unknown"


@dataclass(frozen=True, slots=True)
class Malformed:
    """Not a command: the field and the rule it breaks, and what can be told of its origin."""

    reason: str
    order_id: str | None  # only where it is one
    command_type: str  # UNKNOWN_TYPE where it is none


def decode(message: Incoming) -> Command | Malformed:
    """The command in the message."""
    try:
        fields = read_object(message.body)
    except MalformedJson as error:
        return Malformed(str(error), None, UNKNOWN_TYPE)
    try:
        return _read_command(fields, message.provider)
    except _Refusal as refusal:
        command_type = fields.get("type")
        return Malformed(
            str(refusal),
            _order_id(fields),
            command_type if isinstance(command_type, str) and command_type in COMMANDS else UNKNOWN_TYPE,
        )


class _Refusal(Exception):
    """The reason."""


def _read_command(fields: dict[str, Any], provider: str) -> Command:
    command_type = fields.get("type")
    if not isinstance(command_type, str) or command_type not in COMMANDS:
        raise _Refusal(f"type: must be one of {', '.join(COMMANDS)}")
    try:
        command = COMMANDS[command_type].model_validate(fields)
    except ValidationError as error:
        raise _Refusal(_first_rule(error)) from None
    if command.provider is not None and command.provider != provider:
        raise _Refusal("provider: must agree with the routing key")
    if command.executed_by != provider:
        raise _Refusal(f"type: {command_type} is executed by {command.executed_by}")
    return command


def _first_rule(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    # A field's name may come from the message itself: cut and escaped, it goes into a header and a log.
    field = field[:64].encode("unicode_escape").decode("ascii")
    match first["type"]:
        case "missing":
            return f"{field}: is required"
        case "extra_forbidden":
            return f"{field}: is not a field of this type"
        case _:
            rule = first["msg"].removeprefix("Value error, ")
            return f"{field}: {rule}" if field else rule


def _order_id(fields: dict[str, Any]) -> str | None:
    order_id = fields.get("orderId")
    return order_id if isinstance(order_id, str) and ORDER_ID.fullmatch(order_id) else None
