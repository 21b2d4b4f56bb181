"""Connection: one TCP connection to a provider, that carries a request, its answer, and then perhaps the next.

HTTP/1.1 as far as a provider's API needs it: no pipelining, no upgrade, and nothing sent by itself. So it is known of
each request whether a byte of it has left, and of each answer which request it is to.
"""

import asyncio
import socket
import ssl
from typing import cast

import aiohappyeyeballs
import httptools
import httpx

from worker.providers.http import ANSWER_BYTES_MAX, NeverConnected
from worker.providers.names import Addresses

# How long the first of several addresses has, before the next is tried beside it (RFC 8305).
NEXT_ADDRESS_SECONDS = 0.25
# The head, the frames of chunks and trailers, between two reads with some of the body: far more than any answer has.
BESIDE_BODY_BYTES_MAX = 64 * 1024

LENGTHS = frozenset({b"content-length", b"transfer-encoding"})

Headers = list[tuple[bytes, bytes]]


async def connect(addresses: Addresses, tls: ssl.SSLContext | None, host: str) -> "Connection":
    """A new connection to one of the host's addresses, over TLS with a context. Raises NeverConnected."""
    try:
        connection = await _dial(addresses, tls, host)
    except Exception as error:  # noqa: BLE001 - whatever it was, there was no request yet of which a byte could leave
        raise NeverConnected(type(error).__name__) from None
    # Closed already, or the other end spoke first; TLS itself may have something to say.
    if not (connection.is_quiet if tls is None else connection.is_open):
        connection.close()
        raise NeverConnected("unusable")
    return connection


async def _dial(addresses: Addresses, tls: ssl.SSLContext | None, host: str) -> "Connection":
    loop = asyncio.get_running_loop()
    dialled = await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS, loop=loop)
    connection = Connection(dialled)
    try:
        _raise_cancellation()
        await loop.create_connection(
            lambda: connection, sock=dialled, ssl=tls, server_hostname=None if tls is None else host
        )
        if tls is not None:
            await asyncio.sleep(0)  # what came in one piece with the handshake is handed over after it
    except BaseException:
        connection.close()
        raise
    return connection


def _raise_cancellation() -> None:
    """The library, while it gives up the addresses that came second, may swallow one that is meant for us."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class Connection(asyncio.Protocol):
    """Whoever takes it, has it alone until the answer is there."""

    def __init__(self, dialled: socket.socket) -> None:
        self._socket = dialled
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[httpx.Response] | None = None  # while there is a request
        self._forget()
        self._is_spent = False  # it carries no other request
        self.used_at = asyncio.get_running_loop().time()  # when it was last seen to work, on the loop's clock

    @property
    def is_usable(self) -> bool:
        """Whether a request may be sent on it, as far as the event loop has told."""
        return not self._is_spent and self._transport is not None and not self._transport.is_closing()

    @property
    def is_open(self) -> bool:
        """Whether it is usable, and its end has not come, as far as what is read next shows."""
        return self.is_usable and self._peek() != b""

    @property
    def is_quiet(self) -> bool:
        """Whether it is usable, and nothing at all has come: it would be taken for the answer to the next request."""
        return self.is_usable and self._peek() is None

    async def ask(self, request: bytes) -> httpx.Response:
        """Send the request and read its answer. Raises httpx.ReadError; the request may have arrived then.

        The body is raw, and no longer than shows that it is too large.
        """
        assert self._transport is not None, "it is connected"
        assert self._answered is None, "one request at a time"
        loop = asyncio.get_running_loop()
        self._answered = loop.create_future()
        try:
            self._transport.write(request)
            answer = await self._answered
        except BaseException:
            self.close()  # its answer may still come
            raise
        finally:
            self._answered = None
            self._forget()
        self.used_at = loop.time()
        return answer

    def close(self) -> None:
        """End it at once, whatever is on it."""
        self._is_spent = True
        if self._transport is None:
            self._socket.close()
        else:
            self._transport.abort()  # over TLS, taking leave could take half a minute

    def _peek(self) -> bytes | None:
        """What lies in the socket and is not read yet: nothing at all, the beginning of it, or, empty, the end."""
        try:
            return self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    # ---------------------------------------------------------------- what the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own has no such base class

    def data_received(self, data: bytes) -> None:
        if not self._is_awaited():
            self.close()  # said unasked: it would be taken for the answer to what is asked next
            return
        self._beside_body += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(type(error).__name__)
        else:
            if self._beside_body > BESIDE_BODY_BYTES_MAX:
                self._fail("too long")

    def connection_lost(self, error: Exception | None) -> None:
        if error is None and self._has_head and self._ends_with_connection:
            self._complete()
        self._fail("closed" if error is None else type(error).__name__)
        del self._parser  # which knows us: a cycle is collected seldom

    # ---------------------------------------------------------------- what the parser tells

    def on_message_begin(self) -> None:
        if not self._is_awaited():
            self._is_spent = True  # more than was asked for

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._has_head:  # what comes after the body are trailers
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        self._has_head = not self._is_interim()
        self._ends_with_connection = not any(name.lower() in LENGTHS for name, _ in self._headers)

    def on_body(self, body: bytes) -> None:
        self._beside_body = 0
        self._body += body
        if len(self._body) > ANSWER_BYTES_MAX:
            self._complete()
            self.close()

    def on_message_complete(self) -> None:
        if self._is_interim():
            self._forget()
            return
        if not self._parser.should_keep_alive():
            self._is_spent = True
        self._complete()

    # ---------------------------------------------------------------- the answer

    def _forget(self) -> None:
        self._status = 0
        self._headers: Headers = []
        self._body = bytearray()
        self._beside_body = 0  # bytes since the last read with some of the body
        self._has_head = False
        self._ends_with_connection = False

    def _is_awaited(self) -> bool:
        return self._answered is not None and not self._answered.done()

    def _is_interim(self) -> bool:
        """A 100 or 103, say, which comes before the answer; after a 101 the parser goes no further."""
        return self._status < 200

    def _complete(self) -> None:
        if self._answered is not None and not self._answered.done():
            stream = httpx.ByteStream(bytes(self._body))
            self._answered.set_result(httpx.Response(self._status, headers=self._headers, stream=stream))

    def _fail(self, reason: str) -> None:
        self._is_spent = True
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(httpx.ReadError(reason))
