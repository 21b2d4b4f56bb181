"""The messages of the AsyncAPI document, and the schemas that they refer to."""

from collections.abc import Sequence
from typing import Any

from schemas.event_catalogue import EventKind
from schemas.examples import COMMAND_EXAMPLES, event_example
from schemas.json_schema import command_schema, definitions, narrowed
from schemas.registry import COMMANDS

Document = dict[str, Any]


def asyncapi_messages(kinds: Sequence[EventKind]) -> Document:
    """Every command and event, and what a dead letter is."""
    commands = {name: _command_message(name) for name in COMMANDS}
    events = {kind.routing_key: _event_message(kind) for kind in kinds}
    return {**commands, **events, "deadLetter": _dead_letter()}


def _command_message(name: str) -> Document:
    return {
        "name": name,
        "title": name,
        "summary": (COMMANDS[name].__doc__ or "").partition("\n")[0],
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "properties": {
                "traceparent": {"type": "string", "description": "W3C trace context; carried through"},
                "x-ledger-replay": {
                    "type": "string",
                    "description": "the replay of a dead letter that it comes from",
                },
            },
        },
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "examples": [{"name": name, "payload": COMMAND_EXAMPLES[name]}],
    }


def _event_message(kind: EventKind) -> Document:
    return {
        "name": kind.routing_key,
        "title": kind.routing_key,
        "summary": kind.summary,
        "description": (
            "message_id is the event's id; correlation_id is the command's, else the orderId;"
            " app_id and the header traceparent are the command's."
        ),
        "contentType": "application/cloudevents+json",
        "payload": _in_components(narrowed(kind)),
        "examples": [{"name": kind.result, "payload": event_example(kind.routing_key)}],
        "x-terminal": kind.terminal,
    }


def _dead_letter() -> Document:
    return {
        "name": "deadLetter",
        "title": "dead letter",
        "summary": "A message that is no command, or that the broker gave up, byte for byte, under its routing key.",
        "headers": {
            "type": "object",
            "properties": {
                "x-ledger-reason": {"type": "string", "description": "the field and the rule that it breaks"},
                "x-death": {"type": "array", "description": "the broker's own history of it"},
            },
        },
        "payload": {"description": "any bytes"},
    }


def asyncapi_schemas() -> Document:
    """In the dialect of AsyncAPI, which knows neither `$schema` nor `$defs`."""
    commands = {name: command_schema(name, model) for name, model in COMMANDS.items()}
    for schema in commands.values():
        del schema["$schema"], schema["$id"], schema["examples"]
    return {**commands, **{name: _in_components(schema) for name, schema in definitions().items()}}


def _in_components(schema: Any) -> Any:
    match schema:
        case {"$ref": str(reference)}:
            return {"$ref": reference.replace("#/$defs/", "#/components/schemas/")}
        case dict():
            return {name: _in_components(value) for name, value in schema.items()}
        case list():
            return [_in_components(value) for value in schema]
        case _:
            return schema
