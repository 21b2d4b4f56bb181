"""A wire of one's own: servers that do as they are told, byte by byte, and a worker's transport to ask them."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx

from worker.providers.http import Answer, ask, make_request
from worker.providers.transport import open_transport

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(serve: Serve, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that does as it is told with each connection; its URL."""

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(guarded, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"http{'s' if tls else ''}://{host}:{listener.sockets[0].getsockname()[1]}/"
    finally:
        listener.close()


async def post(url: str, timeout_seconds: float = 10) -> Answer:
    async with open_transport(4) as transport:
        return await ask(transport, make_request("POST", httpx.URL(url), {}, b"{}"), timeout_seconds)


async def read_request(reader: asyncio.StreamReader) -> None:
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(2)


def saying(answer: bytes) -> Serve:
    """Reads one request, and says this."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()

    return serve
