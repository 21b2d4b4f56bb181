"""What the client's docstrings and its README show is run."""

import doctest
import importlib
import pkgutil
import re
import runpy
from pathlib import Path

import pytest

import ledger_client

ROOT = Path(__file__).parents[2]
MODULES = [f"ledger_client.{module.name}" for module in pkgutil.iter_modules(ledger_client.__path__)]
SHOWN = re.findall(r"```python\n(.*?)```", (ROOT / "client" / "README.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_docstrings_do_what_they_say(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module)).failed == 0


def test_there_are_examples_in_docstrings() -> None:
    assert sum(doctest.testmod(importlib.import_module(module)).attempted for module in MODULES) >= 10


@pytest.mark.parametrize("number", range(len(SHOWN)))
def test_the_examples_in_the_readme_run(number: int, tmp_path: Path) -> None:
    """Those that need a broker are complete modules whose `main` is not called here."""
    path = tmp_path / "example.py"
    path.write_text(SHOWN[number])
    runpy.run_path(str(path), run_name="example")
