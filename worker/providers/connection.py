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

# How long the first of several addresses has, before the next is tried beside it (RFC 8305).
NEXT_ADDRESS_SECONDS = 0.25
# Far more than any provider's status line and headers take.
HEAD_BYTES_MAX = 64 * 1024
# With the frames of chunks, and trailers.
RECEIVED_BYTES_MAX = 2 * ANSWER_BYTES_MAX

LENGTHS = frozenset({b"content-length", b"transfer-encoding"})

Headers = list[tuple[bytes, bytes]]


async def connect(host: str, port: int, tls: ssl.SSLContext | None) -> "Connection":
    """A new connection, over TLS with a context. Raises NeverConnected."""
    loop = asyncio.get_running_loop()
    try:
        infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        dialled = await aiohappyeyeballs.start_connection(infos, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS, loop=loop)
        try:
            _, connection = await loop.create_connection(
                Connection, sock=dialled, ssl=tls, server_hostname=None if tls is None else host
            )
        except BaseException:
            dialled.close()
            raise
    except (OSError, RuntimeError, UnicodeError) as error:  # not a byte has left: there was no request yet
        raise NeverConnected(type(error).__name__) from None
    if not connection.is_usable:  # closed already, or the other end spoke first
        raise NeverConnected("unusable")
    return connection


class Connection(asyncio.Protocol):
    """Whoever takes it, has it alone until the answer is there."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._answered: asyncio.Future[httpx.Response] | None = None  # while there is a request
        self._forget()
        self._is_spent = False  # it carries no other request
        self.idle_since = 0.0  # on the event loop's clock

    @property
    def is_usable(self) -> bool:
        """Whether a request may be sent on it now."""
        return not (self._is_spent or self._transport.is_closing())

    async def ask(self, request: bytes) -> httpx.Response:
        """Send the request and read its answer. Raises httpx.ReadError; the request may have arrived then.

        The body is raw, and no longer than shows that it is too large.
        """
        assert self._answered is None, "one request at a time"
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._answered
        except BaseException:
            self.abort()  # its answer may still come
            raise
        finally:
            self._answered = None
            self._forget()

    def close(self) -> None:
        """End it, when there is no request on it."""
        self._transport.close()

    def abort(self) -> None:
        """End it, whatever is on it."""
        self._is_spent = True
        self._transport.abort()

    # ---------------------------------------------------------------- what the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own has no such base class

    def data_received(self, data: bytes) -> None:
        if not self._is_awaited():
            self.abort()  # said unasked: it would be taken for the answer to what is asked next
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(error)
        else:
            if self._received > (RECEIVED_BYTES_MAX if self._has_head else HEAD_BYTES_MAX):
                self._fail(httpx.ReadError("too long"))

    def connection_lost(self, error: Exception | None) -> None:
        if error is None and self._has_head and self._ends_with_connection:
            self._complete()
        self._fail(error or httpx.ReadError("closed"))

    # ---------------------------------------------------------------- what the parser tells

    def on_message_begin(self) -> None:
        if not self._is_awaited():
            self._is_spent = True  # more than was asked for

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        self._has_head = not self._is_interim()
        self._ends_with_connection = not any(name.lower() in LENGTHS for name, _ in self._headers)

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)
        self._size += len(body)
        if self._size > ANSWER_BYTES_MAX:
            self._complete()
            self.abort()

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
        self._pieces: list[bytes] = []
        self._size = 0
        self._received = 0
        self._has_head = False
        self._ends_with_connection = False

    def _is_awaited(self) -> bool:
        return self._answered is not None and not self._answered.done()

    def _is_interim(self) -> bool:
        """A 100 or 103, say, which comes before the answer; after a 101 the parser goes no further."""
        return self._status < 200

    def _complete(self) -> None:
        if self._answered is not None and not self._answered.done():
            stream = httpx.ByteStream(b"".join(self._pieces))
            self._answered.set_result(httpx.Response(self._status, headers=self._headers, stream=stream))

    def _fail(self, error: Exception) -> None:
        self._is_spent = True
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(httpx.ReadError(type(error).__name__))
