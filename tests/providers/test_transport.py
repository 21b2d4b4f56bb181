"""Connections to a provider: each request goes out once, on one that is fit for it, and gets its own answer."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohappyeyeballs
import httpx
import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.providers.wire import post, read_request, saying, server
from worker.providers import names, transport
from worker.providers.connection import BESIDE_BODY_BYTES_MAX, Connection, connect
from worker.providers.http import NeverConnected, NoAnswer, NotSent, TooLate, ask, make_request
from worker.providers.transport import open_transport

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NO = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"


class Server:
    """Answers each request on a connection with the next answer, and remembers on which connections it was asked."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = iter(answers)
        self.connections = 0
        self.asked: list[int] = []
        self.closed: list[int] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        while await _is_asked(reader):
            self.asked.append(number)
            writer.write(next(self._answers))
            await writer.drain()
        self.closed.append(number)

    async def serve_silently(self, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        """Reads one request, and nothing comes of it."""
        await read_request(reader)
        self.asked.append(1)
        await reader.read()


async def _is_asked(reader: asyncio.StreamReader) -> bool:
    try:
        await read_request(reader)
    except (asyncio.IncompleteReadError, ConnectionError):
        return False
    return True


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - some of it is told by nobody
            await asyncio.sleep(0.005)


async def connect_to(url: str) -> Connection:
    there = httpx.URL(url)
    return await connect([(socket.AF_INET, socket.SOCK_STREAM, 0, "", (there.host, there.port))], None, there.host)


def request_to(url: str) -> httpx.Request:
    return make_request("POST", httpx.URL(url), {}, b"{}")


# ---------------------------------------------------------------- answers in all their forms

FORMS = {
    "with a length": OK,
    "in chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\nTrailer: 1\r\n\r\n"
    ),
    "until the connection ends": b"HTTP/1.1 200 OK\r\n\r\nok",
    "of HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\nok",
    "after it was told to wait": b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    "after hints": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK,
    "that offers another protocol": (
        b"HTTP/1.1 200 OK\r\nUpgrade: h2,h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nok"
    ),
    "with more behind it": OK + b", and more",
}


@pytest.mark.parametrize("answer", FORMS.values(), ids=FORMS.keys())
async def test_an_answer_is_read_in_any_form(answer: bytes) -> None:
    async with server(saying(answer)) as url:
        assert (await post(url)).body == b"ok"


