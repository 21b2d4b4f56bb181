"""JSON Schema 2020-12 of commands and events, from the pydantic models and the rules beside them."""

from typing import Any, get_args, get_type_hints

from pydantic import BaseModel

from schemas.command import Command
from schemas.event import CloudEvent, EntryLine, ErrorDetail
from schemas.event_catalogue import DATA_SCHEMAS, EventKind, schema_urn
from schemas.examples import COMMAND_EXAMPLES, event_example
from schemas.json_rules import BODY_RULES, EVENT_FIELDS, TYPE_RULES, Schema, rule_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def command_schema(command_type: str, model: type[Command]) -> Schema:
    """What a publisher may send. What it cannot say is in `x-rules`."""
    schema: Schema = _plain(model.model_json_schema(by_alias=True))
    hints = get_type_hints(model, include_extras=True)
    for name, field in model.model_fields.items():
        schema["properties"][field.alias or name] |= rule_of(_not_none(hints[name]))
    schema["properties"]["provider"] = {
        "enum": [model.executed_by, None],
        "description": "who executes it; as the routing key says",
    }
    return {
        "$schema": DIALECT,
        "$id": schema_urn(f"{command_type}-command"),
        **schema,
        "x-rules": [*BODY_RULES, *TYPE_RULES.get(command_type, ())],
        "x-routing-key": f"{model.executed_by}.{command_type}",
        "examples": [COMMAND_EXAMPLES[command_type]],
    }


def data_schema(name: str) -> Schema:
    """The data of every event that names this `dataschema`."""
    return {"$schema": DIALECT, "$id": schema_urn(name), **_with_definitions(model_schema(DATA_SCHEMAS[name]))}


def event_schema(kind: EventKind) -> Schema:
    """A whole event, envelope and data. Fields may be added to events: readers ignore what they do not know."""
    return {
        "$schema": DIALECT,
        "$id": schema_urn(kind.routing_key),
        "title": kind.routing_key,
        "description": kind.summary,
        **_with_definitions(narrowed(kind), CloudEvent, kind.model),
        "x-terminal": kind.terminal,
        "examples": [event_example(kind.routing_key)],
    }


def narrowed(kind: EventKind) -> Schema:
    """The envelope and the data of one routing key, by reference to what all have in common."""
    fixed = {"type": {"const": kind.about}, "result": {"const": kind.result}, **kind.always}
    return {
        "allOf": [{"$ref": "#/$defs/CloudEvent"}],
        "properties": {
            "type": {"const": f"ledger.{kind.routing_key}"},
            "dataschema": {"const": schema_urn(kind.schema)},
            "data": {"allOf": [{"$ref": f"#/$defs/{kind.model.__name__}"}], "properties": fixed},
        },
    }


def model_schema(model: type[BaseModel]) -> Schema:
    """A model of events as it is written, every field always; the models in it by reference."""
    schema: Schema = _plain(model.model_json_schema(by_alias=True, mode="serialization"))
    schema.pop("$defs", None)
    schema["required"] = sorted(schema["properties"])
    for field in schema["properties"].values():
        field.pop("default", None)
    if model is CloudEvent:  # each event says for itself what its data are
        schema["properties"]["data"] = {"type": "object"}
    for name, rule in EVENT_FIELDS.get(model, {}).items():
        schema["properties"][name] |= rule
    return schema


def definitions() -> dict[str, Schema]:
    """Every model of events by its name."""
    models: list[type[BaseModel]] = [CloudEvent, EntryLine, ErrorDetail, *DATA_SCHEMAS.values()]
    return {model.__name__: model_schema(model) for model in models}


def _with_definitions(schema: Schema, *models: type[BaseModel]) -> Schema:
    """With the models that it refers to, so that a file needs no other."""
    defined = definitions()
    names = {model.__name__ for model in models} | _referred(schema)
    while more := {name for known in names for name in _referred(defined[known])} - names:
        names |= more
    return {**schema, "$defs": {name: defined[name] for name in sorted(names)}} if names else schema


def _referred(schema: object) -> set[str]:
    match schema:
        case {"$ref": str(reference)}:
            return {reference.removeprefix("#/$defs/")}
        case dict():
            return {name for value in schema.values() for name in _referred(value)}
        case list():
            return {name for value in schema for name in _referred(value)}
        case _:
            return set()


def _plain(schema: Any) -> Any:
    """Without the titles that repeat names; text or null is a type of two, so that a rule about text fits both."""
    if isinstance(schema, list):
        return [_plain(value) for value in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _plain(value) for name, value in schema.items() if name != "title" or not isinstance(value, str)}
    if plain.get("default", ...) is None:
        del plain["default"]
    match plain.get("anyOf"):
        case [{"type": str(kind), **rest}, {"type": "null"}]:
            del plain["anyOf"]
            plain |= {"type": [kind, "null"], **rest}
    return plain


def _not_none(annotation: Any) -> Any:
    """The kind of an optional field."""
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    return kinds[0] if type(None) in get_args(annotation) else annotation
