"""Finds or starts the PostgreSQL and the RabbitMQ that the project runs against.

    with devstack.servers(for_tests=True) as servers:
        connect(servers.database_url, servers.amqp_url)

On the command line: `python -m devstack run -- COMMAND`, `up`, `down`. Only the standard library
is used, so it works before anything is installed. The files, in the order of the story:

    choose      which servers: settings, Docker, this machine, apt, or a clear refusal
    docker      the services of docker-compose.yml, or testcontainers
    private     both servers of our own, started side by side
    programs    what this machine has
    install     apt-get, where that is allowed
    postgres    one PostgreSQL of our own
    rabbitmq    one RabbitMQ of our own; amqp says when it is up
    node        a RabbitMQ that a test may break
    cluster     for proofs: RabbitMQ nodes (rabbitmq_cluster), a primary and its standby (postgres_pair)
    instance    a folder that remembers what was started, so that all of it is stopped
    lifetime    of an instance: one command, or from `up` to `down`; clears away the orphaned
    process     a process named so surely that signalling it is safe
    keep        `up` and `down`
    foreground  runs the person's command and hands its exit code on
    venv        makes `.venv`, for the Makefile
    and leaves: answer (two URLs or a refusal), progress, ports, folders, signals
"""

from devstack.answer import DevstackError, Servers
from devstack.choose import servers

__all__ = ["DevstackError", "Servers", "servers"]
