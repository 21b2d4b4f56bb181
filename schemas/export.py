"""Export: the machine-readable contract as files, and whether those that are committed are still true."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schemas.asyncapi import Topology, asyncapi
from schemas.compatibility import broken_command, broken_event
from schemas.event_catalogue import DATA_SCHEMAS, event_kinds
from schemas.json_schema import command_schema, data_schema, event_schema
from schemas.merged_schema import Schema
from schemas.registry import COMMANDS
from schemas.yaml_text import yaml_text

# Where the files are committed.
FOLDER = Path(__file__).parent

# A copy of the schemas as consumers and publishers last got them.
RELEASED = "json/released"

_ROOMS: dict[str, Callable[[Schema, Schema], list[str]]] = {
    "commands": broken_command,
    "data": broken_event,
    "events": broken_event,
}


def documents(topology: Topology) -> dict[str, str]:
    """The text of every file, by its path in the folder; the same for the same code, whenever and wherever."""
    schemas = {
        **{f"commands/{name}": command_schema(name, model) for name, model in COMMANDS.items()},
        **{f"data/{name}": data_schema(name) for name in DATA_SCHEMAS},
        **{f"events/{kind.routing_key}": event_schema(kind) for kind in event_kinds()},
    }
    texts = {f"json/{name}.json": _json_text(schema) for name, schema in sorted(schemas.items())}
    return {**texts, "asyncapi.yaml": yaml_text(asyncapi(topology))}


def write(folder: Path, texts: dict[str, str]) -> list[str]:
    """Bring the folder up to date; the paths of what was changed. Raises OSError."""
    changed = sorted(_differing(folder, texts))
    for path in changed:
        file = folder / path
        if path in texts:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(texts[path], encoding="utf-8")
        else:
            file.unlink()
    return changed


def stale(folder: Path, texts: dict[str, str]) -> list[str]:
    """A line for each file that is missing, differs, or should not be there any more."""
    return [f"{path}: {why}" for path, why in sorted(_differing(folder, texts).items())]


def release(folder: Path, texts: dict[str, str]) -> None:
    """Make these what compatibility is measured by from now on. Raises OSError."""
    wanted = {
        path.replace("json/", f"{RELEASED}/", 1): text for path, text in texts.items() if path.endswith(".json")
    }
    for known in _json_files(folder / RELEASED):
        known.unlink()
    for path, text in wanted.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def broken(folder: Path, texts: dict[str, str]) -> list[str]:
    """A line for each promise of a released schema that these do not keep."""
    lines = []
    for file in _json_files(folder / RELEASED):
        path = file.relative_to(folder / RELEASED).as_posix()
        if f"json/{path}" not in texts:
            lines.append(f"{path}: was released, and is removed")
            continue
        released: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        compare = _ROOMS[path.partition("/")[0]]
        lines += [f"{path}: {line}" for line in compare(released, json.loads(texts[f"json/{path}"]))]
    return lines


def _differing(folder: Path, texts: dict[str, str]) -> dict[str, str]:
    differing = {}
    for path, text in texts.items():
        file = folder / path
        if not file.is_file():
            differing[path] = "is missing"
        elif file.read_bytes() != text.encode():
            differing[path] = "is stale"
    rooms = (file for room in _ROOMS for file in _json_files(folder / "json" / room))
    ours = {file.relative_to(folder).as_posix() for file in rooms}
    return differing | dict.fromkeys(ours - texts.keys(), "is of nothing that there is")


def _json_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.json"))


def _json_text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
