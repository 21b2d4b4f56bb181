"""The sandbox on a port of this machine, and the settings that lead the worker there."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from worker.sandbox.sandbox import Sandbox
from worker.sandbox.server import serve


@asynccontextmanager
async def served(sandbox: Sandbox) -> AsyncIterator[str]:
    """The sandbox on a free port of this machine, until the block ends; its URL."""
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(sandbox, "127.0.0.1", 0, port.set_result))
    try:
        yield f"http://127.0.0.1:{await port}"
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


def base_urls(url: str) -> dict[str, str]:
    """The settings that lead every call to this URL."""
    return {
        "LEDGER_CCPAYMENT_BASE_URL": url,
        "LEDGER_CCPAYMENT_V1_BASE_URL": url,
        "LEDGER_COINQPAY_BASE_URL": url,
    }


def deaf_url() -> str:
    """A URL on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
