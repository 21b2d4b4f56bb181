"""Over a real wire: whether a request can have arrived is told by what really happened, not by the error's name."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest

from tests.providers.wire import Serve, post, read_request, saying, server
from worker.providers.http import (
    ANSWER_BYTES_MAX,
    Answer,
    NoAnswer,
    NotSent,
    TooLate,
    ask,
    make_request,
)
from worker.providers.transport import open_transport


async def test_an_answer_is_read() -> None:
    async with server(saying(b"HTTP/1.1 418 X\r\nContent-Length: 2\r\n\r\nok")) as url:
        answer = await post(url)
    assert (answer.status, answer.body, answer.headers["content-length"]) == (418, b"ok", "2")


async def test_credentials_in_the_url_add_no_header() -> None:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with server(serve) as url:
        await post(url.replace("//", "//someone:words@"))
    assert b"accept-encoding: gzip, deflate" in heads[0].lower()
    assert b"authorization" not in heads[0].lower()


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


async def test_a_reason_in_no_known_encoding_is_not_read() -> None:
    async with server(saying(b"HTTP/1.1 200 \xff\xfe\r\nContent-Length: 2\r\n\r\nok")) as url:
        answer = await post(url)

    assert (answer.status, answer.body) == (200, b"ok")


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

    async with server(serve) as url, open_transport(4) as transport:
        request = make_request("POST", httpx.URL(url), {}, b"{}")
        await ask(transport, request, 10)
        with pytest.raises(NoAnswer):
            await ask(transport, request, 10)
    assert requests == 2


async def test_silence_ends_with_the_timeout() -> None:
    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with server(serve) as url:
        with pytest.raises(NoAnswer, match="no answer within"):
            await post(url, 0.2)


async def test_a_slow_drip_ends_with_the_timeout() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
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
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with server(serve) as url:
        with pytest.raises(NoAnswer, match=str(ANSWER_BYTES_MAX)):
            await post(url)


def answering(body: bytes, coding: str) -> Serve:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return saying(head.encode() + body)


def deflated(body: bytes, window: int) -> bytes:
    compressing = zlib.compressobj(wbits=window)
    return compressing.compress(body) + compressing.flush()


COMPRESSED = {
    "gzip": ("gzip", gzip.compress(b"it")),
    "gzip in other letters": ("X-GZip", gzip.compress(b"it")),
    "deflate": ("deflate", zlib.compress(b"it")),
    "deflate without its header": ("deflate", deflated(b"it", -zlib.MAX_WBITS)),
    "not at all": ("identity", b"it"),
}


@pytest.mark.parametrize(("coding", "body"), COMPRESSED.values(), ids=COMPRESSED.keys())
async def test_a_compressed_answer_is_read(coding: str, body: bytes) -> None:
    async with server(answering(body, coding)) as url:
        assert (await post(url)).body == b"it"


async def test_nothing_cannot_be_compressed() -> None:
    async with server(answering(b"", "gzip")) as url:
        assert (await post(url)).body == b""


BROKEN = {
    "cut off": ("gzip", gzip.compress(b"it")[:-9]),
    "with something after it": ("gzip", gzip.compress(b"it") + b"more"),
    "not what it says": ("gzip", zlib.compress(b"it")),
    "deflate that is none": ("deflate", b"it"),
    "twice": ("gzip, gzip", gzip.compress(gzip.compress(b"it"))),
    "as nobody asked for": ("br", b"it"),
}


@pytest.mark.parametrize(("coding", "body"), BROKEN.values(), ids=BROKEN.keys())
async def test_an_answer_that_cannot_be_inflated_promises_nothing(coding: str, body: bytes) -> None:
    async with server(answering(body, coding)) as url:
        with pytest.raises(NoAnswer):
            await post(url)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_what_inflates_to_too_much_is_never_inflated_whole(coding: str) -> None:
    window = 16 + zlib.MAX_WBITS if coding == "gzip" else zlib.MAX_WBITS
    bomb = deflated(bytes(10 * ANSWER_BYTES_MAX), window)
    async with server(answering(bomb, coding)) as url:
        tracemalloc.start()
        try:
            with pytest.raises(NoAnswer, match=str(ANSWER_BYTES_MAX)):
                await post(url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 3 * ANSWER_BYTES_MAX


async def test_the_target_goes_out_as_it_is_in_the_url() -> None:
    """It was signed so: another spelling of the same path and query has another signature."""
    target = b"/a%2Fb/c?x=%2F&y=a+b&z=%7E~"
    lines: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readline())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with server(serve) as url, open_transport(1) as transport:
        there = httpx.URL(url).copy_with(raw_path=target)
        await ask(transport, make_request("GET", there, {}), 10)
    assert lines == [b"GET " + target + b" HTTP/1.1\r\n"]


async def test_what_a_server_says_unasked_is_nobodys_answer() -> None:
    """On a kept connection: there it would be taken for the next request's, and that one's for the one after."""
    unasked = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(2)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + body)
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")
            await writer.drain()
            unasked.set()

    async with server(serve) as url, open_transport(1) as transport:
        for number in range(5):
            body = b"%02d" % number
            answer = await ask(transport, make_request("POST", httpx.URL(url), {}, body), 10)
            assert answer.body == body
            await unasked.wait()
            await asyncio.sleep(0.01)
            unasked.clear()


async def test_a_get_whose_connection_breaks_is_not_sent_again() -> None:
    requests = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        while True:
            await reader.readuntil(b"\r\n\r\n")
            requests += 1
            if requests > 1:
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()

    async with server(serve) as url, open_transport(1) as transport:
        await ask(transport, make_request("GET", httpx.URL(url), {}), 10)
        with pytest.raises(NoAnswer):
            await ask(transport, make_request("GET", httpx.URL(url), {}), 10)
    assert requests == 2


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


# ---------------------------------------------------------------- not after its time


@dataclass
class Listener:
    """Answers every request, once it may, and keeps what arrived."""

    arrived: bytes = b""
    connections: int = 0
    requests: asyncio.Queue[None] = field(default_factory=asyncio.Queue)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while chunk := await reader.read(65536):
            self.arrived += chunk
            self.requests.put_nowait(None)
            await self.may_answer.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()


async def send(transport: httpx.AsyncBaseTransport, url: str, body: bytes, is_too_late: Callable[[], bool]) -> Answer:
    return await ask(transport, make_request("POST", httpx.URL(url), {}, body), 10, is_too_late)


async def test_what_is_too_late_from_the_beginning_does_not_even_connect() -> None:
    listener = Listener()
    async with server(listener.serve) as url, open_transport(4) as transport:
        with pytest.raises(TooLate):
            await send(transport, url, b"belated", lambda: True)
    assert listener.connections == 0


async def test_what_becomes_too_late_while_connecting_leaves_no_byte_and_the_connection_to_the_next() -> None:
    listener = Listener()
    listener.may_answer.set()
    answers = iter([False, True])
    async with server(listener.serve) as url, open_transport(4) as transport:
        with pytest.raises(TooLate):
            await send(transport, url, b"belated", lambda: next(answers))
        assert listener.arrived == b""
        assert (await send(transport, url, b"next", lambda: False)).status == 200
    assert listener.connections == 1
    assert listener.arrived.endswith(b"next")
    assert b"belated" not in listener.arrived


async def test_what_becomes_too_late_while_waiting_for_its_turn_is_not_sent() -> None:
    listener = Listener()
    is_over = False
    async with server(listener.serve) as url, open_transport(1) as transport, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(send(transport, url, b"first", lambda: False))
        await listener.requests.get()
        second = asyncio.ensure_future(send(transport, url, b"second", lambda: is_over))
        await asyncio.sleep(0)
        is_over = True
        listener.may_answer.set()
        assert (await first).status == 200
        with pytest.raises(TooLate):
            await second
    assert b"second" not in listener.arrived


async def test_the_deadline_of_one_request_does_not_bind_the_next_of_the_same_task() -> None:
    listener = Listener()
    listener.may_answer.set()
    async with server(listener.serve) as url, open_transport(4) as transport:
        answers = iter([False, True])
        with pytest.raises(TooLate):
            await send(transport, url, b"belated", lambda: next(answers))
        assert (await ask(transport, make_request("GET", httpx.URL(url), {}), 10)).status == 200


def test_too_late_is_a_way_of_not_having_sent() -> None:
    assert issubclass(TooLate, NotSent)
    assert not issubclass(TooLate, NoAnswer)
