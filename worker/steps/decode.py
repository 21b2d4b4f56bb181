"""Decode: the bytes of a message become a valid command, or the reason why they are none."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from schemas.command import Command
from schemas.fields import ORDER_ID
from schemas.registry import COMMANDS
from schemas.strict_json import MalformedJson, find_text, read_object
from worker.message import Incoming

UNKNOWN_TYPE = "unknown"
CONTENT_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Malformed:
    """Not a command: the field and the rule it breaks, and what can be told of its origin."""

    reason: str
    order_id: str | None  # only where it is one
    command_type: str  # UNKNOWN_TYPE where it is none


def decode(message: Incoming) -> Command | Malformed:
    """The command in the message."""
    try:
        _check_content_type(message.content_type)
        command = _read_command(read_object(message.body), message.provider)
        _check_routing_key(command.type, message)
        return command
    except (MalformedJson, _Refusal) as refusal:
        order_id = find_text(message.body, "orderId")
        command_type = find_text(message.body, "type")
        return Malformed(
            str(refusal),
            order_id if order_id is not None and ORDER_ID.fullmatch(order_id) else None,
            command_type if command_type in COMMANDS else UNKNOWN_TYPE,
        )


class _Refusal(Exception):
    """The reason."""


def _check_content_type(content_type: str | None) -> None:
    """Left out, it is JSON, as everything here is; a publisher that says otherwise means something else."""
    if content_type is not None and content_type.partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise _Refusal(f"content_type: must be {CONTENT_TYPE}")


def _check_routing_key(command_type: str, message: Incoming) -> None:
    """A key that names another type than the body: one of the two is wrong, and money is not moved on a guess.

    What was published to the queue itself has a key that names no provider of ours, and so nothing else either.
    """
    key = message.routing_key
    names_provider = key.partition(".")[0] == message.provider
    if names_provider and key != f"{message.provider}.{command_type}":
        raise _Refusal("type: must agree with the routing key")


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
    # A field's name may come from the message itself: escaped and cut, it goes into a header and a log.
    field = field.encode("unicode_escape").decode("ascii")[:64]
    match first["type"]:
        case "missing":
            return f"{field}: is required"
        case "extra_forbidden":
            return f"{field}: is not a field of this type"
        case _:
            rule = first["msg"].removeprefix("Value error, ")
            return f"{field}: {rule}" if field else rule
