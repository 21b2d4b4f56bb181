"""One PostgreSQL of our own: on a free port of 127.0.0.1, with a random password."""

import os
import pwd
import secrets
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from devstack.answer import DevstackError
from devstack.instance import Instance
from devstack.ports import ATTEMPTS, HOST, free_port
from devstack.process import POLL_SECONDS
from devstack.programs import PostgresPrograms
from devstack.progress import Tick

NAME = "ledger"
START_SECONDS = 60
SETTINGS = {
    "listen_addresses": HOST,
    # No socket file: nobody needs one, and its path may be 107 bytes long at most.
    "unix_socket_directories": "",
    # The suite and the benchmarks open pools from several processes at once.
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
}
THROW_AWAY_SETTINGS = {
    # The data is deleted at the end, so it need not survive a power cut. Commits stay
    # synchronous: what the worker is told is durable must be so for every other session.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "on",
}


@dataclass
class Postgres:
    """A PostgreSQL that is starting; `wait` makes it one that answers."""

    instance: Instance
    programs: PostgresPrograms
    tick: Tick
    port: int = 0

    def start(self) -> None:
        self.user = unprivileged_user()
        self.data = self.instance.folder_for("postgres", self.user) / "data"
        self.password = self.instance.values.setdefault("password", secrets.token_urlsafe(18))
        if not (self.data / "PG_VERSION").exists() or "database" not in self.instance.values:
            self._make_database()
        self._start_server()

    def _make_database(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        password_file = self.data.parent / "password"
        password_file.write_text(self.password)
        if self.user:
            shutil.chown(password_file, self.user)
        password_file.chmod(0o600)
        self._call(
            "initdb",
            [f"--pgdata={self.data}", f"--username={NAME}", f"--pwfile={password_file}"]
            + ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
            + ([] if self.instance.keep else ["--no-sync"]),
        )
        password_file.unlink()
        # `postgres --single` needs neither a client program nor a running server.
        statement = self.data.parent / "create.sql"
        statement.write_text(f"CREATE DATABASE {NAME};\n")
        self._call("postgres", ["--single", "-D", str(self.data), "postgres"], statement)
        self.instance.values["database"] = NAME
        self.instance.write()

    def _call(self, program: str, arguments: list[str], stdin: Path | None = None) -> None:
        self.instance.call(
            "initdb",
            [str(self.programs.folder / program), *arguments],
            environment=self._environment(),
            tick=self.tick,
            user=self.user,
            folder=self.data.parent,
            stdin=stdin,
        )

    def _environment(self) -> dict[str, str]:
        """PGDATA, PGPORT and the like of the person must not reach our server."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}

    def _start_server(self) -> None:
        settings = SETTINGS | ({} if self.instance.keep else THROW_AWAY_SETTINGS)
        self.port = free_port()
        arguments = ["-D", str(self.data), "-p", str(self.port)]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        self.server = self.instance.spawn(
            "postgres",
            [str(self.programs.folder / "postgres"), *arguments],
            environment=self._environment(),
            user=self.user,
            folder=self.data.parent,
            gentle=signal.SIGINT,  # "Fast shutdown": sessions are ended, a checkpoint is written.
            abrupt=signal.SIGQUIT,  # "Immediate shutdown": every backend goes at once.
        )

    def wait(self) -> str:
        """Returns the URL once the server takes connections, within START_SECONDS."""
        deadline = time.monotonic() + START_SECONDS
        attempts = 1
        while not self._is_ready():
            self.tick()
            if self.server.poll() is not None:
                if attempts == ATTEMPTS or "Address already in use" not in self._log():
                    raise DevstackError(f"PostgreSQL does not start:\n{self._log()}")
                attempts += 1
                self.instance.stop_named("postgres")
                self._start_server()
            if time.monotonic() > deadline:
                raise DevstackError(f"PostgreSQL is not up after {START_SECONDS} s:\n{self._log()}")
            time.sleep(POLL_SECONDS)
        return f"postgresql://{NAME}:{self.password}@{HOST}:{self.port}/{NAME}"

    def _is_ready(self) -> bool:
        """The server says so itself, in the eighth line of its own postmaster.pid."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return lines[:1] == [str(self.server.pid)] and lines[7:8] == ["ready   "]

    def _log(self) -> str:
        return self.instance.tail_of("postgres")


def unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root; for everyone else None: stay who you are."""
    if os.geteuid() != 0:
        return None
    known = {account.pw_name for account in pwd.getpwall()}
    for user in ("postgres", "nobody"):
        if user in known:
            return user
    raise DevstackError("PostgreSQL refuses to run as root, and there is no user postgres.")