@pytest.mark.parametrize("answer", FORMS.values(), ids=FORMS.keys())
async def test_an_answer_is_read_byte_by_byte(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for byte in answer:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    async with server(serve) as url:
        assert (await post(url)).body == b"ok"


async def test_an_answer_without_a_body_may_have_no_length() -> None:
    async with server(Server(b"HTTP/1.1 204 No Content\r\n\r\n", EMPTY).serve) as url, open_transport(1) as way:
        assert (await ask(way, request_to(url), 10)).status == 204
        assert (await ask(way, request_to(url), 10)).status == 200


async def test_headers_are_those_of_the_answer_alone() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\n"
    answer = hints + b"HTTP/1.1 429 X\r\nA: 1\r\na: 2\r\nContent-Length: 0\r\n\r\n"
    async with server(saying(answer)) as url:
        headers = (await post(url)).headers
    assert headers.get_list("a") == ["1", "2"]
    assert "retry-after" not in headers


REFUSED = {
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nok",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "a length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a head without end": b"HTTP/1.1 200 OK\r\nX: " + b"x" * (BESIDE_BODY_BYTES_MAX + 1),
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * BESIDE_BODY_BYTES_MAX,
}


@pytest.mark.parametrize("answer", REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_no_answer_promises_nothing(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await reader.read()  # until the other end hangs up

    async with server(serve) as url:
        with pytest.raises(NoAnswer, match="cannot be read"):
            await post(url, timeout_seconds=5)


async def test_trailers_are_not_headers() -> None:
    answer = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
        b"Content-Encoding: gzip\r\nRetry-After: 9\r\n\r\n"
    )
    async with server(saying(answer)) as url:
        read = await post(url)
    assert read.body == b"ok"
    assert list(read.headers) == ["transfer-encoding"]


TRAILING = {"in one": b"x" * 65536, "in many": b"X: x\r\n" * 10_000}


@pytest.mark.parametrize("trailing", TRAILING.values(), ids=TRAILING.keys())
async def test_trailers_without_end_are_cut(trailing: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ")
        while True:
            writer.write(trailing)
            await writer.drain()

    async with server(serve) as url:
        with pytest.raises(NoAnswer, match="cannot be read"):
            await post(url)


async def test_a_body_in_the_smallest_chunks_is_read() -> None:
    body = b"0123456789" * 10_000
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    async with server(
        saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
    ) as url:
        assert (await post(url)).body == body


# ---------------------------------------------------------------- which connection a request goes by


async def test_a_connection_is_kept() -> None:
    there = Server(EMPTY, EMPTY, EMPTY)
    async with server(there.serve) as url, open_transport(4) as way:
        for _ in range(3):
            await ask(way, request_to(url), 10)
    assert there.asked == [1, 1, 1]


UNFIT = {
    "closes": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    "is of HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "has another behind it": OK + EMPTY,
    "has half of another behind it": OK + b"HTTP/1.1 2",
    "has nonsense behind it": OK + b"\0\0",
}


@pytest.mark.parametrize("answer", UNFIT.values(), ids=UNFIT.keys())
async def test_a_connection_whose_answer_shows_it_to_be_unfit_is_not_used_again(answer: bytes) -> None:
    there = Server(answer, EMPTY)
    async with server(there.serve) as url, open_transport(4) as way:
        assert (await ask(way, request_to(url), 10)).body == b"ok"
        assert (await ask(way, request_to(url), 10)).body == b""
        assert there.asked == [1, 2]
        await until(lambda: 1 in there.closed)


async def test_a_request_after_the_server_hung_up_goes_by_a_new_connection() -> None:
    async with server(saying(EMPTY)) as url, open_transport(4) as way:
        for _ in range(3):
            assert (await ask(way, request_to(url), 10)).status == 200
            await asyncio.sleep(0.02)  # in which the other end's hanging up arrives


async def test_the_answer_to_a_request_that_was_given_up_is_nobodys() -> None:
    connections = 0
    is_asked = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            await read_request(reader)
            is_asked.set()
            await read_request(reader)  # what comes now would take the first one's answer
            writer.write(NO)
        while await _is_asked(reader):
            writer.write(OK)

    async with server(serve) as url, open_transport(1) as way:
        asking = asyncio.create_task(ask(way, request_to(url), 10))
        await is_asked.wait()
        asking.cancel()
        await asyncio.wait({asking})
        for _ in range(2):
            assert (await ask(way, request_to(url), 10)).body == b"ok"
    assert connections == 2


async def test_an_answer_makes_a_connection_younger() -> None:
    async with server(Server(EMPTY).serve) as url:
        kept = await connect_to(url)
        made_at = kept.used_at
        await until(lambda: asyncio.get_running_loop().time() > made_at)
        await kept.ask(b"POST / HTTP/1.1\r\n\r\n{}")
        assert kept.used_at > made_at
        kept.close()


async def test_a_connection_that_was_idle_for_too_long_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    there = Server(EMPTY, EMPTY, EMPTY)
    async with server(there.serve) as url, open_transport(4) as way:
        await ask(way, request_to(url), 10)
        monkeypatch.setattr(transport, "KEEP_ALIVE_SECONDS", -1)
        await ask(way, request_to(url), 10)
        monkeypatch.undo()
        await ask(way, request_to(url), 10)
        await until(lambda: 1 in there.closed)
    assert there.asked == [1, 2, 2]


async def test_idle_connections_are_closed_without_another_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "KEEP_ALIVE_SECONDS", 0.02)
    there = Server(EMPTY, EMPTY)
    async with server(there.serve) as url, open_transport(4) as way:
        await asyncio.gather(ask(way, request_to(url), 10), ask(way, request_to(url), 10))
        await until(lambda: sorted(there.closed) == [1, 2])


async def test_a_request_that_was_too_late_makes_an_old_connection_no_younger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = Server(EMPTY, EMPTY)
    async with server(there.serve) as url, open_transport(4) as way:
        monkeypatch.setattr(transport, "KEEP_ALIVE_SECONDS", 0.2)
        await ask(way, request_to(url), 10)
        await asyncio.sleep(0.12)
        is_too_late = iter([False, True])
        with pytest.raises(TooLate):
            await ask(way, request_to(url), 10, lambda: next(is_too_late))
        await asyncio.sleep(0.12)
        await ask(way, request_to(url), 10)
    assert there.asked == [1, 2]


def test_what_lies_unread_on_a_kept_connection_is_not_the_next_answer() -> None:
    """The event loop is busy meanwhile, and has not told of it."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def serve() -> None:
        for _ in range(2):
            there, _ = listener.accept()
            with there:
                heard.append(there.recv(65536))
                there.sendall(OK)
                is_answered.wait(5)
                there.sendall(NO)
                is_sent.set()

    async def ask_twice() -> list[bytes]:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        async with open_transport(1) as way:
            first = await ask(way, request_to(url), 5)
            is_answered.set()
            is_sent.wait(5)  # and nobody looks at the sockets
            return [first.body, (await ask(way, request_to(url), 5)).body]

    is_answered, is_sent = threading.Event(), threading.Event()
    threading.Thread(target=serve, daemon=True).start()
    with listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(ask_twice()) == [b"ok", b"ok"]
    assert len(heard) == 2


async def test_there_are_never_more_connections_than_allowed() -> None:
    open_now, most = 0, 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        try:
            while await _is_asked(reader):
                await asyncio.sleep(0.005)
                writer.write(EMPTY)
        finally:
            open_now -= 1

    async with server(serve) as url, open_transport(3) as way, asyncio.TaskGroup() as tasks:
        for _ in range(20):
            tasks.create_task(ask(way, request_to(url), 10))
    assert most == 3


async def test_requests_that_failed_leave_their_places_to_others() -> None:
    async with server(saying(b"HTTP/1.1 2")) as url, open_transport(1) as way:
        for _ in range(3):
            with pytest.raises(NoAnswer, match="cannot be read"):
                await ask(way, request_to(url), 2)
    async with open_transport(1) as way:
        for _ in range(3):
            with pytest.raises(NotSent):
                await ask(way, request_to(url), 2)


async def test_each_server_has_connections_of_its_own() -> None:
    one, other = Server(EMPTY, EMPTY), Server(EMPTY, EMPTY)
    async with server(one.serve) as url, server(other.serve) as other_url, open_transport(4) as way:
        for _ in range(2):
            await ask(way, request_to(url), 10)
            await ask(way, request_to(other_url), 10)
    assert (one.asked, other.asked) == ([1, 1], [1, 1])


async def test_closing_leaves_what_is_in_flight_its_answer_and_keeps_no_connection() -> None:
    may_answer = asyncio.Event()
    there = Server(OK)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await may_answer.wait()
        await there.serve(reader, writer)

    async with server(serve) as url:
        async with open_transport(4) as way:
            asking = asyncio.create_task(ask(way, request_to(url), 10))
            await asyncio.sleep(0.02)
        may_answer.set()
        assert (await asking).body == b"ok"
        await until(lambda: there.closed == [1])


async def test_closing_hangs_up() -> None:
    there = Server(EMPTY)
    async with server(there.serve) as url:
        async with open_transport(4) as way:
            await ask(way, request_to(url), 10)
        await until(lambda: there.closed == [1])


# ---------------------------------------------------------------- before a byte has left


async def test_a_connection_on_which_the_server_speaks_first_is_not_used() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(NO)
        heard.append(await reader.read())

    heard: list[bytes] = []
    async with server(serve) as url:
        with suppress(NeverConnected):  # it may be seen at once, or a moment later
            new = await connect_to(url)
            await until(lambda: not new.is_usable)
        await until(lambda: heard == [b""])


async def test_a_server_that_speaks_in_one_piece_with_the_handshake_gets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, trusted = certificate_for("localhost", tmp_path)
    tls.maximum_version = ssl.TLSVersion.TLSv1_2  # in which the server has the last word of the handshake
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        ours = tls.wrap_bio(incoming, outgoing, server_side=True)
        is_done = False
        while not is_done:
            incoming.write(await reader.read(65536))
            with suppress(ssl.SSLWantReadError):
                ours.do_handshake()
                ours.write(NO)
                is_done = True
            writer.write(outgoing.read())
        incoming.write(await reader.read())
        with suppress(ssl.SSLError):
            heard.append(ours.read(65536))

    async with server(serve) as url:
        with pytest.raises(NotSent):
            await post(url.replace("http://127.0.0.1", "https://localhost"))
    assert b"POST" not in b"".join(heard)


async def test_whoever_waits_for_a_place_in_vain_has_sent_nothing() -> None:
    listener = Server()
    async with server(listener.serve_silently) as url, open_transport(1) as way:
        first = asyncio.create_task(ask(way, request_to(url), 10))
        await until(lambda: listener.asked == [1])
        with pytest.raises(NotSent, match="no connection within"):
            await ask(way, request_to(url), 0.02)
        first.cancel()
        await asyncio.wait({first})
    assert listener.asked == [1]


async def test_whoever_waits_for_a_handshake_in_vain_has_sent_nothing() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())

    async with server(serve) as url, open_transport(1) as way:
        for _ in range(2):  # the first leaves its place
            with pytest.raises(NotSent, match="no connection within"):
                await ask(way, request_to(url.replace("http:", "https:")), 0.1)
        await until(lambda: len(heard) == 2)
    assert b"POST" not in b"".join(heard)


async def test_a_name_is_looked_up_once_for_all_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = []
    look_up = names.look_up

    async def look(host: str, port: int) -> names.Addresses:
        looked_up.append(host)
        return await look_up(host, port)

    monkeypatch.setattr(names, "look_up", look)
    there = Server(*[EMPTY] * 12)
    async with server(there.serve, host="localhost") as url, open_transport(20) as way:
        await asyncio.gather(*(ask(way, request_to(url), 10) for _ in range(10)))
        assert looked_up == ["localhost"]
        monkeypatch.setattr(transport, "KEEP_ALIVE_SECONDS", -1)
        await ask(way, request_to(url), 10)
        assert looked_up == ["localhost"]
        monkeypatch.setattr(names, "ADDRESSES_SECONDS", -1)
        await ask(way, request_to(url), 10)
        assert looked_up == ["localhost", "localhost"]


async def test_a_look_up_that_hangs_has_another_beside_it_and_no_third(monkeypatch: pytest.MonkeyPatch) -> None:
    look_up, begun, may_end = names.look_up, 0, asyncio.Event()

    async def look(host: str, port: int) -> names.Addresses:
        nonlocal begun
        begun += 1
        await may_end.wait()
        return await look_up(host, port)

    monkeypatch.setattr(names, "look_up", look)
    async with server(Server(EMPTY).serve, host="localhost") as url, open_transport(4) as way:
        for _ in range(2):  # the second joins the first
            with pytest.raises(NotSent, match="no connection within"):
                await ask(way, request_to(url), 0.02)
        assert begun == 1
        monkeypatch.setattr(names, "ADDRESSES_SECONDS", -1)
        for _ in range(3):
            with pytest.raises(NotSent, match="no connection within"):
                await ask(way, request_to(url), 0.02)
        assert begun == 2
        may_end.set()
        assert (await ask(way, request_to(url), 10)).status == 200
        assert begun == 2


async def test_a_name_that_was_not_found_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    look_up, failures = names.look_up, iter([RuntimeError()])  # as uvloop may raise

    async def look(host: str, port: int) -> names.Addresses:
        for failure in failures:
            raise failure
        return await look_up(host, port)

    monkeypatch.setattr(names, "look_up", look)
    async with server(saying(EMPTY), host="localhost") as url, open_transport(4) as way:
        with pytest.raises(NotSent):
            await ask(way, request_to(url), 10)
        assert (await ask(way, request_to(url), 10)).status == 200


async def test_a_cancellation_that_the_dialling_swallowed_is_still_one(monkeypatch: pytest.MonkeyPatch) -> None:
    start = aiohappyeyeballs.start_connection

    async def swallow(infos: list[aiohappyeyeballs.AddrInfoType], **options: Any) -> socket.socket:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(5)
        return await start(infos, **options)

    monkeypatch.setattr(aiohappyeyeballs, "start_connection", swallow)
    listener = Server()
    async with server(listener.serve) as url:
        with pytest.raises(NotSent, match="no connection within"):
            await post(url, timeout_seconds=0.05)
    assert listener.asked == []


async def test_a_name_with_several_addresses_is_reached_by_the_one_that_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first refuses; the second, of the documentation's net, is silent for as long as one waits."""
    start = aiohappyeyeballs.start_connection

    async def start_with_more(infos: list[aiohappyeyeballs.AddrInfoType], **options: Any) -> socket.socket:
        [(*kind, address)] = infos
        others: Any = [(*kind, elsewhere) for elsewhere in ((address[0], 1), ("192.0.2.1", address[1]))]
        return await start([*others, *infos], **options)

    monkeypatch.setattr(aiohappyeyeballs, "start_connection", start_with_more)
    async with server(saying(EMPTY)) as url:
        assert (await post(url, timeout_seconds=5)).status == 200


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "a\nEvil: 1", "a\rEvil: 1"])
async def test_a_header_with_a_line_break_is_not_sent(value: str) -> None:
    there = Server()
    async with server(there.serve) as url, open_transport(1) as way:
        with pytest.raises(ValueError, match="line break"):
            await ask(way, make_request("POST", httpx.URL(url), {"Appid": value}, b"{}"), 10)
    assert there.connections == 0


