"""Gives every test a clone, and takes care that nothing of it stays."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .clone import REPOSITORY, Clone


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    folder = tmp_path / "a clone"
    shutil.copytree(REPOSITORY / "devstack", folder / "devstack", ignore=shutil.ignore_patterns("__pycache__"))
    # As root, this is also the clone that user postgres cannot enter.
    tmp_path.chmod(0o700)
    # The suite itself runs inside `devstack run`, whose settings would be taken here.
    environment = {name: value for name, value in os.environ.items() if "LEDGER_" not in name}
    environment["DOCKER_HOST"] = "unix:///nowhere"
    clone = Clone(folder, environment)
    yield clone
    for child in clone.running:
        if child.poll() is None:
            child.kill()
        child.communicate()
    if clone.instances() or (folder / ".local" / "up").exists():
        clone.call("down", "--delete")
        subprocess.run(
            [sys.executable, "-c", "from devstack.lifetime import sweep; sweep()"],
            cwd=folder,
            check=True,
        )
