"""A folder that remembers what was started, so that all of it is stopped, whatever happens.

    .local/run-<random>/   servers of one command, which holds `owner.lock` while it lives
    .local/up/             servers of `up`; they outlive the command that started them

Each holds `instance.json`: the processes started, folders elsewhere, and values worth keeping.
"""

import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from devstack.answer import DevstackError
from devstack.folders import ELSEWHERE_PREFIX, is_usable, parents_elsewhere
from devstack.process import POLL_SECONDS, Process, moment_of_birth
from devstack.progress import Tick, say
from devstack.signals import deferred_signals

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".local"
# PostgreSQL writes a checkpoint, RabbitMQ closes its queues; both take a few seconds at most.
GENTLE_SECONDS = 30
ABRUPT_SECONDS = 5
# The engine stops containers itself after 10 s.
COMMAND_SECONDS = 120


class Instance:
    """What was started in one folder. Not for use by two threads."""

    def __init__(self, folder: Path, *, keep: bool) -> None:
        self.folder = folder
        self.keep = keep
        self.processes: list[Process] = []
        self.elsewhere: list[Path] = []
        self.values: dict[str, str] = {}
        self.at_stop: list[list[str]] = []
        self.at_removal: list[list[str]] = []
        self.children: list[subprocess.Popen[bytes]] = []
        self._read()

    def spawn(
        self,
        name: str,
        command: list[str],
        *,
        environment: Mapping[str, str],
        user: str | None = None,
        folder: Path | None = None,
        stdin: Path | None = None,
        gentle: signal.Signals = signal.SIGTERM,
        abrupt: signal.Signals = signal.SIGKILL,
    ) -> subprocess.Popen[bytes]:
        """Starts a process and writes it down in one step that no signal can split.

        It gets a session of its own: Ctrl-C reaches the whole group of the terminal, and a server
        that dies of it takes the command's last words with it. Its output goes to `log_of(name)`.
        """
        account = pwd.getpwnam(user) if user else None
        with (
            deferred_signals(),
            self.log_of(name).open("ab") as log,
            (stdin or Path(os.devnull)).open("rb") as given,
        ):
            child = subprocess.Popen(
                command,
                stdin=given,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=folder or self.folder,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
                start_new_session=True,
            )
            began = moment_of_birth(child.pid)
            self.children.append(child)
            if began is not None:
                self.processes.append(Process(name, child.pid, began, gentle, abrupt))
                self.write()
        return child

    def call(
        self,
        name: str,
        command: list[str],
        *,
        environment: Mapping[str, str],
        tick: Tick,
        user: str | None = None,
        folder: Path | None = None,
        stdin: Path | None = None,
    ) -> None:
        """Runs a process to its end; a failure raises DevstackError with what it said last."""
        child = self.spawn(name, command, environment=environment, user=user, folder=folder, stdin=stdin)
        while child.poll() is None:
            tick()
            time.sleep(POLL_SECONDS)
        self.children.remove(child)
        self.processes = [one for one in self.processes if one.pid != child.pid]
        self.write()
        if child.returncode:
            raise DevstackError(f"{command[0]} failed:\n{self.tail_of(name)}")

    def log_of(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def tail_of(self, name: str, lines: int = 15) -> str:
        """The last lines that a process wrote, for the person when it failed."""
        written = self.log_of(name).read_text(errors="replace").splitlines()
        return "\n".join(f"  {name}| {line}" for line in written[-lines:])

    def folder_for(self, name: str, user: str | None) -> Path:
        """A folder that a server can use, as `user`: here if that is possible, else elsewhere."""
        known = self.values.get(f"folder {name}")
        if known and Path(known).is_dir():
            return Path(known)
        folder = self.folder / name
        folder.mkdir(mode=0o700, exist_ok=True)
        if not is_usable(folder, user):
            folder.rmdir()
            folder = self._folder_elsewhere(user)
        self.values[f"folder {name}"] = str(folder)
        self.write()
        return folder

    def _folder_elsewhere(self, user: str | None) -> Path:
        parents = parents_elsewhere(keep=self.keep)
        for parent in parents:
            with deferred_signals():
                folder = Path(tempfile.mkdtemp(prefix=ELSEWHERE_PREFIX, dir=parent))
                self.elsewhere.append(folder)
                self.write()
            if is_usable(folder, user):
                return folder
        raise DevstackError(f"User {user} can use neither {self.folder} nor {', '.join(parents)}.")

    def tell_of_the_dead(self) -> None:
        """Shows the last words of a server that died under the command: it explains much."""
        for process in self.processes:
            if not process.is_running():
                say(f"{process.name} died meanwhile:\n{self.tail_of(process.name)}")

    def stop(self) -> None:
        """Stops every process, the last first; no signal hurries or ends this."""
        with deferred_signals():
            for process in reversed(self.processes):
                self._stop_one(process)
            for child in self.children:
                child.wait()
            run_all(self.at_stop)
            self.processes.clear()
            self.children.clear()
            self.at_stop.clear()
            if self.folder.exists():
                self.write()

    def stop_named(self, *names: str) -> None:
        """Stops and forgets some of them, to start them anew."""
        for process in [one for one in reversed(self.processes) if one.name in names]:
            process.stop(process.abrupt, ABRUPT_SECONDS)
            self.processes.remove(process)
        self.write()

    def _stop_one(self, process: Process) -> None:
        first, patience = (process.gentle, GENTLE_SECONDS) if self.keep else (process.abrupt, ABRUPT_SECONDS)
        if not process.stop(first, patience):
            say(f"{process.name} (pid {process.pid}) does not stop")

    def remove(self) -> None:
        """Removes the folder and those elsewhere. Only after `stop`."""
        with deferred_signals():
            run_all(self.at_removal)
            for folder in self.elsewhere:
                if folder.name.startswith(ELSEWHERE_PREFIX):
                    shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self) -> None:
        try:
            written = json.loads((self.folder / "instance.json").read_text())
        except FileNotFoundError:
            return
        self.processes = [Process(**one) for one in written["processes"]]
        self.elsewhere = [Path(one) for one in written["elsewhere"]]
        self.values = written["values"]
        self.at_stop = written["at_stop"]
        self.at_removal = written["at_removal"]

    def write(self) -> None:
        """Writes everything down, whole or not at all; it holds passwords, so for us alone."""
        written = {
            "processes": [asdict(one) for one in self.processes],
            "elsewhere": [str(one) for one in self.elsewhere],
            "values": self.values,
            "at_stop": self.at_stop,
            "at_removal": self.at_removal,
        }
        unfinished = self.folder / "instance.json.new"
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123 - the mode must hold from the first byte on
            json.dump(written, file, indent=1)
        unfinished.replace(self.folder / "instance.json")


def run_all(commands: list[list[str]]) -> None:
    """An engine that hangs must not keep the person's terminal; what it leaves is named."""
    for command in commands:
        try:
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=COMMAND_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired):
            say(f"this did not work, so something may be left: {' '.join(command)}")