# ---------------------------------------------------------------- TLS


def certificate_for(name: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS under this name, and the file that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, own = folder / "trusted.pem", folder / "own.pem"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    own.write_bytes(
        trusted.read_bytes()
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    return context, trusted


async def test_a_provider_is_asked_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls, trusted = certificate_for("localhost", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    there = Server(FORMS["in chunks"], FORMS["with a length"])
    async with server(there.serve, "localhost", tls) as url, open_transport(4) as way:
        assert (await ask(way, request_to(url), 10)).body == b"ok"
        assert (await ask(way, request_to(url), 10)).body == b"ok"
    assert there.asked == [1, 1]


async def test_an_answer_over_tls_that_ends_with_its_connection_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, trusted = certificate_for("localhost", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    async with server(saying(FORMS["until the connection ends"]), "localhost", tls) as url:
        assert (await post(url)).body == b"ok"


async def test_a_certificate_that_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    tls, _ = certificate_for("localhost", tmp_path)
    there = Server()
    async with server(there.serve, "localhost", tls) as url:
        with pytest.raises(NotSent):
            await post(url)
    assert there.asked == []


async def test_a_certificate_of_another_name_gets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls, trusted = certificate_for("provider.example", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    there = Server()
    async with server(there.serve, "localhost", tls) as url:
        with pytest.raises(NotSent):
            await post(url)
    assert there.asked == []


async def test_a_server_without_tls_gets_nothing() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(65536))
        writer.write(EMPTY)
        await writer.drain()

    async with server(serve) as url:
        with pytest.raises(NotSent):
            await post(url.replace("http:", "https:"))
    assert b"POST" not in b"".join(heard)
