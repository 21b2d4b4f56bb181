"""Finds or starts the PostgreSQL and the RabbitMQ that the project runs against.

    with devstack.servers(for_tests=True) as servers:
        connect(servers.database_url, servers.amqp_url)

On the command line: `python -m devstack run -- COMMAND`, `up`, `down`. Only the standard library
is used, so it works before anything is installed. The files, in the order of the story:

    choose      which servers: settings, Docker, this machine, apt, or a clear refusal
    docker      the services of docker-compose.yml, or testcontainers
    install     apt-get, when allowed
    keep        `up` and `down`: servers that outlive the command
    private     both servers, started side by side in one instance
    postgres    one PostgreSQL of our own
    rabbitmq    one RabbitMQ of our own
    instance    a folder that remembers what was started, so that all of it is stopped
    process     a process named so surely that signalling it is safe
    foreground  runs the person's command and hands its exit code on
    ports       free ports on 127.0.0.1
    progress    what the person sees meanwhile
    venv        `.venv`, for the Makefile
"""

from devstack.choose import servers
from devstack.servers import DevstackError, Servers

__all__ = ["DevstackError", "Servers", "servers"]
