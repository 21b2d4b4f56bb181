"""Which servers: the first of these that there is, and the choice is printed in one line.

1. LEDGER_DATABASE_URL and LEDGER_AMQP_URL, when set; either may be set alone
2. a running Docker engine: docker-compose.yml; for tests, testcontainers
3. `postgres` and `rabbitmq-server` of this machine: private instances under .local/
4. Debian or Ubuntu, as root or with password-less sudo: apt-get install, then as 3
5. a message that names the choices
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from devstack import docker, private
from devstack.answer import AMQP_VARIABLE, DATABASE_VARIABLE, DevstackError, Server, Servers
from devstack.instance import Instance
from devstack.lifetime import throw_away
from devstack.progress import say

VARIABLES = frozenset({DATABASE_VARIABLE, AMQP_VARIABLE})


@contextmanager
def servers(*, for_tests: bool = False) -> Iterator[Servers]:
    """Gives two servers that answer; what was started for it is stopped and deleted at the end.

    Raises DevstackError when there is no way to have them.
    """
    given = given_by_settings()
    if given.keys() == VARIABLES:
        yield announced(together(given, given))
        return
    with throw_away() as instance, ExitStack() as stack:
        started = start(instance, stack, VARIABLES - given.keys(), for_tests=for_tests)
        yield announced(together(given | started, given))
        instance.tell_of_the_dead()


def announced(servers: Servers) -> Servers:
    say(servers.choice)
    return servers


def start(instance: Instance, stack: ExitStack, wanted: frozenset[str], *, for_tests: bool) -> dict[str, Server]:
    """Starts what the settings do not give: by Docker, else on this machine."""
    if docker.engine_runs():
        try:
            if for_tests:
                return docker.start_containers(stack, wanted)
            return docker.start_services(instance, wanted)
        except DevstackError as refusal:
            # An engine that cannot have the images, say: the next choice may still do.
            say(f"{refusal}\ndevstack: Docker runs but gives no servers; looking on this machine")
            instance.stop()
    return private.start(instance, wanted)


def given_by_settings() -> dict[str, Server]:
    """The URLs that the person has set, directly or in the file that …_FILE names."""
    given = {}
    for variable in sorted(VARIABLES):
        if url := os.environ.get(variable):
            given[variable] = Server(url, variable)
        elif file := os.environ.get(f"{variable}_FILE"):
            given[variable] = Server(Path(file).read_text().strip(), f"{variable}_FILE")
    return given


def together(found: dict[str, Server], given: dict[str, Server]) -> Servers:
    database, amqp = found[DATABASE_VARIABLE], found[AMQP_VARIABLE]
    return Servers(
        database.url,
        amqp.url,
        choice=f"database: {database.choice}; broker: {amqp.choice}",
        owns_database=DATABASE_VARIABLE not in given,
    )
