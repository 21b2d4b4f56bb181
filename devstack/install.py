"""Installs Debian packages, where the machine lets us: as root or by password-less sudo."""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from devstack.answer import DevstackError
from devstack.instance import LOCAL
from devstack.process import POLL_SECONDS
from devstack.progress import Tick, progress

# The packages would start servers of the machine's own. `policy-rc.d` is Debian's way to say no;
# one that is there already is left alone, and ours says no only while this script lives.
# `createcluster.conf` keeps PostgreSQL from making a cluster; the packaged text is put back after.
SCRIPT = r"""
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.conf
cleanup() {
    if [ "${our_policy:-}" ]; then rm -f "$policy"; fi
    if [ "${our_cluster:-}" ]; then
        cp /usr/share/postgresql-common/createcluster.conf "$cluster" || rm -f "$cluster"
    fi
}
trap cleanup EXIT
trap 'exit 143' HUP INT TERM
if [ ! -e "$policy" ]; then
    our_policy=yes
    printf '#!/bin/sh\nkill -0 %s 2>/dev/null && exit 101\nexit 0\n' "$$" > "$policy"
    chmod 755 "$policy"
fi
if [ ! -e "$cluster" ]; then
    our_cluster=yes
    mkdir -p "${cluster%/*}"
    echo 'create_main_cluster = false' > "$cluster"
fi
apt-get update
apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 \
    -o Dpkg::Options::=--force-confold "$@"
"""


def is_allowed() -> bool:
    """Whether this is Debian or a child of it, and installing needs no password."""
    debian = Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None
    return debian and as_root() is not None


def as_root() -> list[str] | None:
    """What to put before a command so that it runs as root; None when nothing does."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    tried = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    return ["sudo", "-n"] if tried.returncode == 0 else None


def packages(names: list[str]) -> None:
    """Installs them, with progress. Raises DevstackError when that is not allowed or fails."""
    prefix = as_root()
    if prefix is None or not is_allowed():
        raise DevstackError(f"Install {' '.join(names)} first; this user may not.")
    LOCAL.mkdir(exist_ok=True)
    log = LOCAL / "install.log"
    with log.open("w+b") as output, progress(f"apt-get install {' '.join(names)}") as tick:
        command = [*prefix, "sh", "-c", SCRIPT, "install", *names]
        if run_quietly(command, output, tick) == 0:
            return
    last = log.read_text(errors="replace").splitlines()[-15:]
    raise DevstackError("\n".join([f"apt-get could not install {' '.join(names)}:", *last]))


def run_quietly(
    command: list[str],
    output: IO[bytes],
    tick: Tick,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Runs a command to its end with its output in a file; returns its exit code."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment) as child:
        while child.poll() is None:
            tick()
            time.sleep(POLL_SECONDS)
    return child.returncode
