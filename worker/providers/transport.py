"""Transport: an httpx transport that sends each request once, or says for certain that it did not."""

import asyncio
import ssl
from collections import defaultdict, deque
from functools import cached_property

import httpx

from worker.providers.connection import Connection, connect
from worker.providers.http import IS_TOO_LATE, IS_UNSENT, IsTooLate, TooLate
from worker.providers.names import Names

# An idle connection is closed by us before a provider or a load balancer closes it under a request.
KEEP_ALIVE_SECONDS = 15

PORTS = {b"http": 80, b"https": 443}

Origin = tuple[bytes, bytes, int]


def open_transport(connections_max: int) -> httpx.AsyncBaseTransport:
    """The way to one provider: no proxy from the environment, no redirects, no cookies, no retries.

    A proxy or a redirect could carry a signed request elsewhere; a retry could pay twice. HTTP clients have all of
    these, and send a request again by themselves when the connection that they had kept turns out to be closed.
    """
    return _Transport(connections_max)


class _Transport(httpx.AsyncBaseTransport):
    """Kept connections. Raises NeverConnected, TooLate or, when the request may have arrived, httpx.ReadError.

    ValueError for a request that cannot be written.
    While not a byte has left, the request carries IS_UNSENT: whoever stops waiting then knows it too.
    """

    def __init__(self, connections_max: int) -> None:
        self._places = asyncio.Semaphore(connections_max)
        self._idle: defaultdict[Origin, deque[Connection]] = defaultdict(deque)  # on the right who came back last
        self._tidying: asyncio.TimerHandle | None = None
        self._names = Names()
        self._is_closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        written = _written(request)
        is_too_late: IsTooLate | None = request.extensions.get(IS_TOO_LATE)
        url = request.url
        origin = url.raw_scheme, url.raw_host, url.port or PORTS[url.raw_scheme]
        request.extensions[IS_UNSENT] = True
        async with self._places:
            connection = self._take(origin) or await self._connect(origin)
            try:
                if is_too_late is not None and is_too_late():  # nothing is waited for between this and the first byte
                    raise TooLate
                del request.extensions[IS_UNSENT]
                return await connection.ask(written)
            finally:
                self._give_back(origin, connection)

    async def aclose(self) -> None:
        self._is_closed = True
        if self._tidying is not None:
            self._tidying.cancel()
        for idle in self._idle.values():
            while idle:
                idle.pop().close()

    # ---------------------------------------------------------------- kept connections

    def _take(self, origin: Origin) -> Connection | None:
        idle, oldest = self._idle[origin], asyncio.get_running_loop().time() - KEEP_ALIVE_SECONDS
        while idle:
            connection = idle.pop()
            if connection.used_at >= oldest and connection.is_quiet:
                return connection
            connection.close()
        return None

    def _give_back(self, origin: Origin, connection: Connection) -> None:
        if not connection.is_usable or self._is_closed:
            connection.close()
            return
        self._idle[origin].append(connection)
        if self._tidying is None:
            self._tidying = asyncio.get_running_loop().call_later(KEEP_ALIVE_SECONDS, self._tidy)

    def _tidy(self) -> None:
        """Close what was not used for long, and look again while there is something left."""
        loop = asyncio.get_running_loop()
        for idle in self._idle.values():
            while idle and idle[0].used_at < loop.time() - KEEP_ALIVE_SECONDS:
                idle.popleft().close()
        self._tidying = loop.call_later(KEEP_ALIVE_SECONDS, self._tidy) if any(self._idle.values()) else None

    # ---------------------------------------------------------------- new ones

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """It reads the machine's certificates: only where it is needed."""
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        return context

    async def _connect(self, origin: Origin) -> Connection:
        scheme, host, port = origin
        tls = self._tls if scheme == b"https" else None
        name = host.decode("ascii")
        return await connect(await self._names.addresses(name, port), tls, name)


def _written(request: httpx.Request) -> bytes:
    """The request as it is sent, the target as it is in the URL: it was signed so. Raises ValueError."""
    lines = [b"%b %b HTTP/1.1\r\n" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%b: %b\r\n" % header for header in request.headers.raw]
    head = b"".join(lines)
    if head.count(b"\r") != len(lines) or head.count(b"\n") != len(lines):
        raise ValueError("a header of the request has a line break")
    return head + b"\r\n" + request.content
