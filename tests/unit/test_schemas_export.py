"""The machine-readable contract: true to the models, committed as it is generated, compatible with its past."""

import ast
import copy
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.compatibility import broken_command, broken_event
from schemas.event import CloudEvent
from schemas.event_catalogue import DATA_SCHEMAS, event_kinds, schema_urn
from schemas.examples import COMMAND_EXAMPLES, event_example
from schemas.export import FOLDER, broken, release, stale, write
from schemas.json_rules import rule_of
from schemas.registry import COMMANDS
from schemas.yaml_text import yaml_text
from tests.unit.test_command_fields import ALL, RIGHT, WRONG, name_of
from tests.unit.test_decode import ACCEPTED, ROWS, VALID
from worker.contract import contract_files
from worker.message import Incoming
from worker.steps.decode import Malformed, decode
from worker.topology import queues

FILES = contract_files()
KINDS = {kind.routing_key: kind for kind in event_kinds()}
Schema = dict[str, Any]

# Parsers of JavaScript are fetched, which takes a while and needs the network.
NPM_SECONDS = 300


def schema_of(path: str) -> Schema:
    schema: Schema = json.loads(FILES[f"json/{path}.json"])
    return schema


def accepts(path: str, value: object) -> bool:
    return Draft202012Validator(schema_of(path)).is_valid(value)


def worker_accepts(command: dict[str, object]) -> bool:
    kind = str(command["type"])
    provider = COMMANDS[kind].executed_by if kind in COMMANDS else "ccpayment"
    body = json.dumps(command).encode()
    return not isinstance(decode(Incoming(body=body, routing_key=f"{provider}.{kind}", provider=provider)), Malformed)


# ---------------------------------------------------------------- true to the models


@pytest.mark.parametrize("path", [path for path in FILES if path.endswith(".json")])
def test_every_schema_is_one(path: str) -> None:
    Draft202012Validator.check_schema(json.loads(FILES[path]))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_a_command_is_valid_for_the_worker_and_by_its_schema(name: str) -> None:
    example = COMMAND_EXAMPLES[name]
    assert accepts(f"commands/{name}", example)
    assert worker_accepts(example)
    assert schema_of(f"commands/{name}")["examples"] == [example]


@pytest.mark.parametrize("routing_key", KINDS)
def test_the_example_of_an_event_is_valid_by_the_models_and_by_its_schemas(routing_key: str) -> None:
    kind, example = KINDS[routing_key], event_example(routing_key)
    assert accepts(f"events/{routing_key}", example)
    assert accepts(f"data/{kind.schema}", example["data"])
    assert CloudEvent.model_validate(example)
    data = kind.model.model_validate(example["data"])
    assert data.model_dump(mode="json", by_alias=True) == example["data"]
    assert example["dataschema"] == schema_urn(kind.schema) == schema_of(f"data/{kind.schema}")["$id"]


def test_an_event_is_valid_by_the_schema_of_its_own_routing_key_alone() -> None:
    for routing_key in KINDS:
        example = event_example(routing_key)
        assert [other for other in KINDS if accepts(f"events/{other}", example)] == [routing_key]


# What JSON Schema cannot say; `x-rules` and descriptions do.
UNSAYABLE: list[object] = [1280.0, "\ud800"]
TRANSFERS = [
    *((field, value, False) for field, value in ROWS),
    *((*item, True) for c in ACCEPTED.values() for item in c.items()),
]
VALUES = [
    *((VALID, field, value) for field, value, _ in TRANSFERS if field != "type"),
    *((ALL[kind], field, value) for kind, field, value in (*RIGHT, *WRONG)),
]


@pytest.mark.parametrize(("command", "field", "value"), VALUES, ids=name_of)
def test_a_schema_takes_what_the_worker_takes(command: dict[str, object], field: str, value: object) -> None:
    changed = {**command, field: value}
    said = accepts(f"commands/{command['type']}", changed)
    if worker_accepts(changed):
        assert said
    elif field != "expiresAt" and value not in UNSAYABLE and changed.get("fromUserId") != changed.get("toUserId", 0):
        assert not said


