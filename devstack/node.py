"""A RabbitMQ node that a test may break: stopped, killed, started again at the same port, asked by rabbitmqctl."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from devstack import programs
from devstack.answer import DevstackError
from devstack.instance import GENTLE_SECONDS
from devstack.lifetime import throw_away
from devstack.process import Process
from devstack.progress import progress
from devstack.rabbitmq import RabbitMQ


@contextmanager
def private_node() -> Iterator["Node"]:
    """A node of one's own, deleted at the end. Raises DevstackError where this machine has no RabbitMQ."""
    found = programs.find_rabbitmq()
    if found is None:
        raise DevstackError("a node to be broken needs RabbitMQ's programs on this machine")
    with throw_away() as instance:
        with progress(f"starting RabbitMQ {found.version} to be broken") as tick:
            server = RabbitMQ(instance, found, tick)
            server.start()
            url = server.wait()
        yield Node(server, url)


class Node:
    """One node, its name and its data the same from one start to the next. Not for use by two threads."""

    def __init__(self, server: RabbitMQ, url: str) -> None:
        self.url = url
        self._server = server

    def kill(self) -> None:
        """SIGKILL: as when the machine fails."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM: it tells everybody, and closes its queues."""
        self._end(signal.SIGTERM)

    def start(self) -> None:
        """Again, at the same port; returns when it lets one in."""
        self._server.start_again()
        self._server.wait()

    def control(self, *arguments: str) -> str:
        """What rabbitmqctl answers. Raises DevstackError when it fails."""
        return self._server.control(*arguments)

    def _end(self, first: signal.Signals) -> None:
        instance = self._server.instance
        [process] = [one for one in instance.processes if one.name == "rabbitmq"]
        _stop(process, first)
        self._server.server.wait()
        instance.processes.remove(process)
        instance.write()


def _stop(process: Process, first: signal.Signals) -> None:
    if not process.stop(first, GENTLE_SECONDS):
        raise DevstackError(f"RabbitMQ (pid {process.pid}) does not stop")
