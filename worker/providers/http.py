"""HTTP to a provider: one request, one bounded answer, and whether the request can have arrived."""

import asyncio
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

import aiohttp
import httpx
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from httpx_aiohttp import AiohttpTransport

from worker.providers.line import TOO_MANY_REQUESTS, Line
from worker.providers.protocol import Unreadable
from worker.providers.trace import trace_headers

# What aiohttp would offer by itself depends on what else is installed, and httpx must be able to read it.
ENCODINGS = "gzip, deflate"
# One list has no pages: at some 270 bytes each, this holds 120,000 withdrawals.
ANSWER_BYTES_MAX = 32 * 1024 * 1024


IsTooLate = Callable[[], bool]
Content = TypeVar("Content")

# What the connector asks when it has a connection: the last moment before the first byte leaves.
_is_too_late: ContextVar[IsTooLate | None] = ContextVar("is_too_late", default=None)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: an HTTP status, the body, at most ANSWER_BYTES_MAX bytes, and the headers."""

    status: int
    body: bytes
    headers: httpx.Headers = field(default_factory=httpx.Headers)


class NotSent(Exception):
    """Not a byte of the request has left."""


class TooLate(NotSent):
    """The time in which the request might be sent was over before it left."""


class NoAnswer(Exception):
    """No readable answer; the request may have arrived."""


def open_transport(connections_max: int) -> httpx.AsyncBaseTransport:
    """The way to one provider: no proxy from the environment, no redirects, no cookies, no retries.

    A proxy or a redirect could carry a signed request elsewhere; a retry could pay twice. A transport has none of
    these: they are what an httpx client adds, and takes as long for as the request itself.
    """
    return AiohttpTransport(
        client=lambda: aiohttp.ClientSession(
            middlewares=(_send_once,),
            connector=_PunctualConnector(limit=connections_max, keepalive_timeout=15),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
    )


def make_request(method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes | None = None) -> httpx.Request:
    """A request with these headers, and those that every HTTP request has."""
    return httpx.Request(method, url, headers={**headers, "Accept-Encoding": ENCODINGS}, content=body)


async def exchange(
    line: Line,
    transport: httpx.AsyncBaseTransport,
    request: httpx.Request,
    timeout_seconds: float,
    read: Callable[[Answer], Content],
    is_too_late: IsTooLate | None = None,
) -> Content:
    """Send a signed request over the line, once, and read what is answered; the line learns how that went.

    Raises as `ask` and `read` do: NotSent also while the provider is down. Only what moves money may be too late.
    """
    if line.is_withheld:
        raise NotSent("the provider is down, and was not asked")
    begun, moves_money = line.begin(), is_too_late is not None
    try:
        answer = await ask(transport, request, timeout_seconds, is_too_late)
    except TooLate:
        raise  # the fault is our own
    except (NotSent, NoAnswer):
        line.failed(begun, moves_money=moves_money)
        raise
    line.hear(answer.status, answer.headers)
    try:
        content = read(answer)
    except Unreadable:
        _learn(line, answer, begun, is_usable=answer.status == TOO_MANY_REQUESTS, moves_money=moves_money)
        raise
    _learn(line, answer, begun, is_usable=True, moves_money=moves_money)
    return content


def _learn(line: Line, answer: Answer, begun: int, *, is_usable: bool, moves_money: bool) -> None:
    if is_usable and answer.status < 500:
        line.answered(begun, moves_money=moves_money)
    else:
        line.failed(begun, moves_money=moves_money)


async def ask(
    transport: httpx.AsyncBaseTransport,
    request: httpx.Request,
    timeout_seconds: float,
    is_too_late: IsTooLate | None = None,
) -> Answer:
    """Send the request once and read the answer. Raises NotSent, TooLate or NoAnswer.

    `is_too_late` is asked again when there is a connection: waiting for one, or a process that was stopped and wakes
    up, must not carry a request over its deadline.
    """
    if is_too_late is not None and is_too_late():
        raise _too_late()
    _is_too_late.set(is_too_late)
    request.headers.update(trace_headers())
    try:
        async with asyncio.timeout(timeout_seconds):
            response = await transport.handle_async_request(request)
            try:
                return Answer(response.status_code, await _read(response), response.headers)
            finally:
                await response.aclose()
    except TimeoutError:
        raise NoAnswer(f"no answer within {timeout_seconds:g} s") from None
    # Beside httpx's own errors what its transport does not translate, such as a status line in no known encoding.
    except (httpx.HTTPError, aiohttp.ClientError, UnicodeError) as error:
        if _never_connected(error):
            raise NotSent("the connection could not be made") from None
        raise NoAnswer(f"the answer cannot be read ({type(error).__name__})") from None


class _PunctualConnector(aiohttp.TCPConnector):
    """Refuses, after it has got a connection, what may not be sent any more."""

    async def connect(
        self,
        req: ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the library's own
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        is_too_late = _is_too_late.get()
        if is_too_late is not None and is_too_late():
            connection.release()
            raise _too_late()
        return connection


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


def _too_late() -> TooLate:
    return TooLate("the worker was stopped for too long between writing it down and sending it")


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise NoAnswer(f"the answer is larger than {ANSWER_BYTES_MAX} bytes")
    return bytes(body)


def _never_connected(error: Exception) -> bool:
    """Whether the failure was in connecting. Only the cause tells.

    The transport turns every aiohttp ClientConnectionError into httpx.ConnectTimeout, also a connection that
    broke after the request had left: believing the name would release funds that have been paid.
    """
    return isinstance(error.__cause__, aiohttp.ClientConnectorError)