@given(text=st.text(max_size=70), name=st.sampled_from(["orderId", "fromUserId", "amount", "remark"]))
def test_any_text_is_taken_by_both_or_by_neither(text: str, name: str) -> None:
    command = {**VALID, name: text}
    if command["fromUserId"] != command["toUserId"]:
        assert accepts("commands/transfer", command) == worker_accepts(command)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_exactly_its_fields(name: str) -> None:
    schema = schema_of(f"commands/{name}")
    assert not accepts(f"commands/{name}", {**COMMAND_EXAMPLES[name], "surprise": 1})
    for field in schema["required"]:
        assert not accepts(f"commands/{name}", {n: v for n, v in COMMAND_EXAMPLES[name].items() if n != field})


def test_every_field_of_a_command_has_a_rule_in_words() -> None:
    for name in COMMANDS:
        fields = schema_of(f"commands/{name}")["properties"]
        assert {field for field, rule in fields.items() if "description" not in rule} == {"type"}
    assert rule_of(int) == {}


def test_what_a_schema_cannot_say_is_said_in_words() -> None:
    assert any("toUserId" in rule for rule in schema_of("commands/transfer")["x-rules"])
    assert any("coinIdOut" in rule for rule in schema_of("commands/swap")["x-rules"])
    assert any("65536" in rule for rule in schema_of("commands/rescan")["x-rules"])


def test_the_patterns_are_such_as_every_engine_has() -> None:
    for path, text in FILES.items():
        for pattern in re.findall(r'"?pattern"?: "((?:[^"\\]|\\.)*)"', text):
            assert not re.search(r"\(\?|\\\\[dDwWsSpPuU]", pattern), (path, pattern)


def test_a_new_field_of_an_event_is_no_surprise_to_its_schema() -> None:
    example = event_example("transfer.succeeded")
    assert accepts("events/transfer.succeeded", {**example, "data": {**example["data"], "more": 1}, "more": 1})


def test_every_dataschema_that_the_worker_names_is_described() -> None:
    named: set[str] = set()
    for path in (FOLDER.parent / "worker").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "schema" and isinstance(node.value, ast.Constant):
                named.add(str(node.value.value))
    assert {"order-event", *named} == DATA_SCHEMAS.keys()


# ---------------------------------------------------------------- the AsyncAPI document


def test_every_queue_exchange_and_routing_key_is_in_the_document() -> None:
    text = FILES["asyncapi.yaml"]
    for queue in queues(("ccpayment", "coinqpay")):
        channel = text.partition(f"  queue.{queue.name}:\n")[2].partition("\n  queue.")[0]
        for name, value in queue.arguments.items():
            assert f"{name}: {json.dumps(value)}" in channel
        assert f'exchange: "{queue.exchange}"' in channel
        assert f'routingKey: "{queue.binding}"' in channel
    for name, model in COMMANDS.items():
        assert f'  command.{name}:\n    address: "{model.executed_by}.{name}"' in text
    for routing_key in KINDS:
        assert f'  event.{routing_key}:\n    address: "{routing_key}"' in text


def test_every_reference_of_the_document_leads_somewhere() -> None:
    text = FILES["asyncapi.yaml"]
    for reference in set(re.findall(r'\$ref: "#/([^"]+)"', text)):
        where = text
        for depth, name in enumerate(reference.split("/")):
            start = re.search(rf"^{'  ' * depth}{re.escape(name)}:\n", where, re.MULTILINE)
            assert start, reference
            where = re.split(rf"^(?! {{{2 * depth + 2}}})", where[start.end() :], maxsplit=1, flags=re.MULTILINE)[0]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, cwd=folder, timeout=NPM_SECONDS, capture_output=True, text=True, check=False)


@pytest.mark.long
def test_the_document_is_valid_for_the_parser_of_those_who_made_asyncapi(tmp_path: Path) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("needs node and npm, which are not on this machine")
    got = run(tmp_path, npm, "install", "--silent", "@asyncapi/parser@3")
    if got.returncode != 0:
        pytest.skip("npm cannot fetch @asyncapi/parser; it needs the network")
    (tmp_path / "check.mjs").write_text(
        'import { readFileSync } from "node:fs"; import { Parser } from "@asyncapi/parser";\n'
        'const { document, diagnostics } = await new Parser().parse(readFileSync("asyncapi.yaml", "utf8"));\n'
        "for (const one of diagnostics) if (one.severity < 2) console.log(one.path.join(), one.message);\n"
        "process.exit(document ? 0 : 1);\n",
        encoding="utf-8",
    )
    (tmp_path / "asyncapi.yaml").write_text(FILES["asyncapi.yaml"], encoding="utf-8")
    said = run(tmp_path, node, "check.mjs")
    assert (said.returncode, said.stdout) == (0, ""), said.stderr


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": True}, "a: true\nb: 1\n"),
        ({"a": {}, "b": [], "c": None}, "a: {}\nb: []\nc: null\n"),
        ({"a": ["x", {"c": 1, "b": [2]}]}, 'a:\n  - "x"\n  - b:\n      - 2\n    c: 1\n'),
        ({"no": 1, "200": 2, "x-death": 3, "a b": 4}, '"200": 2\n"a b": 4\n"no": 1\nx-death: 3\n'),
        ({"a": 'é "\n\\ #: 🙁'}, 'a: "é \\"\\n\\\\ #: 🙁"\n'),
        ([[1, 2], [3]], "- - 1\n  - 2\n- - 3\n"),
    ],
)
def test_yaml_is_written_so_that_nothing_in_it_is_taken_for_something_else(value: object, text: str) -> None:
    assert yaml_text(value) == text


