"""Compatibility: what was released stays true. Commands may only take more, events may only say more.

Whoever publishes by a released schema is still understood, and whoever reads by one is not misled. Rules that cannot
be compared, such as patterns, must be the same, and so must those that nobody thought of here.
"""

from collections.abc import Callable, Iterator

from schemas.merged_schema import Merged, Schema

_Fields = Callable[[Merged, Merged], Iterator[tuple[str, str]]]

_LOWER_BOUNDS = ("minimum", "minLength", "minItems")
_UPPER_BOUNDS = ("maximum", "maxLength", "maxItems")
# Words, and what is compared part by part. A closed object is asked about with its fields.
_COMPARED_OTHERWISE = frozenset(
    {"$defs", "$id", "$schema", "title", "description", "examples", "x-rules"}
    | {"type", "const", "enum", "properties", "required", "items", "anyOf", "additionalProperties", "default"}
)


def broken_command(released: Schema, current: Schema) -> list[str]:
    """Why somebody who publishes as released would be refused now: the field and what has become of it."""
    return list(_unread(Merged(released), Merged(current), "", "is narrower", _command_fields))


def broken_event(released: Schema, current: Schema) -> list[str]:
    """Why somebody who reads as released would be misled now: the field and what has become of it."""
    return list(_unread(Merged(current), Merged(released), "", "is wider", _event_fields))


def _command_fields(released: Merged, current: Merged) -> Iterator[tuple[str, str]]:
    if current.rules.get("additionalProperties") is False:
        yield from ((name, "was removed") for name in sorted(released.fields.keys() - current.fields.keys()))
    yield from ((name, "is required now") for name in sorted(current.required - released.required))
    for name in sorted(released.fields.keys() & current.fields.keys()):
        # Whoever leaves it out means what it meant.
        if released.fields[name].rules.get("default") != current.fields[name].rules.get("default"):
            yield name, "its default is another"


def _event_fields(current: Merged, released: Merged) -> Iterator[tuple[str, str]]:
    removed = released.fields.keys() - current.fields.keys()
    yield from ((name, "was removed") for name in sorted(removed))
    yield from ((name, "may be absent now") for name in sorted(released.required - current.required - removed))


def _unread(writer: Merged, reader: Merged, path: str, change: str, fields: _Fields) -> Iterator[str]:
    """What the writer may write and the reader does not take."""
    for branch in writer.branches():
        answers = [list(_unread_branch(branch, choice, path, change, fields)) for choice in reader.branches()]
        yield from min(answers, key=len, default=[f"{path}: {change}"])


def _unread_branch(writer: Merged, reader: Merged, path: str, change: str, fields: _Fields) -> Iterator[str]:
    name = path or "body"
    if not _reads_types(writer, reader):
        yield f"{name}: its type {change}"
        return
    if reader.values is not None and (
        writer.values is None or any(one not in reader.values for one in writer.values)
    ):
        yield f"{name}: the set of its values {change}"
    yield from (f"{name}: its {rule} {change}" for rule in _unread_rules(writer.rules, reader.rules))
    yield from (f"{_join(path, field)}: {what}" for field, what in fields(writer, reader))
    for field in sorted(writer.fields.keys() & reader.fields.keys()):
        yield from _unread(writer.fields[field], reader.fields[field], _join(path, field), change, fields)
    if "items" in reader.rules:
        items = writer.part(writer.rules.get("items", {})), reader.part(reader.rules["items"])
        yield from _unread(*items, f"{path}[]", change, fields)


def _reads_types(writer: Merged, reader: Merged) -> bool:
    if reader.types is None:
        return True
    taken = reader.types | {"integer"} if "number" in reader.types else reader.types
    return writer.types is not None and writer.types <= taken


def _unread_rules(writer: Schema, reader: Schema) -> Iterator[str]:
    for rule in sorted(reader.keys() - _COMPARED_OTHERWISE - {*_LOWER_BOUNDS, *_UPPER_BOUNDS}):
        if writer.get(rule) != reader[rule]:
            yield rule
    for rule in (*_LOWER_BOUNDS, *_UPPER_BOUNDS):
        if rule not in reader:
            continue
        bounds = writer.get(rule), reader[rule]
        if bounds[0] is None or (bounds[0] < bounds[1] if rule in _LOWER_BOUNDS else bounds[0] > bounds[1]):
            yield rule


def _join(path: str, field: str) -> str:
    return f"{path}.{field}" if path else field
