"""How a command does its work: to the end, on a loop of its own, with what it needs from outside."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop

from worker import reads
from worker.errors import BadInput
from worker.settings import Settings, read_settings, required


def wait_for(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def read_rows(query: reads.Query) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = wait_for(reads.fetch(read_settings(), query))
    return rows


def amqp_url(settings: Settings) -> str:
    return required(settings.amqp_url, "LEDGER_AMQP_URL")


def read_file(file: str | None, option: str = "--file") -> bytes | None:
    if file is None:
        return None
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise BadInput(f"{option}: cannot be read ({error.strerror})") from None
