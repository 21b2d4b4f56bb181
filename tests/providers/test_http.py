"""Over a real wire: whether a request can have arrived is told by what really happened, not by the error's name."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from worker.providers.http import ANSWER_BYTES_MAX, Answer, NoAnswer, NotSent, ask, open_client

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[str]:
    """A server that does as it is told with each connection."""

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(guarded, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    finally:
        listener.close()


async def post(url: str, timeout_seconds: float = 10) -> Answer:
    async with open_client(4) as client:
        return await ask(client, client.build_request("POST", url, content=b"{}"), httpx.Auth(), timeout_seconds)


async def read_request(reader: asyncio.StreamReader) -> None:
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(2)


async def test_an_answer_is_read() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 418 X\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()

    async with server(serve) as url:
        assert await post(url) == Answer(418, b"ok")


async def test_a_refused_connection_sent_nothing() -> None:
    async with server(lambda *_: asyncio.sleep(0)) as url:
        pass
    with pytest.raises(NotSent):
        await post(url)


async def test_an_unknown_host_sent_nothing() -> None:
    with pytest.raises(NotSent):
        await post("http://no-such-host.invalid/")


CUTS: dict[str, bytes] = {
    "without an answer": b"",
    "within the status line": b"HTTP/1.1 2",
    "within the headers": b"HTTP/1.1 200 OK\r\nContent-Le",
    "within the body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
    "within a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "after a reason in no known encoding": b"HTTP/1.1 200 \xff\xfe\r\nContent-Length: 0\r\n\r\n",
    "after a broken compression": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
    "not HTTP": b"hello\r\n\r\n",
}


@pytest.mark.parametrize("answer", CUTS.values(), ids=CUTS.keys())
@pytest.mark.parametrize("abort", [False, True], ids=["closed", "reset"])
async def test_a_connection_that_breaks_after_the_request_may_have_delivered_it(answer: bytes, abort: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()
        if abort:
            writer.transport.abort()

    async with server(serve) as url:
        with pytest.raises(NoAnswer):
            await post(url)


async def test_a_reset_on_a_kept_connection_may_have_delivered_it() -> None:
    """The second request goes over the first one's connection; nothing may send it a second time by itself."""
    requests = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        await read_request(reader)
        requests += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await read_request(reader)
        requests += 1
        writer.transport.abort()

    async with server(serve) as url, open_client(4) as client:
        request = client.build_request("POST", url, content=b"{}")
        await ask(client, request, httpx.Auth(), 10)
        with pytest.raises(NoAnswer):
            await ask(client, request, httpx.Auth(), 10)
    assert requests == 2


async def test_silence_ends_with_the_timeout() -> None:
    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with server(serve) as url:
        with pytest.raises(NoAnswer, match="no answer within"):
            await post(url, 0.2)


async def test_a_slow_drip_ends_with_the_timeout() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with server(serve) as url:
        with pytest.raises(NoAnswer, match="no answer within"):
            await post(url, 0.2)


async def test_an_endless_answer_is_cut() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with server(serve) as url:
        with pytest.raises(NoAnswer, match=str(ANSWER_BYTES_MAX)):
            await post(url)


async def test_a_redirect_is_not_followed() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 307 X\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await reader.read()

    async with server(serve) as url:
        assert (await post(url)).status == 307


async def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with server(lambda *_: asyncio.sleep(0)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("http_proxy", proxy)
        with pytest.raises(NotSent):
            await post("http://no-such-host.invalid/")
