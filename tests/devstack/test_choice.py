"""Which servers are taken, in which order, and what is said of it."""

import json
import socket
import sys
from pathlib import Path

import pytest

from devstack import install, postgres, private, programs
from devstack.answer import AMQP_VARIABLE, DATABASE_VARIABLE, DevstackError
from devstack.instance import Instance
from devstack.ports import free_port

from .clone import GIVEN_BROKER, Clone

GIVEN_DATABASE = {"LEDGER_DATABASE_URL": "postgresql://somebody:secret@127.0.0.1:1/theirs"}
SHOW = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]
FAKE_DOCKER = """#!/bin/sh
echo "$*" >> "$(dirname "$0")/calls"
case "$*" in
    *" port postgres 5432") echo "127.0.0.1:$FAKE_POSTGRES_PORT" ;;
    *" port rabbitmq 5672") echo "127.0.0.1:$FAKE_RABBITMQ_PORT" ;;
    *" up "*) exit ${FAKE_UP_CODE:-0} ;;
    *) echo 28.0 ;;
esac
"""


@pytest.fixture
def docker_calls(clone: Clone, tmp_path: Path) -> Path:
    """A Docker client on PATH that writes down how it is called; returns that file."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker").write_text(FAKE_DOCKER)
    (folder / "docker").chmod(0o755)
    clone.environment["PATH"] = f"{folder}:{clone.environment['PATH']}"
    return folder / "calls"


def test_servers_given_by_the_settings_are_taken_and_nothing_is_started(clone: Clone, docker_calls: Path) -> None:
    code, said, noted = clone.call("run", "--", *SHOW, **GIVEN_BROKER, **GIVEN_DATABASE)

    assert code == 0
    assert GIVEN_DATABASE.items() | GIVEN_BROKER.items() <= json.loads(said).items()
    assert noted == "devstack: database: LEDGER_DATABASE_URL; broker: LEDGER_AMQP_URL\n"
    assert not docker_calls.exists()


def test_a_url_in_a_file_counts_as_given(clone: Clone, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(GIVEN_DATABASE["LEDGER_DATABASE_URL"] + "\n")

    code, said, _ = clone.call("run", "--", *SHOW, LEDGER_DATABASE_URL_FILE=str(file), **GIVEN_BROKER)

    assert code == 0
    assert GIVEN_DATABASE.items() <= json.loads(said).items()
    assert "LEDGER_DATABASE_URL_FILE" not in json.loads(said)


def test_docker_comes_before_the_servers_of_the_machine(clone: Clone, docker_calls: Path) -> None:
    with listener() as database, listener() as broker:
        ports = {"FAKE_POSTGRES_PORT": port_of(database), "FAKE_RABBITMQ_PORT": port_of(broker)}
        code, said, noted = clone.call("run", "--", *SHOW, **ports)

    assert code == 0, noted
    settings = json.loads(said)
    assert settings["LEDGER_DATABASE_URL"].endswith(f"@127.0.0.1:{ports['FAKE_POSTGRES_PORT']}/ledger")
    assert settings["LEDGER_AMQP_URL"].endswith(f"@127.0.0.1:{ports['FAKE_RABBITMQ_PORT']}/")
    assert "database: postgres of docker-compose.yml at 127.0.0.1:" in noted
    last = docker_calls.read_text().splitlines()[-1]
    assert "down --volumes" in last, "what was started for one run is deleted"


def listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def port_of(listening: socket.socket) -> str:
    return str(listening.getsockname()[1])


def test_a_docker_that_gives_no_servers_leaves_the_machine_s_own(clone: Clone, docker_calls: Path) -> None:
    code, said, noted = clone.call("run", "--", *SHOW, FAKE_UP_CODE="1", **GIVEN_BROKER)

    assert code == 0, noted
    assert "of this machine, private in .local/run-" in noted
    assert "ledger@127.0.0.1" not in noted
    assert json.loads(said)["LEDGER_AMQP_URL"] == GIVEN_BROKER["LEDGER_AMQP_URL"]


def test_our_own_database_is_migrated_whatever_owner_the_person_has_set(clone: Clone) -> None:
    theirs = "postgresql://owner:secret@db.example/production"

    _, said, _ = clone.call(
        "run", "--", *SHOW, LEDGER_DATABASE_OWNER_URL=theirs, LEDGER_HTTP_PORT="1", **GIVEN_BROKER
    )

    settings = json.loads(said)
    assert settings["LEDGER_DATABASE_OWNER_URL"] == settings["LEDGER_DATABASE_URL"] != theirs
    assert settings["LEDGER_HTTP_PORT"] == "1", "other settings pass through"


def test_a_machine_with_nothing_is_told_its_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "postgres_folders", list)
    monkeypatch.setattr(programs, "rabbitmq_scripts", list)
    monkeypatch.setattr(install, "is_allowed", lambda: False)

    with pytest.raises(DevstackError) as refusal:
        private.ensure_installed(frozenset({DATABASE_VARIABLE, AMQP_VARIABLE}))

    for choice in (DATABASE_VARIABLE, AMQP_VARIABLE, "Docker", "PATH", "sudo"):
        assert choice in str(refusal.value)


def test_only_what_is_missing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "postgres_folders", list)

    assert private.missing_packages(frozenset({DATABASE_VARIABLE})) == ["postgresql"]
    assert private.missing_packages(frozenset()) == []


def test_a_port_taken_at_the_last_moment_is_replaced_by_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with listener() as stranger:
        offered = [int(port_of(stranger)), free_port()]
        monkeypatch.setattr(postgres, "free_port", lambda: offered.pop(0))
        instance = Instance(tmp_path, keep=False)
        programs_found = programs.find_postgres()
        assert programs_found is not None
        database = postgres.Postgres(instance, programs_found, tick=lambda: None)
        try:
            database.start()
            assert database.wait().startswith("postgresql://ledger:")
        finally:
            instance.stop()
            instance.remove()
    assert offered == []


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("postgres (PostgreSQL) 15.5 (Debian 15.5-0+deb12u1)", "15.5"),
        ("postgres (PostgreSQL) 18beta1", "18"),
        ("something else", None),
    ],
)
def test_a_postgres_is_known_by_what_it_says(tmp_path: Path, said: str, version: str | None) -> None:
    program = tmp_path / "postgres"
    program.write_text(f"#!/bin/sh\necho '{said}'\n")
    program.chmod(0o755)

    assert programs.postgres_version(tmp_path) == version