# ---------------------------------------------------------------- committed, and compatible


def test_what_is_committed_is_what_would_be_written() -> None:
    assert stale(FOLDER, FILES) == []


def test_it_is_the_same_text_every_time() -> None:
    assert contract_files() == FILES


def test_what_is_missing_stale_or_left_over_is_named_and_then_put_right(tmp_path: Path) -> None:
    assert len(stale(tmp_path, FILES)) == len(FILES)
    assert write(tmp_path, FILES) == sorted(FILES)
    assert stale(tmp_path, FILES) == []
    (tmp_path / "asyncapi.yaml").write_text("asyncapi: 2", encoding="utf-8")
    (tmp_path / "json/commands/swap.json").unlink()
    (tmp_path / "json/commands/teleport.json").write_text("{}", encoding="utf-8")
    assert stale(tmp_path, FILES) == [
        "asyncapi.yaml: is stale",
        "json/commands/swap.json: is missing",
        "json/commands/teleport.json: is of nothing that there is",
    ]
    write(tmp_path, FILES)
    assert stale(tmp_path, FILES) == []


def test_nothing_that_was_released_is_broken() -> None:
    assert broken(FOLDER, FILES) == []
    assert list((FOLDER / "json/released/commands").glob("*.json"))


def test_what_was_released_and_is_gone_is_named(tmp_path: Path) -> None:
    release(tmp_path, FILES)
    left = {path: text for path, text in FILES.items() if "payout.json" not in path}
    assert broken(tmp_path, left) == ["commands/payout.json: was released, and is removed"]
    release(tmp_path, left)
    assert broken(tmp_path, left) == []


Change = Callable[[Schema], object]

BREAKING_COMMANDS: dict[str, tuple[Change, str]] = {
    "a field is removed": (lambda s: s["properties"].pop("remark"), "remark: was removed"),
    "a type is narrowed": (lambda s: s["properties"]["remark"].update(type="string"), "remark: its type is narrower"),
    "a type is another": (lambda s: s["properties"]["coinId"].update(type="string"), "coinId: its type is narrower"),
    "an old field is required": (lambda s: s["required"].append("remark"), "remark: is required now"),
    "a new field is required": (
        lambda s: (s["properties"].update(fee={"type": "string"}), s["required"].append("fee")),
        "fee: is required now",
    ),
    "less text fits": (
        lambda s: s["properties"]["remark"].update(maxLength=100),
        "remark: its maxLength is narrower",
    ),
    "fewer numbers fit": (lambda s: s["properties"]["coinId"].update(minimum=2), "coinId: its minimum is narrower"),
    "a pattern is another": (
        lambda s: s["properties"]["amount"].update(pattern="^1$"),
        "amount: its pattern is narrower",
    ),
    "a value is gone": (
        lambda s: s["properties"]["provider"].update(enum=["ccpayment"]),
        "provider: the set of its values is narrower",
    ),
    "a format is asked for": (
        lambda s: s["properties"]["remark"].update(format="date"),
        "remark: its format is narrower",
    ),
    "a rule is new that nobody thought of": (
        lambda s: s["properties"]["coinId"].update(multipleOf=2),
        "coinId: its multipleOf is narrower",
    ),
    "it is published elsewhere": (
        lambda s: s.update({"x-routing-key": "ccpayment.move"}),
        "body: its x-routing-key is narrower",
    ),
    "what is left out means something else": (
        lambda s: s["properties"]["remark"].update(default="paid"),
        "remark: its default is another",
    ),
}
HARMLESS_COMMANDS: dict[str, Change] = {
    "nothing": lambda s: None,
    "words": lambda s: s.update(description="other words", examples=[]),
    "a field may be left out": lambda s: s["required"].remove("amount"),
    "a new field may be given": lambda s: s["properties"].update(fee={"type": "string"}),
    "more text fits": lambda s: s["properties"]["remark"].update(maxLength=1000),
    "a number may have a fraction": lambda s: s["properties"]["coinId"].update(type="number"),
    "a rule is gone": lambda s: s["properties"]["amount"].pop("pattern"),
}


