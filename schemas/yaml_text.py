"""YAML, written and never read: maps with sorted keys, lists, and scalars as JSON spells them."""

import json
import re
from collections.abc import Iterator

# What some reader of YAML takes for a boolean or null is quoted, and so is all that has other characters.
_PLAIN_KEY = re.compile(r"(?!(?i:y|n|yes|no|on|off|true|false|null)$)[A-Za-z$][A-Za-z0-9_.$-]*")


def yaml_text(value: object) -> str:
    """The document; JSON's strings are YAML's double-quoted ones. Raises TypeError for what is no JSON."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: object) -> Iterator[str]:
    match value:
        case dict() if value:
            for name in sorted(value):
                yield from _entry(f"{_key(name)}:", value[name])
        case list() | tuple() if value:
            for item in value:
                first, *more = _lines(item)
                yield f"- {first}"
                yield from (f"  {line}" for line in more)
        case _:
            yield json.dumps(value, ensure_ascii=False)


def _entry(name: str, value: object) -> Iterator[str]:
    if isinstance(value, dict | list | tuple) and value:
        yield name
        yield from (f"  {line}" for line in _lines(value))
    else:
        yield f"{name} {json.dumps(value, ensure_ascii=False)}"


def _key(name: str) -> str:
    return name if _PLAIN_KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False)
