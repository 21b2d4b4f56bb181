"""The package: its wheel brings the client and nothing of the worker, and is enough beside its two dependencies."""

import os
import subprocess
import sys
import zipfile
from email import message_from_bytes
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")

USES_IT = """
import asyncio, sys
from ledger_client import FakeLedger, LedgerClient, Payout

async def main():
    command = Payout(order_id="ord-1", coin="TRON_USDT", address="TDD1", amount="5")
    print((await FakeLedger(automatic=True).execute(command)).kind)

asyncio.run(main())
print(sorted({"schemas", "worker", "asyncpg", "httpx", "structlog"} & sys.modules.keys()))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without a network: the build backend is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    call(*PIP, *("wheel", "--quiet", "--no-deps", "--no-build-isolation"), "-w", str(folder), str(ROOT / "client"))
    [built] = folder.glob("*.whl")
    return built


def test_it_depends_on_aio_pika_and_pydantic_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [written] = [name for name in archive.namelist() if name.endswith("METADATA")]
        fields = message_from_bytes(archive.read(written))
    assert fields["Name"] == "ledger-client"
    assert {need.split(">")[0] for need in fields.get_all("Requires-Dist", [])} == {"aio-pika", "pydantic"}


def test_it_holds_the_client_with_its_types_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    sources = (ROOT / "client" / "ledger_client").iterdir()
    assert names == {f"ledger_client/{path.name}" for path in sources if path.suffix in {".py", ".typed"}}
    assert "ledger_client/py.typed" in names


def test_it_runs_in_an_environment_without_the_worker(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    call(sys.executable, "-m", "venv", "--without-pip", str(venv))
    python = str(venv / "bin" / "python")
    call(*PIP, "--python", python, "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    [packages] = venv.glob("lib/python*/site-packages")
    for path in needed({"aio-pika", "pydantic"}):
        (packages / path.name).symlink_to(path)
    assert call(python, "-c", USES_IT).splitlines() == ["payout.succeeded", "[]"]


def needed(names: set[str]) -> set[Path]:
    """What these distributions are made of, with all that they depend on, where they are installed here."""
    paths: set[Path] = set()
    known: set[str] = set()
    while names:
        known.add(name := names.pop())
        distribution = metadata.distribution(name)
        tops = {file.parts[0] for file in distribution.files or () if file.parts[0] not in {"..", "__pycache__"}}
        paths |= {Path(str(distribution.locate_file(top))) for top in tops}
        required = [Requirement(text) for text in distribution.requires or ()]
        names |= {one.name for one in required if not one.marker or one.marker.evaluate({"extra": ""})} - known
    return paths


def call(*command: str) -> str:
    """In another folder and without `PYTHONPATH`, so that nothing of this repository is found."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
