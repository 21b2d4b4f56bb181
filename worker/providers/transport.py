"""Transport: an httpx transport over aiohttp, that sends each request once or says for certain that it did not."""

import asyncio
from contextvars import ContextVar
from weakref import WeakSet

import aiohttp
import httpx
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from yarl import URL

from worker.providers.http import ANSWER_BYTES_MAX, IS_TOO_LATE, IsTooLate, NeverConnected, TooLate

# An idle connection is closed by us before a provider or a load balancer closes it under a request.
KEEP_ALIVE_SECONDS = 15

# What the connector asks when it has a connection: the last moment before the first byte leaves.
_is_too_late: ContextVar[IsTooLate | None] = ContextVar("is_too_late", default=None)


def open_transport(connections_max: int) -> httpx.AsyncBaseTransport:
    """The way to one provider: no proxy from the environment, no redirects, no cookies, no retries.

    A proxy or a redirect could carry a signed request elsewhere; a retry could pay twice. A transport has none of
    these: they are what an httpx client adds, and takes as long for as the request itself.
    """
    return _Transport(connections_max)


class _Transport(httpx.AsyncBaseTransport):
    """One aiohttp session. Raises NeverConnected, TooLate or, when the request may have arrived, httpx.ReadError."""

    def __init__(self, connections_max: int) -> None:
        self._connections_max = connections_max
        self._session: aiohttp.ClientSession | None = None  # it is opened in the event loop that it works in

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._session is None:
            self._session = self._open()
        _is_too_late.set(request.extensions.get(IS_TOO_LATE))
        try:
            answer = await self._session.request(
                request.method,
                URL(str(request.url), encoded=True),
                data=request.content or None,
                headers=[(name.decode("ascii"), value.decode("ascii")) for name, value in request.headers.raw],
                allow_redirects=False,
            )
        except aiohttp.ClientConnectorError as error:
            raise NeverConnected(type(error).__name__) from None
        except aiohttp.ClientError as error:
            raise httpx.ReadError(type(error).__name__) from None
        try:
            return httpx.Response(
                answer.status, headers=answer.raw_headers, stream=httpx.ByteStream(await _read(answer))
            )
        except aiohttp.ClientError as error:
            raise httpx.ReadError(type(error).__name__) from None
        finally:
            answer.release()  # a connection that was not read to the end is closed
            await answer.wait_for_close()

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=_PunctualConnector(self._connections_max),
            middlewares=(_send_once,),
            timeout=aiohttp.ClientTimeout(),  # whoever asks has one
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """The body, or as much of one that is too large as shows that."""
    chunks, size = [], 0
    while size <= ANSWER_BYTES_MAX and (chunk := await answer.content.readany()):
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)


class _PunctualConnector(aiohttp.TCPConnector):
    """Refuses, after it has got a connection, what may not be sent any more, and connections that spoke unasked.

    What came on an idle connection would be taken for the next request's answer, and each answer for the one before.
    """

    def __init__(self, connections_max: int) -> None:
        super().__init__(limit=connections_max, keepalive_timeout=KEEP_ALIVE_SECONDS)
        self._used: WeakSet[asyncio.BaseProtocol] = WeakSet()

    async def connect(
        self,
        req: ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the library's own
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        while self._spoke_unasked(connection):
            connection.close()
            connection = await super().connect(req, traces, timeout)
        is_too_late = _is_too_late.get()
        if is_too_late is not None and is_too_late():
            connection.release()
            raise TooLate
        return connection

    def _spoke_unasked(self, connection: Connection) -> bool:
        """Since its last answer; a new one has had none."""
        protocol = connection.protocol
        assert protocol is not None, "it was just taken"
        if protocol in self._used:
            return protocol.should_close
        self._used.add(protocol)
        return False


async def _send_once(request: ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Under a name that aiohttp does not know as a broken connection, after which it would send a GET again.

    A signed request is one request: its copy would be a replay. And its signature says who asks: what aiohttp makes
    of a user and password in the URL is not sent.
    """
    request.headers.popall(aiohttp.hdrs.AUTHORIZATION, None)
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(str(error)) from error
