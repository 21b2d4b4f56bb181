"""HTTP to a provider: one request, one bounded answer, and whether the request can have arrived."""

import asyncio
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

# The largest documented answers are lists of some hundred records; more is not an answer.
ANSWER_BYTES_MAX = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: an HTTP status and the body, at most ANSWER_BYTES_MAX bytes."""

    status: int
    body: bytes


class NotSent(Exception):
    """The connection could not be made: not a byte of the request has left."""


class NoAnswer(Exception):
    """No readable answer; the request may have arrived."""


def open_client(connections_max: int) -> httpx.AsyncClient:
    """A client for one provider: no proxy from the environment, no redirects, no cookies, no retries.

    A proxy or a redirect could carry a signed request elsewhere; a retry could pay twice.
    """
    return httpx.AsyncClient(
        transport=AiohttpTransport(
            client=lambda: aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=connections_max, keepalive_timeout=15),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        ),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        trust_env=False,
        follow_redirects=False,
        # No limit of httpx's own: `ask` bounds the whole exchange, a slow drip included.
        timeout=None,  # noqa: S113
    )


async def ask(client: httpx.AsyncClient, request: httpx.Request, auth: httpx.Auth, timeout_seconds: float) -> Answer:
    """Send the request once and read the answer. Raises NotSent or NoAnswer."""
    try:
        async with asyncio.timeout(timeout_seconds):
            response = await client.send(request, auth=auth, stream=True)
            try:
                return Answer(response.status_code, await _read(response))
            finally:
                await response.aclose()
    except TimeoutError:
        raise NoAnswer(f"no answer within {timeout_seconds:g} s") from None
    # Beside httpx's own errors what its transport does not translate, such as a status line in no known encoding.
    except (httpx.HTTPError, aiohttp.ClientError, UnicodeError) as error:
        if _never_connected(error):
            raise NotSent("the connection could not be made") from None
        raise NoAnswer(f"the answer cannot be read ({type(error).__name__})") from None


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
