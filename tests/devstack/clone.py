"""A clone of devstack with a `.local` of its own, and its command as a child process."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# Most tests say that the broker is given already: PostgreSQL alone starts in a second or two.
GIVEN_BROKER = {"LEDGER_AMQP_URL": "amqp://somebody:secret@127.0.0.1:1/"}
# Says that it runs, then waits to be told to go; a shell would print about its signals.
WAITING = [sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)"]


@dataclass
class Clone:
    """A folder with nothing but devstack in it, as its ROOT."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-m", "devstack", *arguments],
            cwd=self.folder,
            env=self.environment | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # Where the tests run in the background, a shell has them ignore Ctrl-C, and so would this.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        self.running.append(child)
        return child

    def call(self, *arguments: str, **settings: str) -> tuple[int, str, str]:
        """Runs it to its end: exit code, stdout, stderr."""
        child = self.start(*arguments, **settings)
        said, noted = child.communicate(timeout=60)
        return child.returncode, said, noted

    def run_waiting(self, **settings: str) -> subprocess.Popen[str]:
        """A `run` whose command has begun and waits."""
        child = self.start("run", "--", *WAITING, **settings)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        return child

    def instances(self) -> list[Path]:
        return sorted((self.folder / ".local").glob("run-*"))

    def recorded_pids(self) -> list[int]:
        """The servers that are written down now, of all runs."""
        written = [json.loads((one / "instance.json").read_text()) for one in self.instances()]
        return [process["pid"] for one in written for process in one["processes"]]


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Looks again and again, because nothing tells us of a stranger's process."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"
