"""The Python examples, with the double and as the programs that they are."""

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ledger_client import FakeLedger
from tests.client.commands import deposit, transfer

EXAMPLES = Path(__file__).parents[2] / "examples" / "python"


def loaded(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / name), run_name="example")


async def test_the_transfer_prints_how_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    move = loaded("transfer.py")["move"]
    ledger = FakeLedger()
    ledger.succeed("ord-1")
    ledger.reject("ord-2")
    assert await move(ledger, transfer("ord-1")) == 0
    assert await move(ledger, transfer("ord-2")) == 1
    assert capsys.readouterr().out.split() == ["succeeded", "rejected", "insufficient_funds"]


async def test_a_deposit_is_written_down_once_whoever_saw_it_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example = loaded("deposits.py")
    ledger = FakeLedger()
    ledger.events("deposit.credited", queue="deposits")
    first = ledger.tell(deposit("rec-1"))
    for _ in range(2):  # two processes, one after the other
        await example["consume"](ledger, example["Deposits"](str(tmp_path / "deposits.db")), 1)
        ledger.tell_again(first)
        ledger.tell(deposit("rec-2"))
    assert capsys.readouterr().out.splitlines() == ["user:alice1 5"] * 2


def test_a_command_that_is_none_is_told_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "transfer.py"), "a b", "alice1", "bob123", "1280", "1"],
        env={"PYTHONPATH": str(EXAMPLES.parents[1] / "client"), "LEDGER_AMQP_URL": "amqp://127.0.0.1:9/"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
