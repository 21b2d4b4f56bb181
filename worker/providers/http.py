"""HTTP to a provider: one request, one bounded answer, and whether the request can have arrived."""

import asyncio
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import httpx

from worker.providers.health import Call
from worker.providers.line import TOO_MANY_REQUESTS, Line
from worker.providers.protocol import Unreadable
from worker.providers.trace import trace_headers

# What is offered, and zlib's numbers for it: some servers leave out the header of deflate.
INFLATED_AS = {
    "gzip": (16 + zlib.MAX_WBITS,),
    "x-gzip": (16 + zlib.MAX_WBITS,),
    "deflate": (zlib.MAX_WBITS, -zlib.MAX_WBITS),
}
# What stands before a provider may turn away who does not say what it is.
ALWAYS = [(b"User-Agent", b"ledger-worker"), (b"Accept", b"*/*"), (b"Accept-Encoding", b"gzip, deflate")]
# One list has no pages: at some 270 bytes each, this holds 120,000 withdrawals.
ANSWER_BYTES_MAX = 32 * 1024 * 1024
# A request's extension, an IsTooLate: what a transport asks when it has a connection, the last moment before the
# first byte leaves.
IS_TOO_LATE = "is_too_late"
# Another, True from when a transport takes the request until just before its first byte leaves. A transport that does
# not know leaves it out.
IS_UNSENT = "is_unsent"

IsTooLate = Callable[[], bool]
Content = TypeVar("Content")


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

    def __init__(self) -> None:
        super().__init__("the worker was stopped for too long between writing it down and sending it")


class NeverConnected(httpx.TransportError):
    """A transport had no connection, so not a byte has left.

    A name of our own: what others call a ConnectTimeout may be a connection that broke after the request had left,
    and believing that name would release funds that have been paid.
    """


class NoAnswer(Exception):
    """No readable answer; the request may have arrived."""


def make_request(method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes | None = None) -> httpx.Request:
    """A request with these headers, and those that every HTTP request has."""
    lines = [(b"Host", url.netloc), *ALWAYS]
    ours = {**headers, **trace_headers()}
    lines += [(name.encode("ascii"), value.encode("ascii")) for name, value in ours.items()]
    if body is not None:
        lines.append((b"Content-Length", b"%d" % len(body)))
    request = httpx.Request(method, url, headers=lines, stream=httpx.ByteStream(body or b""))
    request.read()
    return request


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
    call = line.begin(moves_money=is_too_late is not None)
    try:
        return await _exchange(line, call, transport, request, timeout_seconds, read, is_too_late)
    finally:
        line.end(call)


async def _exchange(
    line: Line,
    call: Call | None,
    transport: httpx.AsyncBaseTransport,
    request: httpx.Request,
    timeout_seconds: float,
    read: Callable[[Answer], Content],
    is_too_late: IsTooLate | None,
) -> Content:
    try:
        answer = await ask(transport, request, timeout_seconds, is_too_late)
    except TooLate:
        raise  # the fault is our own
    except (NotSent, NoAnswer):
        line.failed(call)
        raise
    line.hear(answer.status, answer.headers)
    try:
        content = read(answer)
    except Unreadable:
        _learn(line, answer, call, is_usable=answer.status == TOO_MANY_REQUESTS)
        raise
    _learn(line, answer, call, is_usable=True)
    return content


def _learn(line: Line, answer: Answer, call: Call | None, *, is_usable: bool) -> None:
    if is_usable and answer.status < 500:
        line.answered(call)
    else:
        line.failed(call)


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
        raise TooLate
    request.extensions[IS_TOO_LATE] = is_too_late
    request.extensions.pop(IS_UNSENT, None)
    try:
        async with asyncio.timeout(timeout_seconds):
            response = await transport.handle_async_request(request)
        return Answer(response.status_code, _read(response), response.headers)
    except TimeoutError:
        if request.extensions.get(IS_UNSENT, False):
            raise NotSent(f"no connection within {timeout_seconds:g} s") from None
        raise NoAnswer(f"no answer within {timeout_seconds:g} s") from None
    except NeverConnected:
        raise NotSent("the connection could not be made") from None
    except httpx.HTTPError as error:
        raise NoAnswer(f"the answer cannot be read ({type(error).__name__})") from None


def _read(response: httpx.Response) -> bytes:
    """The body, inflated. Not by httpx, which inflates a piece as far as it goes before its size can be seen."""
    assert isinstance(response.stream, httpx.ByteStream), "a transport has read the raw body"
    body, coding = b"".join(response.stream), response.headers.get("content-encoding")
    if len(body) > ANSWER_BYTES_MAX:
        raise _too_large()
    return _inflated(body, coding.strip().lower()) if body and coding is not None else body


def _inflated(body: bytes, coding: str) -> bytes:
    if coding == "identity":
        return body
    if coding not in INFLATED_AS:
        raise NoAnswer("the answer is compressed in a way that was not offered")
    for window in INFLATED_AS[coding]:
        inflater = zlib.decompressobj(window)
        try:
            inflated = inflater.decompress(body, ANSWER_BYTES_MAX + 1)
        except zlib.error:
            continue
        if len(inflated) > ANSWER_BYTES_MAX:
            raise _too_large()
        if inflater.eof and not inflater.unused_data:
            return inflated
    raise NoAnswer("the answer cannot be inflated")


def _too_large() -> NoAnswer:
    return NoAnswer(f"the answer is larger than {ANSWER_BYTES_MAX} bytes")
