"""A process named so surely that signalling it later is safe.

A pid alone is not enough: it is used again after the process died, and a signal would then hit a
stranger. So a pid is always kept with the moment its process began, which no later one shares.
"""

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.05
# How long the kernel may take to clear away what was killed, on a busy machine.
KILLED_SECONDS = 10


@dataclass(frozen=True)
class Process:
    """One process of ours: what it is, its pid, when it began, and how it likes to be stopped."""

    name: str
    pid: int
    began: str
    gentle: int
    """The signal on which it stops cleanly, its data safe."""
    abrupt: int
    """The signal on which it stops at once, with its helpers; its data may be lost."""

    def is_running(self) -> bool:
        return moment_of_birth(self.pid) == self.began

    def stop(self, first: int, patience_seconds: float) -> bool:
        """Asks with the signal `first`, then kills; says whether it is gone."""
        self.send(first)
        if self.wait_until_gone(patience_seconds):
            return True
        self.send(signal.SIGKILL)
        return self.wait_until_gone(KILLED_SECONDS)

    def send(self, number: int) -> None:
        """Signals it if it is still that very process."""
        with contextlib.suppress(ProcessLookupError):  # Gone is what was wanted.
            send_exactly(self, number)

    def wait_until_gone(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.is_running():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True


def send_exactly(process: Process, number: int) -> None:
    """Opens the process first and looks at its birth second: what is open cannot be replaced."""
    if not hasattr(os, "pidfd_open"):  # Not Linux: a moment between look and signal remains.
        if process.is_running():
            os.kill(process.pid, number)
        return
    opened = os.pidfd_open(process.pid)
    try:
        if process.is_running():
            signal.pidfd_send_signal(opened, number)
    finally:
        os.close(opened)


def moment_of_birth(pid: int) -> str | None:
    """When the process with this pid began, unlike any other's; None when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self/stat").exists() else moment_by_ps(pid)
    # The name stands in parentheses and may hold spaces; the state and 19 fields on, the time of
    # the start in clock ticks since boot (proc(5)), come after the last parenthesis.
    fields = stat[stat.rindex(")") + 2 :].split()
    state, ticks = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}:{ticks}"


def moment_by_ps(pid: int) -> str | None:
    """The same where there is no /proc; to the second only."""
    command = ["ps", "-o", "state=,lstart=", "-p", str(pid)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return None if not said or said[0].startswith("Z") else " ".join(said[1:])
