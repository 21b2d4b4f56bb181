"""What the README shows is run: the Python example against a worker, and every command line it names exists."""

import asyncio
import os
import re
import sys
from decimal import Decimal
from pathlib import Path

import aio_pika

from tests.e2e.conftest import Road
from tests.e2e.program import DEADLINE_SECONDS, ROOT

README = (ROOT / "README.md").read_text()


async def test_the_python_example_prints_the_result_of_its_transfer(road: Road, tmp_path: Path) -> None:
    await road.stage.fund(road.client, "alice1", "100")
    [code] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    example = tmp_path / "example.py"
    example.write_text(code)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(example),
        env={**os.environ, "LEDGER_AMQP_URL": road.stage.amqp_url, "ORDER_ID": road.new_id()},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
        async with await aio_pika.connect(road.stage.amqp_url) as connection:
            await (await connection.channel()).queue_delete("my-service.results")
    assert out.decode().split() == ["succeeded", "None"]
    assert process.returncode == 0
    assert (await road.stage.balance("user:bob123"))[0] == Decimal("12.50")


async def test_every_command_that_the_readme_names_has_its_help(road: Road) -> None:
    named = set(re.findall(r"ledger-worker ([a-z]+)(?: (list|show|apply|check))?", README))
    assert len(named) >= 6
    for words in named:
        finished = await road.stage.run(*filter(None, words), "--help")
        assert finished.code == 0, words
