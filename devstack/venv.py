"""Makes `.venv` with everything locked, for the Makefile: `python3 -m devstack.venv`.

Run by the machine's own Python, before anything is installed.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from devstack import install
from devstack.answer import DevstackError
from devstack.instance import ROOT
from devstack.progress import progress, say

VENV = ROOT / ".venv"
STAMP = VENV / ".installed"
"""Its time is what make compares with the lock file and pyproject.toml."""


def main() -> int:
    try:
        make_venv()
        install_locked()
    except DevstackError as refusal:
        say(str(refusal))
        return 2
    STAMP.touch()
    return 0


def make_venv() -> None:
    """An existing .venv is kept when its Python still runs and has pip: that takes no time."""
    if runs([str(VENV / "bin" / "python"), "-m", "pip", "--version"]):
        return
    if importlib.util.find_spec("ensurepip") is None:
        install.packages([f"python{sys.version_info.major}.{sys.version_info.minor}-venv"])
    call([sys.executable, "-m", "venv", "--clear", str(VENV)], "making .venv")


def install_locked() -> None:
    """First the locked packages, then this project without any: nothing unlocked is fetched."""
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
    locked = str(ROOT / "requirements-dev.txt")
    call([*pip, "--require-hashes", "-r", locked], "installing requirements-dev.txt")
    itself = ["--no-deps", "--no-build-isolation", "-e", str(ROOT)]
    call([*pip, *itself], "installing this project")


def runs(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def call(command: list[str], what: str) -> None:
    """Runs one command behind a progress line; what it printed is shown only when it fails."""
    log = ROOT / ".local" / "venv.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("w+b") as output, progress(what) as tick:
        if install.run_quietly(command, output, tick, environment()) == 0:
            return
    raise DevstackError(f"{what} failed:\n{tail(log)}")


def environment() -> dict[str, str]:
    """A PYTHONPATH or a pip target of the person's must not leak into `.venv`."""
    dropped = {"PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_USER", "PIP_PREFIX"}
    return {name: value for name, value in os.environ.items() if name not in dropped}


def tail(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


if __name__ == "__main__":
    sys.exit(main())
