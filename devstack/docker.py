"""A running Docker engine: the services of docker-compose.yml, or testcontainers for tests."""

import hashlib
import os
import secrets
import shutil
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

from devstack.answer import AMQP_VARIABLE, DATABASE_VARIABLE, DevstackError, Server
from devstack.instance import ROOT, Instance
from devstack.ports import answers
from devstack.progress import progress
from devstack.signals import deferred_signals

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

# An engine that runs answers at once; one that hangs must not hold up the other choices.
ENGINE_SECONDS = 5
SERVICES = {DATABASE_VARIABLE: ("postgres", 5432), AMQP_VARIABLE: ("rabbitmq", 5672)}
NAME = "ledger"


def engine_runs() -> bool:
    """Whether an engine answers and the compose plugin is there; the client alone is no use."""
    if shutil.which("docker") is None:
        return False
    version = quick(["docker", "info", "--format", "{{.ServerVersion}}"])
    return bool(version) and bool(quick(["docker", "compose", "version"]))


def quick(command: list[str]) -> str:
    """What a command prints; nothing when it fails or takes too long."""
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=ENGINE_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""


def start_services(instance: Instance, wanted: frozenset[str]) -> dict[str, Server]:
    """Brings up the wanted services of docker-compose.yml in a project of their own.

    A kept project is named after this clone, a throw-away one at random: two clones, or two runs
    in one clone, share no container and no volume. Raises DevstackError when they do not start.
    """
    suffix = hashlib.sha256(str(ROOT).encode()).hexdigest() if instance.keep else None
    project = f"ledger-{suffix[:8] if suffix else secrets.token_hex(4)}"
    compose = ["docker", "compose", "--project-name", project]
    compose += ["--file", str(ROOT / "docker-compose.yml")]
    password = instance.values.setdefault("password", secrets.token_urlsafe(18))
    names = [SERVICES[variable][0] for variable in sorted(wanted)]
    with deferred_signals():
        # Written down before it happens, so that a run killed half-way is cleared away too.
        delete = [*compose, "down", "--volumes", "--timeout", "10"]
        instance.at_stop = [[*compose, "down"] if instance.keep else delete]
        instance.at_removal = [delete] if instance.keep else []
        instance.write()
    environment = os.environ | {"POSTGRES_PASSWORD": password, "RABBITMQ_PASSWORD": password}
    with progress(f"docker compose up {' '.join(names)}") as tick:
        # Without a limit in time: both images may have to come over a slow line.
        up = [*compose, "up", "--detach", "--wait", *names]
        instance.call("docker", up, environment=environment, tick=tick, folder=ROOT)
    return {variable: published(variable, compose, environment, password) for variable in sorted(wanted)}


def published(variable: str, compose: list[str], environment: dict[str, str], password: str) -> Server:
    """Asks on which random port of 127.0.0.1 a service was published."""
    service, port = SERVICES[variable]
    said = subprocess.run(
        [*compose, "port", service, str(port)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    address = said.stdout.strip()
    if said.returncode != 0 or ":" not in address:
        raise DevstackError(f"docker compose does not say where {service} is: {said.stderr}")
    if not answers(int(address.rpartition(":")[2])):
        raise DevstackError(f"{service} is said to be at {address} and is not: is the engine on another machine?")
    return Server(url(variable, address, password), f"{service} of docker-compose.yml at {address}")


def url(variable: str, address: str, password: str) -> str:
    if variable == DATABASE_VARIABLE:
        return f"postgresql://{NAME}:{password}@{address}/{NAME}"
    return f"amqp://{NAME}:{password}@{address}/"


def start_containers(stack: ExitStack, wanted: frozenset[str]) -> dict[str, Server]:
    """The same two by testcontainers, which stops them when `stack` closes, or when we die.

    Raises DevstackError when they do not start.
    """
    # Imported here: the machine's own Python, which makes .venv, does not have them.
    from docker.errors import DockerException  # noqa: PLC0415
    from testcontainers.core.exceptions import ContainerStartException  # noqa: PLC0415

    password = secrets.token_urlsafe(18)
    described = containers(password)
    found = {}
    try:
        with progress("starting containers for the tests"):
            for variable in sorted(wanted):
                container = stack.enter_context(described[variable])
                port = container.get_exposed_port(SERVICES[variable][1])
                address = f"{container.get_container_host_ip()}:{port}"
                found[variable] = Server(
                    url(variable, address, password), f"{container.image} in a container, {address}"
                )
    except (DockerException, ContainerStartException, OSError) as refusal:
        raise DevstackError(f"The containers do not start: {refusal}") from refusal
    return found


def containers(password: str) -> "dict[str, DockerContainer]":
    """The two containers, not started, by the variable that they answer to."""
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy  # noqa: PLC0415

    # The image starts the server twice, the first time only to set it up.
    database_is_up = LogMessageWaitStrategy("ready to accept connections", times=2)
    broker_is_up = LogMessageWaitStrategy("Server startup complete")
    return {
        DATABASE_VARIABLE: DockerContainer("postgres:16-alpine")
        .with_envs(POSTGRES_USER=NAME, POSTGRES_PASSWORD=password, POSTGRES_DB=NAME)
        .with_command("-c max_connections=200 -c fsync=off -c full_page_writes=off")
        .with_exposed_ports(SERVICES[DATABASE_VARIABLE][1])
        .waiting_for(database_is_up),
        AMQP_VARIABLE: DockerContainer("rabbitmq:4-alpine")
        .with_envs(RABBITMQ_DEFAULT_USER=NAME, RABBITMQ_DEFAULT_PASS=password)
        .with_exposed_ports(SERVICES[AMQP_VARIABLE][1])
        .waiting_for(broker_is_up),
    }
