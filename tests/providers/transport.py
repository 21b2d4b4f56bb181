"""HTTP into the sandbox, in this process: requests are signed and answered as over the wire."""

import httpx

from worker.sandbox.message import Hang, Request, Reset, Response
from worker.sandbox.sandbox import Sandbox


class SandboxTransport(httpx.AsyncBaseTransport):
    """Hands each request to the sandbox; what fails on the wire there fails here as httpx says it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        query = request.url.query.decode()
        reply = self._sandbox.handle(
            Request(request.method, request.url.path, dict(request.headers), request.content, query)
        )
        match reply:
            case Response():
                headers = {"Content-Type": reply.content_type}
                return httpx.Response(reply.status, content=reply.body, headers=headers)
            case Reset():
                raise httpx.ReadError("reset")
            case Hang():
                raise httpx.ReadTimeout("hang")
