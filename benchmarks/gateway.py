"""A provider that costs as little as can be: it answers userTransfer after a delay, and checks and remembers nothing.

The sandbox checks signatures and keeps books; measured against it, two workers would differ by less than they do.
Whatever else it is asked has an empty answer at once: a worker that gets none takes the provider for down.
`python -m benchmarks.gateway DELAY_MS` prints its port.
"""

import asyncio
import sys
from itertools import count
from typing import cast

import uvloop

TRANSFER = b"POST /ccpayment/v2/userTransfer "
NOTHING = (
    b'{"code":10000,"msg":"success","data":{"records":[],"nextId":"","assets":[],"prices":{"1280":"1"},"chains":[],'
    b'"coins":[{"coinId":1280,"symbol":"USDT","status":"Normal","price":"1","networks":{"TRX":{"chain":"TRX",'
    b'"precision":6,"canDeposit":true,"canWithdraw":true,"isSupportMemo":false}}}]}}'
)
_records = count(1)


class Connection(asyncio.Protocol):
    """One keep-alive connection: requests come one after the other, with a Content-Length."""

    def __init__(self, delay_seconds: float) -> None:
        self._delay_seconds = delay_seconds
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own has no such base class

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while (head := self._unread.find(b"\r\n\r\n")) >= 0:
            end = head + 4 + _content_length(self._unread[:head])
            if len(self._unread) < end:
                return
            request, self._unread = self._unread[:end], self._unread[end:]
            self._answer(request)

    def _answer(self, request: bytes) -> None:
        if not request.startswith(TRANSFER):
            self._transport.write(_response(NOTHING))
        elif self._delay_seconds:
            asyncio.get_running_loop().call_later(self._delay_seconds, self._transport.write, _transferred())
        else:
            self._transport.write(_transferred())


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


def _transferred() -> bytes:
    return _response(b'{"code":10000,"msg":"success","data":{"recordId":"bench%d"}}' % next(_records))


def _response(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def serve(delay_seconds: float) -> None:
    """Until it is ended."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(delay_seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(float(sys.argv[1]) / 1000))
