"""Both servers of our own, started side by side in one instance."""

from devstack import install, postgres, programs, rabbitmq
from devstack.answer import AMQP_VARIABLE, DATABASE_VARIABLE, DevstackError, Server
from devstack.instance import Instance
from devstack.progress import progress

ADVICE = (
    "PostgreSQL {postgres}+ and RabbitMQ {rabbitmq}+ are needed and were not all found. "
    "Choose one: set {database} and {amqp}; or start Docker with its compose plugin; "
    "or install `postgres` and `rabbitmq-server` on this machine (on PATH); "
    "or run this on Debian or Ubuntu as root or with password-less sudo, and it installs them.{why}"
)


def start(instance: Instance, wanted: frozenset[str]) -> dict[str, Server]:
    """Starts the wanted servers, installing what is missing; RabbitMQ first, it takes longest.

    Raises DevstackError when they cannot be had or do not start.
    """
    ensure_installed(wanted)
    database = programs.find_postgres() if DATABASE_VARIABLE in wanted else None
    broker = programs.find_rabbitmq() if AMQP_VARIABLE in wanted else None
    names = [f"PostgreSQL {database.version}"] if database else []
    names += [f"RabbitMQ {broker.version}"] if broker else []
    with progress(f"starting {' and '.join(names)}") as tick:
        starting: dict[str, postgres.Postgres | rabbitmq.RabbitMQ] = {}
        if broker:
            starting[AMQP_VARIABLE] = rabbitmq.RabbitMQ(instance, broker, tick)
        if database:
            starting[DATABASE_VARIABLE] = postgres.Postgres(instance, database, tick)
        for server in starting.values():
            server.start()
        return {variable: answering(server) for variable, server in starting.items()}


def answering(server: postgres.Postgres | rabbitmq.RabbitMQ) -> Server:
    """Waits until the server answers."""
    url = server.wait()
    where = f".local/{server.instance.folder.name}"
    kind = "PostgreSQL" if isinstance(server, postgres.Postgres) else "RabbitMQ"
    version = server.programs.version
    return Server(url, f"{kind} {version} of this machine, private in {where}, port {server.port}")


def ensure_installed(wanted: frozenset[str]) -> None:
    """Installs by apt what is missing, where that is allowed; else says what the choices are."""
    missing = missing_packages(wanted)
    if not missing:
        return
    if not install.is_allowed():
        raise DevstackError(advice())
    install.packages(missing)
    if still := missing_packages(wanted):
        raise DevstackError(advice(f" (apt has no new enough {' and '.join(still)}.)"))


def missing_packages(wanted: frozenset[str]) -> list[str]:
    """The Debian packages of what is wanted and not found."""
    missing = []
    if DATABASE_VARIABLE in wanted and programs.find_postgres() is None:
        missing.append("postgresql")
    if AMQP_VARIABLE in wanted and programs.find_rabbitmq() is None:
        missing.append("rabbitmq-server")
    return missing


def advice(why: str = "") -> str:
    return ADVICE.format(
        postgres=programs.OLDEST_POSTGRES[0],
        rabbitmq=".".join(map(str, programs.OLDEST_RABBITMQ)),
        database=DATABASE_VARIABLE,
        amqp=AMQP_VARIABLE,
        why=why,
    )
