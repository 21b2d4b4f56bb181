"""How long an instance lives: as long as one command (`throw_away`), or from `up` to `down`.

An owner killed outright leaves its folder, and its servers running. But the kernel lets go of the
lock that it held, and so the next start knows that it may stop what is written there (`sweep`).
"""

import fcntl
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from devstack.instance import LOCAL, Instance
from devstack.progress import say
from devstack.signals import deferred_signals


@contextmanager
def throw_away() -> Iterator[Instance]:
    """An instance that is stopped and removed at the end."""
    with locked(LOCAL / "lock"):
        sweep()
        folder = new_folder(LOCAL / f"run-{secrets.token_hex(4)}")
        owner = locked(folder / "owner.lock")
        owner.__enter__()
    instance = Instance(folder, keep=False)
    try:
        yield instance
    finally:
        with deferred_signals():  # A second Ctrl-C must not leave half of it.
            instance.stop()
            instance.remove()
            owner.__exit__(None, None, None)


@contextmanager
def kept() -> Iterator[Instance]:
    """The instance of `up`, for one command at a time."""
    with locked(LOCAL / "up.lock"):
        yield Instance(new_folder(LOCAL / "up"), keep=True)


def sweep() -> None:
    """Stops and removes what dead owners left. Call with `.local/lock` held."""
    for folder in LOCAL.glob("run-*"):
        try:
            with locked(folder / "owner.lock", wait=False):
                say(f"clearing away what an interrupted run left in .local/{folder.name}")
                left = Instance(folder, keep=False)
                left.stop()
                left.remove()
        except BlockingIOError:
            continue  # Its owner lives.


def new_folder(folder: Path) -> Path:
    """Others may pass through it, because user postgres must, but not look inside."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    return folder


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[IO[bytes]]:
    """Holds the lock on a file, which the kernel lets go of when the holder dies."""
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield file
