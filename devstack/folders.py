"""Folders that a server can use: reachable for its user, and with a plain path."""

import os
import pwd
import re
import subprocess
import tempfile
from pathlib import Path

# So named that nothing else is ever removed by a damaged instance.json.
ELSEWHERE_PREFIX = "ledger-devstack-"
PLAIN_PATH = re.compile(r"[A-Za-z0-9 _.,+@/-]+")


def parents_elsewhere(*, keep: bool) -> list[str]:
    """Where to go when the clone will not do: /var/tmp outlives a restart, /tmp need not."""
    if keep:
        return ["/var/tmp"]  # noqa: S108 - mkdtemp makes a folder in it that is private at once
    return [tempfile.gettempdir(), "/tmp", "/var/tmp"]  # noqa: S108 - as above


def is_usable(folder: Path, user: str | None) -> bool:
    """Gives the folder to `user`, and finds out whether every parent lets that user through.

    By trying, because modes and access lists do not say all. RabbitMQ hangs at its start when its
    path holds a quotation mark, so anything beyond plain characters is declined.
    """
    if not PLAIN_PATH.fullmatch(str(folder)):
        return False
    if user is None:
        return True
    account = pwd.getpwnam(user)
    os.chown(folder, account.pw_uid, account.pw_gid)
    tried = subprocess.run(
        ["/bin/sh", "-c", 'cd "$0" && test -w .', str(folder)],
        capture_output=True,
        check=False,
        cwd="/",
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
    )
    return tried.returncode == 0
