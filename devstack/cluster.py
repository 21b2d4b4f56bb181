"""Clusters of our own on this machine, for proofs: RabbitMQ nodes that mirror queues, a PostgreSQL with a standby.

Every node is a process of the same throw-away instance as everything else, so that all of it is stopped in the end.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from devstack import programs
from devstack.answer import DevstackError
from devstack.lifetime import throw_away
from devstack.postgres_pair import PostgresPair
from devstack.progress import progress
from devstack.rabbitmq_cluster import RabbitCluster


@contextmanager
def rabbitmq_cluster(nodes: int = 3) -> Iterator[RabbitCluster]:
    """Nodes that have joined each other. Raises DevstackError when this machine has no RabbitMQ."""
    found = programs.find_rabbitmq()
    if found is None:
        raise DevstackError("a cluster needs RabbitMQ's programs on this machine")
    with throw_away() as instance:
        with progress(f"starting {nodes} nodes of RabbitMQ {found.version}") as tick:
            cluster = RabbitCluster(instance, found, tick, nodes)
            cluster.start()
        yield cluster


@contextmanager
def postgres_pair() -> Iterator[PostgresPair]:
    """A primary that waits for its standby. Raises DevstackError when this machine has no PostgreSQL."""
    found = programs.find_postgres()
    if found is None:
        raise DevstackError("a standby needs PostgreSQL's programs on this machine")
    with throw_away() as instance:
        with progress(f"starting PostgreSQL {found.version} and its standby") as tick:
            pair = PostgresPair(instance, found, tick)
            pair.start()
        yield pair
