"""Who may know whom: the imports, read from the source, and what else only certain files may do."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from schemas.registry import COMMANDS
from worker.commands.registry import RULES

ROOT = Path(__file__).parents[2]


def modules_under(root: Path, *rooms: str) -> dict[str, Path]:
    """Every module of these rooms by its dotted name, and its file."""
    paths = sorted(path for room in rooms for path in (root / room).rglob("*.py"))
    return {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


MODULES = modules_under(ROOT, "schemas", "worker")
# What other services install. It is not of the worker, and the worker not of it.
CLIENT = modules_under(ROOT / "client", "ledger_client")

# The rooms, and all that each may import beside the standard library.
ROOMS: dict[str, set[str]] = {
    "schemas": {"schemas", "pydantic"},
    "worker.commands": {"schemas", "worker.commands", "worker.order", "worker.providers.protocol"},
    "worker.providers": {
        *("schemas", "worker.order", "worker.providers", "worker.clock", "worker.errors", "worker.settings"),
        *("pydantic", "httpx", "httptools", "aiohappyeyeballs", "nacl"),
    },
    "worker.sandbox": {"worker.sandbox", "aiohttp", "nacl"},
    "worker.steps": {
        *("schemas", "worker.steps", "worker.commands", "worker.providers.protocol", "worker.order", "worker.world"),
        "worker.providers.trace",
        *("worker.message", "worker.ledger", "worker.errors", "worker.backoff", "worker.topology", "worker.clock"),
        *("structlog", "pydantic"),
    },
    "worker.flow": {
        *("schemas", "worker.steps", "worker.commands", "worker.providers.protocol", "worker.order", "worker.world"),
        *("worker.message", "worker.errors"),
    },
    "worker.loops": {
        *(
            "worker.loops",
            "worker.flow",
            "worker.steps",
            "worker.commands",
            "worker.world",
            "worker.message",
            "worker.ledger",
        ),
        *("worker.order", "worker.providers.protocol", "worker.topology", "worker.errors", "worker.clock"),
        *("worker.providers.line", "worker.providers.health"),
        *("worker.backoff", "schemas", "structlog", "starlette.types", "uvicorn"),
    },
    "worker.web": {
        *(
            "schemas",
            "worker.web",
            "worker.steps",
            "worker.jobs",
            "worker.world",
            "worker.order",
            "worker.clock",
            "worker.errors",
            "worker.ledger",
        ),
        *("worker.providers", "starlette", "prometheus_client", "structlog"),
    },
    "worker.jobs": {
        *("schemas", "worker.jobs", "worker.steps", "worker.flow", "worker.world", "worker.order", "worker.clock"),
        *("worker.ledger", "worker.providers.protocol", "worker.commands", "worker.errors", "worker.settings"),
        *("worker.coins", "worker.loops.schedule", "worker.reconcile", "structlog"),
    },
    "worker.reconcile": {
        *("schemas", "worker.reconcile", "worker.commands.accounts", "worker.ledger", "worker.world", "worker.clock"),
        "worker.providers",
    },
    "worker.coins": {"worker.clock", "worker.ledger", "worker.providers.protocol", "structlog"},
    "worker.metrics": {"prometheus_client"},
    "worker.ledger": {
        *("schemas", "worker.database", "worker.group_commit", "worker.order", "worker.message", "worker.clock"),
        *("worker.errors", "worker.providers.protocol", "worker.ledger", "asyncpg", "structlog"),
    },
    "worker.database": {
        "worker.backoff",
        "worker.clock",
        "worker.database_hosts",
        "worker.errors",
        "asyncpg",
        "structlog",
    },
    "worker.database_hosts": {"asyncpg", "structlog"},
    "worker.broker": {
        *(
            "worker.broker",
            "worker.backoff",
            "worker.clock",
            "worker.errors",
            "worker.message",
            "worker.topology",
        ),
        *("aio_pika", "pamqp", "aiormq", "yarl", "structlog"),
    },
}

# Libraries that only these know.
OWNED = {
    "asyncpg": {
        "worker.database",
        "worker.database_hosts",
        *(module for module in MODULES if module.startswith("worker.ledger.")),
    },
    "aio_pika": {module for module in MODULES if re.match(r"worker\.broker\b", module)},
    "aiormq": {
        f"worker.broker.{name}"
        for name in ("alarm", "answers", "broker", "declare", "delivery", "publish", "publishing")
    },
    "pamqp": {"worker.broker.delivery", "worker.broker.lost", "worker.broker.publishing"},
    "psycopg": {"worker.migrate"},
    "yoyo": {"worker.migrate"},
    "dotenv": {"worker.settings"},
    "httpx": {module for module in MODULES if module.startswith("worker.providers.")},
    "httptools": {"worker.providers.connection"},
    "aiohappyeyeballs": {"worker.providers.connection", "worker.providers.names"},
    "aiohttp": {"worker.sandbox.server"},
    "nacl": {module for module in MODULES if re.match(r"worker\.(providers|sandbox)\.coinqpay\.", module)},
    "starlette": {"worker.loops.http", *(module for module in MODULES if module.startswith("worker.web."))},
    "uvicorn": {"worker.loops.http"},
    "prometheus_client": {"worker.metrics", "worker.web.app"},
}

# They put the parts together, so they know both the ledger and the broker.
ASSEMBLERS = {"worker.boot", "worker.dead_replay", "worker.desk", "worker.demo"}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse((MODULES | CLIENT)[module].read_text(encoding="utf-8"))


@cache
def imports(module: str) -> frozenset[str]:
    """Every module that it names, wherever in the file; a name that is a module of ours counts as one."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            assert node.module is not None
            submodules = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            found |= submodules or {node.module}
    return frozenset(found)


