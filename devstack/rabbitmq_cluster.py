"""RabbitMQ nodes that are one broker: they find each other by their configuration, and each may be killed."""

import json
import secrets
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from devstack.amqp import lets_in
from devstack.answer import DevstackError
from devstack.instance import Instance
from devstack.ports import HOST, free_port
from devstack.process import POLL_SECONDS
from devstack.programs import RabbitPrograms
from devstack.progress import Tick
from devstack.rabbitmq import START_SECONDS, USER, RabbitMQ


class RabbitCluster:
    """The nodes, in the order in which they were started."""

    def __init__(self, instance: Instance, programs: RabbitPrograms, tick: Tick, nodes: int) -> None:
        self._instance = instance
        self._tick = tick
        names = [f"n{number}" for number in range(1, nodes + 1)]
        self.nodes = [ClusterNode(instance, programs, tick, name=name) for name in names]

    def start(self) -> None:
        """The first alone, so that the others find it and nobody founds a second cluster."""
        home = self._instance.folder_for("rabbitmq", None)
        cookie = home / ".erlang.cookie"
        cookie.touch(mode=0o600)
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
        first, *others = self.nodes
        password = secrets.token_urlsafe(18)
        for node in self.nodes:
            node.prepare(home, password, [each.node for each in self.nodes])
        first.found()
        for node in others:
            node.join(first)
        wait_for(others, self._tick)

    def kill(self, node: "ClusterNode") -> None:
        """SIGKILL; its data stays."""
        self._instance.stop_named(node.name)

    def start_again(self, node: "ClusterNode") -> None:
        """It rejoins by itself."""
        node.spawn()
        wait_for([node], self._tick)

    def url(self, *nodes: "ClusterNode") -> str:
        """One URL of these nodes, in this order."""
        hosts = ",".join(f"{HOST}:{node.port}" for node in nodes)
        return f"amqp://{USER}:{nodes[0].password}@{hosts}/"

    def queues(self, of: "ClusterNode") -> dict[str, dict[str, Any]]:
        """Each queue's `leader`, `members` and `online`, as this node sees them."""
        said = of.control("list_queues", "--formatter", "json", "name", "leader", "members", "online")
        return {queue["name"]: queue for queue in json.loads(said)}


class ClusterNode(RabbitMQ):
    """A node with a name and ports that it keeps, and an epmd that all share."""

    def __init__(self, instance: Instance, programs: RabbitPrograms, tick: Tick, *, name: str) -> None:
        super().__init__(instance, programs, tick)
        self.name = name
        self.node = f"{name}@localhost"

    def prepare(self, home: Path, password: str, cluster: Sequence[str]) -> None:
        """All that must be known before the first node starts."""
        self.home = home
        self.folder = home / self.name
        self.folder.mkdir(mode=0o700)
        self.password = password
        self.cluster = cluster
        self.port, self.distribution_port = free_port(), free_port()

    def found(self) -> None:
        """Starts epmd and the first node, and waits for it."""
        self._start_epmd()
        self.spawn()
        wait_for([self], self.tick)

    def join(self, first: "ClusterNode") -> None:
        """Starts it; it joins whoever is there."""
        self.epmd_port = first.epmd_port
        self.spawn()

    def spawn(self) -> None:
        self._write_configuration()
        peers = [f"cluster_formation.classic_config.nodes.{i} = {node}\n" for i, node in enumerate(self.cluster, 1)]
        with (self.folder / "rabbitmq.conf").open("a") as configuration:
            configuration.write("cluster_formation.peer_discovery_backend = classic_config\n")
            configuration.write("cluster_partition_handling = pause_minority\n")
            configuration.writelines(peers)
        command = [str(self.programs.server)]
        self.server = self.instance.spawn(self.name, command, environment=self.environment())

    def is_up(self) -> bool:
        """Whether it lets us in. Raises DevstackError when it has ended."""
        if self.server.poll() is not None:
            raise DevstackError(f"RabbitMQ does not start:\n{self.instance.tail_of(self.name, 30)}")
        return lets_in(self.port, USER, self.password)

    def _base_environment(self) -> dict[str, str]:
        return super()._base_environment() | {"HOME": str(self.home)}


def wait_for(nodes: Iterable[ClusterNode], tick: Tick) -> None:
    """Returns when all of them let us in."""
    deadline = time.monotonic() + START_SECONDS
    for node in nodes:
        while not node.is_up():
            tick()
            if time.monotonic() > deadline:
                raise DevstackError(f"{node.name} is not up after {START_SECONDS} s")
            time.sleep(4 * POLL_SECONDS)
