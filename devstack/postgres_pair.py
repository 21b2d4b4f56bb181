"""A PostgreSQL and a standby that each of its commits waits for; the standby can take over."""

import signal
import time
from pathlib import Path
from subprocess import Popen

from devstack.answer import DevstackError
from devstack.instance import Instance
from devstack.ports import HOST, free_port
from devstack.postgres import NAME, SETTINGS, START_SECONDS, THROW_AWAY_SETTINGS, Postgres
from devstack.process import POLL_SECONDS
from devstack.programs import PostgresPrograms
from devstack.progress import Tick

STANDBY = "standby"
# A postmaster that is killed leaves its children; each ends when it next looks.
GONE_SECONDS = 10


class PostgresPair:
    """The first server is the primary until it is killed."""

    def __init__(self, instance: Instance, programs: PostgresPrograms, tick: Tick) -> None:
        self._instance = instance
        self._tick = tick
        self._primary = _Primary(instance, programs, tick)
        self._standby_port = free_port()

    def start(self) -> None:
        self._primary.start()
        primary_url = self._primary.wait()
        self._copy(primary_url)
        self._start_standby()

    @property
    def url(self) -> str:
        """Both hosts, the first primary first."""
        return self._url(self._primary.port, self._standby_port)

    @property
    def url_standby_first(self) -> str:
        """Both hosts the other way round."""
        return self._url(self._standby_port, self._primary.port)

    @property
    def standby_url(self) -> str:
        """The second host alone."""
        return self._url(self._standby_port)

    def kill_primary(self) -> None:
        """SIGKILL to the postmaster, and nothing else."""
        [process] = [one for one in self._instance.processes if one.name == "postgres"]
        process.send(signal.SIGKILL)
        if not process.wait_until_gone(GONE_SECONDS):
            raise DevstackError("the primary does not end")

    def promote(self) -> None:
        """Returns when the standby takes writes."""
        self._run("pg_ctl", ["promote", "-D", str(self._data), "-w", "-t", str(START_SECONDS)])

    def _url(self, *ports: int) -> str:
        hosts = ",".join(f"{HOST}:{port}" for port in ports)
        return f"postgresql://{NAME}:{self._primary.password}@{hosts}/{NAME}"

    @property
    def _data(self) -> Path:
        return self._primary.data.parent / "standby"

    def _copy(self, primary_url: str) -> None:
        source = f"{primary_url}?application_name={STANDBY}"
        options = ["--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream", "--no-sync"]
        self._run("pg_basebackup", ["--dbname", source, "--pgdata", str(self._data), *options])

    def _start_standby(self) -> None:
        # Its configuration is a copy of the primary's; when it takes over there is nobody to wait for.
        settings = SETTINGS | THROW_AWAY_SETTINGS | {"synchronous_standby_names": ""}
        arguments = ["-D", str(self._data), "-p", str(self._standby_port)]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        server = self._instance.spawn(
            STANDBY,
            [str(self._primary.programs.folder / "postgres"), *arguments],
            environment=self._primary.environment(),
            user=self._primary.user,
            folder=self._data.parent,
            gentle=signal.SIGINT,
            abrupt=signal.SIGQUIT,
        )
        self._wait_until_it_follows(server)

    def _wait_until_it_follows(self, server: "Popen[bytes]") -> None:
        """The line by which a standby says that it receives what the primary writes."""
        deadline = time.monotonic() + START_SECONDS
        while "started streaming WAL" not in self._instance.tail_of(STANDBY, 50):
            self._tick()
            if server.poll() is not None or time.monotonic() > deadline:
                raise DevstackError(f"the standby does not follow:\n{self._instance.tail_of(STANDBY)}")
            time.sleep(POLL_SECONDS)

    def _run(self, program: str, arguments: list[str]) -> None:
        self._instance.call(
            "initdb",
            [str(self._primary.programs.folder / program), *arguments],
            environment=self._primary.environment(),
            tick=self._tick,
            user=self._primary.user,
            folder=self._primary.data.parent,
        )


class _Primary(Postgres):
    """One whose commits wait for the standby, from the first on."""

    def environment(self) -> dict[str, str]:
        """What its programs may see of the person's."""
        return self._environment()

    def _start_server(self) -> None:
        with (self.data / "postgresql.conf").open("a") as configuration:
            configuration.write(f"synchronous_standby_names = '{STANDBY}'\n")
        super()._start_server()
