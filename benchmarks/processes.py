"""The processes that are measured, what they need, and how much CPU they have used."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from worker.sandbox_desk import SANDBOX_APP_ID, SANDBOX_APP_SECRET

NANOSECONDS = 1e9
# FastStream lives beside the worker, not in it: it asks for versions of its own.
PEER_PYTHON = Path(".local/bench/bin/python")


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process so far."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / NANOSECONDS


def resident_megabytes(pid: int) -> float:
    """What a process has in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def standing_still(pid: int) -> Iterator[None]:
    """The process does nothing meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def gateway(delay_milliseconds: int = 0) -> AsyncIterator[str]:
    """The base URL of a gateway of its own."""
    async with _process(sys.executable, "-m", "benchmarks.gateway", str(delay_milliseconds)) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"


@asynccontextmanager
async def worker(url: str, gateway_url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`ledger-worker run`, with every role, as it is deployed."""
    environment = {
        "LEDGER_DATABASE_URL": url,
        "LEDGER_CCPAYMENT_BASE_URL": gateway_url,
        "LEDGER_CCPAYMENT_APP_ID": SANDBOX_APP_ID,
        "LEDGER_CCPAYMENT_APP_SECRET": SANDBOX_APP_SECRET,
        "LEDGER_HTTP_PORT": "0",
    }
    async with _process(sys.executable, "-m", "worker", "run", **environment) as process:
        yield process


@asynccontextmanager
async def peer(
    url: str, amqp_url: str, gateway_url: str, transport: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The plain worker of peer.py."""
    environment = {
        "DATABASE_URL": url,
        "AMQP_URL": amqp_url,
        "GATEWAY_URL": gateway_url,
        "TRANSPORT": transport,
        "APP_ID": SANDBOX_APP_ID,
        "APP_SECRET": SANDBOX_APP_SECRET,
    }
    async with _process(str(PEER_PYTHON), "-m", "benchmarks.peer", **environment) as process:
        yield process


@asynccontextmanager
async def _process(*command: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
