"""Which PostgreSQL and which RabbitMQ this machine has, if any that is new enough."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

OLDEST_POSTGRES = (15,)
OLDEST_RABBITMQ = (3, 10)


@dataclass(frozen=True)
class PostgresPrograms:
    """The folder of `initdb` and `postgres`, and their version."""

    folder: Path
    version: str


@dataclass(frozen=True)
class RabbitPrograms:
    """RabbitMQ's own start script, Erlang's name server, and RabbitMQ's version."""

    server: Path
    epmd: Path
    version: str


def find_postgres() -> PostgresPrograms | None:
    """The first new enough: on PATH, named by pg_config, in the folders of Debian, of Fedora."""
    for folder in postgres_folders():
        version = postgres_version(folder)
        if version and tuple(numbers(version)) >= OLDEST_POSTGRES:
            return PostgresPrograms(folder, version)
    return None


def postgres_folders() -> list[Path]:
    found = []
    if on_path := shutil.which("postgres"):
        # Debian's programs look for their siblings beside the real file, not beside a link.
        found.append(Path(on_path).resolve().parent)
    if pg_config := shutil.which("pg_config"):
        said = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False).stdout
        found.append(Path(said.strip()))
    packaged = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    found += sorted(packaged, key=lambda folder: numbers(str(folder)), reverse=True)
    return [folder for folder in found if (folder / "initdb").is_file()]


def postgres_version(folder: Path) -> str | None:
    """`15.5` of "postgres (PostgreSQL) 15.5 (Debian 15.5-0+deb12u1)"; None when it does not run."""
    try:
        said = subprocess.run(
            [str(folder / "postgres"), "--version"], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return None
    found = re.search(r"\(PostgreSQL\) (\d+[\w.]*)", said)
    return re.sub(r"[^\d.].*", "", found[1]) if found else None


def find_rabbitmq() -> RabbitPrograms | None:
    """The first new enough: on PATH, in the folders of Debian and Fedora.

    Only the script in RabbitMQ's own folder will do. The one that the packages put on PATH changes
    the user and drops the environment, and with it every setting that keeps our node private.
    """
    epmd = find_epmd()
    for server in rabbitmq_scripts():
        version = rabbitmq_version(server)
        if epmd and version and tuple(numbers(version)) >= OLDEST_RABBITMQ:
            return RabbitPrograms(server, epmd, version)
    return None


def rabbitmq_scripts() -> list[Path]:
    found = []
    if on_path := shutil.which("rabbitmq-server"):
        found.append(Path(on_path).resolve())
    packaged = Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server")
    found += sorted(packaged, key=lambda path: numbers(str(path)), reverse=True)
    return [server for server in found if (server.parent / "rabbitmq-env").is_file()]


def rabbitmq_version(server: Path) -> str | None:
    """From the name of the plugin that is the server itself: plugins/rabbit-3.10.8."""
    for plugin in (server.parent.parent / "plugins").glob("rabbit-[0-9]*"):
        found = re.match(r"rabbit-(\d+\.\d+(\.\d+)?)", plugin.name)
        if found:
            return found[1]
    return None


def find_epmd() -> Path | None:
    """On PATH, else in Erlang's own folder beside the `erl` that RabbitMQ would run."""
    if on_path := shutil.which("epmd"):
        return Path(on_path)
    erl = shutil.which("erl")
    inside = Path(erl).resolve().parent.parent.glob("erts-*/bin/epmd") if erl else ()
    return next(iter(inside), None)


def numbers(text: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", text)]
