"""One RabbitMQ node of our own: on free ports, with an epmd, a cookie and a user of its own."""

import os
import re
import secrets
import subprocess
import time
from dataclasses import dataclass

from devstack.amqp import lets_in
from devstack.answer import DevstackError
from devstack.instance import Instance
from devstack.ports import ATTEMPTS, HOST, answers, free_port
from devstack.process import POLL_SECONDS
from devstack.programs import RabbitPrograms
from devstack.progress import Tick

USER = "ledger"
# It takes 5 to 15 s here; a loaded machine with one core needs a multiple.
START_SECONDS = 180
EPMD_SECONDS = 10
# A rabbitmqctl starts a machine of Erlang's of its own, which takes seconds on a busy machine.
CONTROL_SECONDS = 60
PORT_TAKEN = re.compile(r"eaddrinuse|in use|already_used", re.IGNORECASE)


@dataclass
class RabbitMQ:
    """A RabbitMQ that is starting; `wait` makes it one that answers."""

    instance: Instance
    programs: RabbitPrograms
    tick: Tick
    port: int = 0
    epmd_port: int = 0

    def start(self) -> None:
        values = self.instance.values
        self.folder = self.instance.folder_for("rabbitmq", None)
        self.password = values.setdefault("password", secrets.token_urlsafe(18))
        # The data belongs to the node's name, so a kept instance keeps its name.
        self.node = values.setdefault("node", f"ledger-{secrets.token_hex(4)}@localhost")
        self.instance.write()
        self._start_server()

    def _start_server(self) -> None:
        self.port, self.distribution_port = free_port(), free_port()
        self._start_epmd()
        self._write_configuration()
        self.start_again()

    def start_again(self) -> None:
        """Starts the node alone, on the ports and with the data that it has."""
        self.server = self.instance.spawn("rabbitmq", [str(self.programs.server)], environment=self.environment())

    def _start_epmd(self) -> None:
        """Starts the name server before the node: the node would leave a daemon behind."""
        for _ in range(ATTEMPTS):
            self.epmd_port = free_port()
            command = [str(self.programs.epmd), "-address", HOST, "-port", str(self.epmd_port)]
            self.epmd = self.instance.spawn("epmd", command, environment=self._base_environment())
            deadline = time.monotonic() + EPMD_SECONDS
            while self.epmd.poll() is None and time.monotonic() < deadline:
                self.tick()
                if answers(self.epmd_port):
                    return
                time.sleep(POLL_SECONDS)
        raise DevstackError(f"Erlang's epmd does not start:\n{self.instance.tail_of('epmd')}")

    def _write_configuration(self) -> None:
        configuration = self.folder / "rabbitmq.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(
            f"listeners.tcp.1 = {HOST}:{self.port}\n"
            f"default_user = {USER}\n"
            f"default_pass = {self.password}\n"
            # A nearly full disk blocks publishers for ever, which looks like a bug of ours.
            "disk_free_limit.absolute = 50MB\n"
            "log.file.level = info\n"
        )
        (self.folder / "enabled_plugins").write_text("[].\n")
        (self.folder / "environment.conf").touch()

    def environment(self) -> dict[str, str]:
        """What the node runs with, and who asks it something."""
        return self._base_environment() | {
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "advanced.config"),
            # Empty, in place of the machine's /etc/rabbitmq/rabbitmq-env.conf.
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "environment.conf"),
            # The port between nodes listens on every address unless told otherwise.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            # Makes the script become the Erlang process, so that the pid we know is the server's.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def _base_environment(self) -> dict[str, str]:
        """Nothing of the person's RABBITMQ_… and ERL_… settings reaches our node."""
        return {
            "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.folder),  # Where Erlang keeps its cookie.
            "LANG": "C.UTF-8",
            "ERL_EPMD_ADDRESS": HOST,
            "ERL_EPMD_PORT": str(self.epmd_port),
        }

    def wait(self) -> str:
        """Returns the URL once the node lets our user in, within START_SECONDS."""
        deadline = time.monotonic() + START_SECONDS
        attempts = 1
        while not lets_in(self.port, USER, self.password):
            self.tick()
            # An epmd that ends lost its port to another; the node cannot do without it.
            nameless = self.epmd.poll() is not None
            if nameless or self.server.poll() is not None:
                if attempts == ATTEMPTS or not (nameless or PORT_TAKEN.search(self._log())):
                    raise DevstackError(f"RabbitMQ does not start:\n{self._log()}")
                attempts += 1
                self.instance.stop_named("rabbitmq", "epmd")
                self._start_server()
            if time.monotonic() > deadline:
                raise DevstackError(f"RabbitMQ is not up after {START_SECONDS} s:\n{self._log()}")
            time.sleep(4 * POLL_SECONDS)
        return f"amqp://{USER}:{self.password}@{HOST}:{self.port}/"

    def control(self, *arguments: str) -> str:
        """What `rabbitmqctl` says of this node. Raises DevstackError when it fails."""
        said = subprocess.run(
            [str(self.programs.server.with_name("rabbitmqctl")), "--quiet", *arguments],
            env=self.environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=CONTROL_SECONDS,
        )
        if said.returncode:
            raise DevstackError(f"rabbitmqctl {arguments[0]} failed:\n{said.stdout}{said.stderr}")
        return said.stdout

    def _log(self) -> str:
        return self.instance.tail_of("rabbitmq", 30)