def is_within(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def test_the_walk_sees_the_imports_there_are() -> None:
    assert "worker.steps.decide" in imports("worker.steps.settle")
    assert "worker.console" in imports("worker.cli.orders")
    assert "asyncpg" in imports("worker.ledger.orders")
    assert len(MODULES) > 40


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    members = [module for module in MODULES if is_within(module, room)]
    assert members
    wrong = {
        (module, imported)
        for module in members
        for imported in imports(module)
        if not is_standard(imported) and not any(is_within(imported, allowed) for allowed in ROOMS[room])
    }
    assert wrong == set()


@pytest.mark.parametrize("library", OWNED)
def test_a_library_is_known_by_its_owners_alone(library: str) -> None:
    users = {module for module in MODULES if any(is_within(imported, library) for imported in imports(module))}
    assert users <= OWNED[library]


def test_only_those_who_assemble_know_both_the_ledger_and_the_broker() -> None:
    both = {
        module
        for module in MODULES
        if "worker.broker" in imports(module) and {"worker.ledger", "worker.database"} & imports(module)
    }
    assert both <= ASSEMBLERS
    assert "worker.boot" in both


def test_nobody_inside_knows_the_command_line() -> None:
    outside = {
        *("worker.__main__", "worker.console", "worker.reads", "worker.desk", "worker.review"),
        "worker.dead_replay",
        *(
            module
            for module in MODULES
            if re.match(r"worker\.(demo|check)", module) or is_within(module, "worker.cli")
        ),
    }
    inside = MODULES.keys() - outside
    assert {(module, imported) for module in inside for imported in imports(module) if imported in outside} == set()


def test_a_provider_does_not_know_another() -> None:
    folder = re.compile(r"(worker\.providers\.\w+)\.\w+")
    roads = {
        (module, imported)
        for module in MODULES
        for imported in imports(module)
        if (ours := folder.fullmatch(module)) and (theirs := folder.fullmatch(imported)) and ours[1] != theirs[1]
    }
    assert roads == set()


def test_the_simulators_and_what_they_check_share_nothing() -> None:
    for module in MODULES:
        if is_within(module, "worker.providers"):
            assert not any(is_within(imported, "worker.sandbox") for imported in imports(module)), module


def test_the_client_imports_nothing_of_this_repository_but_itself() -> None:
    """It is installed elsewhere, without the worker: whatever it shared would be missing there."""
    assert len(CLIENT) > 10
    allowed = {"ledger_client", "aio_pika", "pydantic"}  # as its pyproject.toml says
    wrong = {
        (module, imported)
        for module in CLIENT
        for imported in imports(module)
        if not is_standard(imported) and not any(is_within(imported, name) for name in allowed)
    }
    assert wrong == set()


def test_the_worker_does_not_import_the_client() -> None:
    users = {
        module for module in MODULES if any(is_within(imported, "ledger_client") for imported in imports(module))
    }
    assert users == set()


def test_the_imports_have_no_circle() -> None:
    done: set[str] = set()

    def walk(module: str, road: tuple[str, ...]) -> None:
        assert module not in road, " -> ".join([*road, module])
        if module not in done:
            for imported in imports(module) & MODULES.keys():
                walk(imported, (*road, module))
            done.add(module)

    for module in MODULES:
        walk(module, ())


# ---------------------------------------------------------------- beside the imports


def calls(module: str) -> Iterator[str]:
    """The dotted names of what is called, or handed on, in the module."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call | ast.Attribute):
            yield ast.unparse(node.func if isinstance(node, ast.Call) else node)


TIME = re.compile(r"(.*\.)?(datetime|date)\.(now|utcnow|today|fromtimestamp)|time\.(time|monotonic|sleep|time_ns)")


def callers(of: re.Pattern[str]) -> set[tuple[str, str]]:
    """Which module calls what of that kind."""
    return {(module, name) for module in MODULES for name in calls(module) if of.fullmatch(name)}


def test_nobody_asks_the_time_but_the_clock() -> None:
    assert (
        callers(TIME)
        - {
            ("worker.clock", "datetime.now"),
            # The simulated provider has a clock of its own: whoever opens it hands one in.
            ("worker.sandbox_desk", "time.time"),
            ("worker.demo", "time.time"),
        }
        == set()
    )


def test_nobody_sleeps_but_on_the_clock() -> None:
    assert (
        callers(re.compile(r"asyncio\.sleep"))
        - {
            ("worker.clock", "asyncio.sleep"),
            ("worker.sandbox.server", "asyncio.sleep"),  # it is asked to hang
            ("worker.group_commit", "asyncio.sleep"),  # for no time: others have their turn
            ("worker.providers.connection", "asyncio.sleep"),  # and here too
        }
        == set()
    )


def test_nothing_is_made_a_float() -> None:
    assert callers(re.compile(r"float(\.fromhex)?")) == set()


def test_only_seconds_are_floats() -> None:
    floats = {
        (module, node.arg if isinstance(node, ast.arg) else ast.unparse(node.target))
        for module in MODULES
        if not is_within(module, "worker.sandbox")
        for node in ast.walk(tree(module))
        if isinstance(node, ast.arg | ast.AnnAssign)
        and node.annotation is not None
        and re.search(r"\bfloat\b", ast.unparse(node.annotation))
    }
    assert {(module, name) for module, name in floats if "second" not in name and name != "timeout"} == set()


def test_a_module_does_nothing_when_it_is_imported() -> None:
    """No I/O at import: at the top are definitions, and what is built of constants."""
    forbidden = {"open", "print", "os.environ.get", "os.getenv", "asyncio.run", "read_settings"}
    called = {
        (module, ast.unparse(node.func))
        for module in MODULES
        for statement in tree(module).body
        if isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign)
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
    }
    assert {(module, name) for module, name in called if name in forbidden} == set()


# ---------------------------------------------------------------- SQL

SQL = {
    path.relative_to(ROOT).as_posix(): re.sub(r"--.*", "", path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "sql").rglob("*.sql"))
}
CREATED = re.compile(r"CREATE OR REPLACE FUNCTION ledger\.(\w+)\s*\(")
FUNCTIONS = sorted({name for text in SQL.values() for name in CREATED.findall(text)})


def test_every_function_is_created_so_that_it_can_be_said_again() -> None:
    created = [name for text in SQL.values() for name in re.findall(r"FUNCTION ledger\.(\w+)\s*\(.*", text)]
    assert len(FUNCTIONS) > 15
    assert set(FUNCTIONS) <= set(created)
    for path, text in SQL.items():
        assert not re.search(r"CREATE FUNCTION", text), path


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_sql_function_has_a_caller(function: str) -> None:
    texts = [CREATED.sub("", text) for text in SQL.values()]
    texts += [MODULES[module].read_text(encoding="utf-8") for module in MODULES if is_within(module, "worker")]
    # In Python a call's arguments may begin in the next string literal.
    called = re.compile(rf'\b{function}"?\s*"?\(')
    assert any(called.search(text) for text in texts)


def test_what_the_role_may_execute_is_what_the_worker_calls() -> None:
    granted = set(
        re.findall(r"ledger\.(\w+)", SQL["sql/roles.sql"].split("GRANT EXECUTE")[1].split("TO ledger_worker")[0])
    )
    parts = [path for module, path in MODULES.items() if is_within(module, "worker.ledger")]
    source = "".join(path.read_text(encoding="utf-8") for path in parts)
    assert granted == {name for name in FUNCTIONS if re.search(rf"ledger\.{name}\b", source)}


def test_sql_stays_in_sql_files_and_in_the_ledgers_calls() -> None:
    """Python holds the call: a SELECT of a function or a view, never a statement that writes."""
    writes = re.compile(r"\b(INSERT INTO|DELETE FROM|UPDATE ledger|TRUNCATE|ALTER TABLE)\b")
    for module in MODULES:
        strings = [
            n.value for n in ast.walk(tree(module)) if isinstance(n, ast.Constant) and isinstance(n.value, str)
        ]
        assert not any(writes.search(text) for text in strings), module


def test_every_command_has_its_rules_and_its_class() -> None:
    assert COMMANDS.keys() == RULES.keys()
