"""The sandbox on a port: HTTP in, `Sandbox.handle`, HTTP out, and the failures on the wire."""

import asyncio
from collections.abc import Callable
from functools import partial

from aiohttp import web

from worker.sandbox.control import PREFIX, control
from worker.sandbox.message import Hang, Request, Reset, Response
from worker.sandbox.sandbox import Sandbox

# A load test opens a few hundred connections at once.
BACKLOG_CONNECTIONS = 1024

# Calls that hang on request may not keep the process from ending.
SHUTDOWN_SECONDS = 0.1


async def serve(sandbox: Sandbox, host: str, port: int, started: Callable[[int], None]) -> None:
    """Serve until cancelled; `started` gets the real port, which matters when `port` is 0.

    Bodies above aiohttp's limit of 1 MiB are answered 413. The low-level server has no router
    and no access log: one process answers thousands of requests a second.
    """
    # Cancelling a handler whose caller is gone ends the hangs that nobody waits for any more.
    server = web.Server(partial(_answer, sandbox), handler_cancellation=True, access_log=None)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(server, host, port, backlog=BACKLOG_CONNECTIONS)
    try:
        started(listener.sockets[0].getsockname()[1])
        await loop.create_future()
    finally:
        # Not `serve_forever`: since Python 3.12 its end waits for every kept-alive connection.
        listener.close()
        await server.shutdown(SHUTDOWN_SECONDS)


async def _answer(sandbox: Sandbox, request: web.BaseRequest) -> web.StreamResponse:
    body = await request.read()
    if request.path.startswith(PREFIX):
        return _http(control(sandbox, request.method, request.path, body))
    # Nothing is awaited while the books change, so calls execute one after the other.
    reply = sandbox.handle(Request(request.method, request.path, request.headers, body))
    match reply:
        case Response():
            return _http(reply)
        case Hang(seconds):
            await asyncio.sleep(seconds)
            return _cut(request)
        case Reset():
            return _cut(request)


def _http(response: Response) -> web.Response:
    headers = {"Content-Type": response.content_type}
    return web.Response(status=response.status, body=response.body, headers=headers)


def _cut(request: web.BaseRequest) -> web.Response:
    """Cut the connection. The answer that aiohttp wants goes nowhere, and it knows that quietly."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
