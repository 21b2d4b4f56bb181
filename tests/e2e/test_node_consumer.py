"""A service in another language: the Node example against the worker, the sandbox and the broker."""

import asyncio
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.commands import COIN
from tests.e2e.house import House
from tests.e2e.program import DEADLINE_SECONDS, ROOT, Finished

EXAMPLE = ROOT / "examples" / "node"
INSTALL_SECONDS = 120
# They come from a registry, which a machine without a network has not.
UNREACHABLE = ("ENOTFOUND", "ECONNREFUSED", "EAI_AGAIN", "ETIMEDOUT", "ENETUNREACH", "ENOTCACHED", "ECONNRESET")


@dataclass(frozen=True, slots=True)
class Node:
    """The example, installed somewhere else than in the repository."""

    folder: Path
    amqp_url: str

    async def payout(self, *arguments: str) -> Finished:
        """Run it to its end."""
        process = await asyncio.create_subprocess_exec(
            "node",
            "payout.js",
            *arguments,
            cwd=self.folder,
            env={**os.environ, "LEDGER_AMQP_URL": self.amqp_url, "LEDGER_SCHEMAS": str(ROOT / "schemas" / "json")},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode is not None
        return Finished(process.returncode, out.decode(), err.decode())


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the lock file names, installed."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not on PATH, so the Node example cannot run")
    folder = tmp_path_factory.mktemp("node")
    for path in EXAMPLE.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode and any(word in done.stderr for word in UNREACHABLE):
        pytest.skip("npm reaches no registry, so the Node example cannot be installed")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def node(installed: Path, house: House) -> Node:
    return Node(installed, house.stage.amqp_url)


def test_the_lock_file_names_no_host() -> None:
    lock = json.loads((EXAMPLE / "package-lock.json").read_text())
    packages: dict[str, dict[str, Any]] = lock["packages"]
    assert len(packages) > 3
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-")


def test_the_example_in_the_readme_is_a_module_that_runs_as_far_as_its_broker(installed: Path) -> None:
    [code] = re.findall(r"```js\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (installed / "readme.mjs").write_text(code)
    nowhere = {**os.environ, "LEDGER_AMQP_URL": "amqp://127.0.0.1:1"}
    command = ["node", "readme.mjs"]
    done = subprocess.run(command, cwd=installed, env=nowhere, stderr=subprocess.PIPE, timeout=30, check=False)
    assert b"ECONNREFUSED" in done.stderr


async def test_a_payout_from_node_is_paid_once_and_its_result_is_told_as_often_as_it_is_asked(
    node: Node, house: House
) -> None:
    order_id, address = house.new_id("payout"), house.new_address()
    for _ in range(2):
        finished = await node.payout(order_id, COIN, address, "5")
        assert finished.code == 0, finished.err
        told = json.loads(finished.out)
        assert (told["result"], told["error"]) == ("succeeded", None)
        assert {line["account"] for line in told["entries"]} == {"merchant", "custody"}
    assert len(await house.withdrawals(address=address)) == 1


REFUSALS = {
    "a user without money": ("5", "user:nobody1", 1, "insufficient_funds"),
    "an amount of nothing": ("0", "merchant", 2, "/amount"),
    "an amount with a comma": ("1,50", "merchant", 2, "/amount"),
    "an account that is none": ("5", "custody", 2, "/account"),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_a_payout_that_cannot_be_is_told(node: Node, house: House, case: str) -> None:
    amount, account, code, word = REFUSALS[case]
    finished = await node.payout(house.new_id("payout"), COIN, house.new_address(), amount, account)
    assert (finished.code, word in finished.out + finished.err) == (code, True), finished


async def test_another_payout_under_the_same_order_id_is_told(node: Node, house: House) -> None:
    order_id, address = house.new_id("payout"), house.new_address()
    assert (await node.payout(order_id, COIN, address, "5")).code == 0
    conflict = await node.payout(order_id, COIN, address, "6")
    assert conflict.code == 1
    assert json.loads(conflict.out)["error"]["code"] == "order_id_conflict"