def changed(schema: Schema, change: Change) -> Schema:
    other = copy.deepcopy(schema)
    change(other)
    return other


@pytest.mark.parametrize(("change", "line"), BREAKING_COMMANDS.values(), ids=BREAKING_COMMANDS)
def test_a_command_that_takes_less_than_it_did_is_named(change: Change, line: str) -> None:
    schema = schema_of("commands/transfer")
    assert broken_command(schema, changed(schema, change)) == [line]


@pytest.mark.parametrize("change", HARMLESS_COMMANDS.values(), ids=HARMLESS_COMMANDS)
def test_a_command_may_take_more(change: Change) -> None:
    schema = schema_of("commands/transfer")
    assert broken_command(schema, changed(schema, change)) == []


def order_data(schema: Schema) -> Schema:
    found: Schema = schema["$defs"]["OrderData"]
    return found


def drop(schema: Schema, field: str) -> None:
    schema["properties"].pop(field)
    schema["required"].remove(field)


BREAKING_EVENTS: dict[str, tuple[Change, str]] = {
    "a field is removed": (lambda s: drop(order_data(s), "providerRef"), "data.providerRef: was removed"),
    "a field of the envelope is removed": (
        lambda s: drop(s["$defs"]["CloudEvent"], "subject"),
        "subject: was removed",
    ),
    "a field of a line is removed": (
        lambda s: drop(s["$defs"]["EntryLine"], "purpose"),
        "data.entries[].purpose: was removed",
    ),
    "a time is written in another way": (
        lambda s: s["$defs"]["CloudEvent"]["properties"]["time"].update(format="time"),
        "time: its format is wider",
    ),
    "it no longer ends its order": (
        lambda s: s.update({"x-terminal": False}),
        "body: its x-terminal is wider",
    ),
    "a field may be absent": (
        lambda s: order_data(s)["required"].remove("sequence"),
        "data.sequence: may be absent now",
    ),
    "a type is another": (
        lambda s: order_data(s)["properties"]["sequence"].update(type="string"),
        "data.sequence: its type is wider",
    ),
    "null is possible": (
        lambda s: order_data(s)["properties"]["provider"].update(type=["string", "null"]),
        "data.provider: its type is wider",
    ),
    "an amount is a number": (
        lambda s: s["$defs"]["EntryLine"]["properties"]["amount"].update(type="number"),
        "data.entries[].amount: its type is wider",
    ),
    "an error need not be there": (
        lambda s: s["properties"]["data"]["properties"].pop("error"),
        "data.error: its type is wider",
    ),
    "another type in the envelope": (
        lambda s: s["properties"]["type"].update(const="ledger.transfer.lost"),
        "type: the set of its values is wider",
    ),
}
HARMLESS_EVENTS: dict[str, Change] = {
    "nothing": lambda s: None,
    "a new field": lambda s: order_data(s)["properties"].update(fee={"type": "string"}),
    "a new field, always": lambda s: (
        order_data(s)["properties"].update(fee={"type": "string"}),
        order_data(s)["required"].append("fee"),
    ),
    "null no longer": lambda s: order_data(s)["properties"]["providerRef"].update(type="string"),
}


@pytest.mark.parametrize(("change", "line"), BREAKING_EVENTS.values(), ids=BREAKING_EVENTS)
def test_an_event_that_says_less_than_it_did_is_named(change: Change, line: str) -> None:
    schema = schema_of("events/transfer.failed")
    assert broken_event(schema, changed(schema, change)) == [line]


@pytest.mark.parametrize("change", HARMLESS_EVENTS.values(), ids=HARMLESS_EVENTS)
def test_an_event_may_say_more(change: Change) -> None:
    schema = schema_of("events/transfer.failed")
    assert broken_event(schema, changed(schema, change)) == []
