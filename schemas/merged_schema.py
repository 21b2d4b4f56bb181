"""A JSON Schema as one sees it: references followed, `allOf` merged, `anyOf` as a list of what it may be."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]


class Merged:
    """One schema, or a part of one."""

    def __init__(self, schema: Schema, root: Schema | None = None) -> None:
        self._root = schema if root is None else root
        self.rules = self._merge(schema)

    def part(self, schema: Schema) -> "Merged":
        """Another schema of the same document."""
        return Merged(schema, self._root)

    def branches(self) -> list["Merged"]:
        """What it may be: itself, or the branches of its `anyOf` that its other rules leave possible."""
        if "anyOf" not in self.rules:
            return [self]
        rest = {name: rule for name, rule in self.rules.items() if name != "anyOf"}
        found = [self.part({"allOf": [branch, rest]}) for branch in self.rules["anyOf"]]
        return [branch for branch in found if branch.types != frozenset()]

    @property
    def types(self) -> frozenset[str] | None:
        """The JSON types it may have; None: any."""
        return _types(self.rules)

    @property
    def values(self) -> list[Any] | None:
        """The values it may have; None: any."""
        found: list[Any] | None = [self.rules["const"]] if "const" in self.rules else self.rules.get("enum")
        return found

    @property
    def fields(self) -> dict[str, "Merged"]:
        """Its properties."""
        return {name: self.part(schema) for name, schema in self.rules.get("properties", {}).items()}

    @property
    def required(self) -> frozenset[str]:
        """Those that must be there."""
        return frozenset(self.rules.get("required", ()))

    def _merge(self, schema: Schema) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        if "$ref" in schema:
            merged = self._merge(self._root["$defs"][str(schema["$ref"]).rpartition("/")[2]])
        for part in schema.get("allOf", ()):
            merged = _both(merged, self._merge(part))
        return _both(merged, {name: rule for name, rule in schema.items() if name not in ("$ref", "allOf")})


def _both(one: Schema, other: Schema) -> dict[str, Any]:
    """What keeps the rules of both; where two cannot be merged, the other's, which stands beside a reference."""
    merged = {**one, **other}
    types, others = _types(one), _types(other)
    if types is not None and others is not None:
        merged["type"] = sorted(types & others)
    if "required" in merged:
        merged["required"] = sorted({*one.get("required", ()), *other.get("required", ())})
    fields, more = one.get("properties", {}), other.get("properties", {})
    if fields and more:
        shared = {name: {"allOf": [fields[name], more[name]]} for name in fields.keys() & more.keys()}
        merged["properties"] = {**fields, **more, **shared}
    return merged


def _types(schema: Schema) -> frozenset[str] | None:
    match schema.get("type"):
        case None:
            return None
        case str(name):
            return frozenset({name})
        case names:
            return frozenset(names)
