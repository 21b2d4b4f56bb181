"""The body of a webhook: bounded in size and in time, before anything else is done with it."""

import asyncio

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

# The largest documented webhook has some five hundred bytes.
BODY_BYTES_MAX = 64 * 1024
# A sender that drips may not hold a connection for longer.
BODY_SECONDS_MAX = 10.0


class BadBody(Exception):
    """There is no whole body; carries the answer."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


async def read_body(request: Request) -> bytes:
    """The raw body. Raises BadBody when it is too large or too slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    raise BadBody(PlainTextResponse("too large", 413))
    except TimeoutError:
        raise BadBody(PlainTextResponse("too slow", 408)) from None
    return bytes(body)
