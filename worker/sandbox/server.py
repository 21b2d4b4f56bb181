"""The sandbox on a port: HTTP in, `Sandbox.handle`, HTTP out, the failures on the wire, and webhooks."""

import asyncio
from collections.abc import Callable
from functools import partial

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from worker.sandbox.control import PREFIX, control
from worker.sandbox.message import Hang, Request, Reset, Response, Slow
from worker.sandbox.sandbox import Sandbox
from worker.sandbox.webhooks import Delivery

# A load test opens a few hundred connections at once.
BACKLOG_CONNECTIONS = 1024

# Calls that hang on request may not keep the process from ending.
SHUTDOWN_SECONDS = 0.1

# How soon a status that is due, or a webhook, is noticed: well below a withdrawal's pace.
TICK_SECONDS = 0.02

# A receiver that is slower than this has not answered. The provider's own patience is not documented.
WEBHOOK_SECONDS = 10

# So many webhooks are on their way at once; the others wait, as in a provider's queue.
WEBHOOKS_AT_ONCE = 8


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
        await _deliver_webhooks(sandbox)
    finally:
        # Not `serve_forever`: since Python 3.12 its end waits for every kept-alive connection.
        listener.close()
        await server.shutdown(SHUTDOWN_SECONDS)


async def _answer(sandbox: Sandbox, request: web.BaseRequest) -> web.StreamResponse:
    body = await request.read()
    if request.path.startswith(PREFIX):
        return _http(control(sandbox, request.method, request.path, body))
    # Nothing is awaited while the books change, so calls execute one after the other.
    query = request.raw_path.partition("?")[2]
    reply = sandbox.handle(Request(request.method, request.path, request.headers, body, query))
    match reply:
        case Response():
            return _http(reply)
        case Slow(response, seconds):
            await asyncio.sleep(seconds)
            return _http(response)
        case Hang(seconds):
            await asyncio.sleep(seconds)
            return _cut(request)
        case Reset():
            return _cut(request)


async def _deliver_webhooks(sandbox: Sandbox) -> None:
    """Carry webhooks out as they become due, until cancelled."""
    timeout = ClientTimeout(total=WEBHOOK_SECONDS)
    # Not the connector's limit: waiting for one's turn would count as the receiver's time.
    turns = asyncio.Semaphore(WEBHOOKS_AT_ONCE)
    async with ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as deliveries:
        while True:
            for delivery in sandbox.due_webhooks():
                deliveries.create_task(_deliver(sandbox, session, turns, delivery))
            await asyncio.sleep(TICK_SECONDS)


async def _deliver(sandbox: Sandbox, session: ClientSession, turns: asyncio.Semaphore, delivery: Delivery) -> None:
    """One try. No answer is an answer too: the sandbox tries again when the provider would."""
    status, body = None, b""
    try:
        async with (
            turns,
            session.post(delivery.url, data=delivery.body, headers=delivery.headers, allow_redirects=False) as answer,
        ):
            body = await answer.read()
            status = answer.status
    except (ClientError, TimeoutError, OSError):
        pass
    sandbox.webhook_answered(delivery.delivery_id, status, body)


def _http(response: Response) -> web.Response:
    headers = {**response.headers, "Content-Type": response.content_type}
    return web.Response(status=response.status, body=response.body, headers=headers)


def _cut(request: web.BaseRequest) -> web.Response:
    """Cut the connection. The answer that aiohttp wants goes nowhere, and it knows that quietly."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
