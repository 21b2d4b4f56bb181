"""HTTP: the listener of the HTTP role, on the event loop of its process."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from worker.clock import Clock

log = structlog.get_logger()

# More at once than any provider sends; the rest is answered 503 at once.
CONNECTIONS_MAX = 500
KEEP_ALIVE_SECONDS = 5
# The headers of a webhook come in one packet.
HEADER_SECONDS = 10
# A webhook in the middle of its work has this long when the worker stops.
CLOSE_SECONDS = 5
# Another worker on this machine may have the port; when that one is gone, this one takes it.
AGAIN_SECONDS = 5.0


class Http:
    """Serves until cancelled."""

    def __init__(self, app: ASGIApp, host: str, port: int, clock: Clock) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._clock = clock

    async def run(self) -> None:
        """Listen, as soon as the port can be had, and serve until cancelled."""
        listener = await self._listen()
        server = _Server(
            uvicorn.Config(
                self._app,
                http=_Impatient,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=CONNECTIONS_MAX,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=CLOSE_SECONDS,
            )
        )
        serving = asyncio.create_task(server.serve([listener]))
        try:
            await asyncio.shield(serving)
        finally:
            server.should_exit = True
            await asyncio.wait({serving}, timeout=CLOSE_SECONDS + 1)
            listener.close()

    async def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        is_told = False
        while True:
            try:
                listener = socket.create_server((self._host, self._port), family=family)
            except OSError as error:
                if not is_told:
                    is_told = True
                    log.error(
                        "http cannot listen, trying again", host=self._host, port=self._port, error=error.strerror
                    )
                await self._clock.sleep(AGAIN_SECONDS)
            else:
                log.info("http listens", host=self._host, port=listener.getsockname()[1])
                return listener


class _Impatient(H11Protocol):
    """Closes a connection on which a request does not become whole: 500 of them would keep everybody else out."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._hurry()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_waiting_for_headers():
            self._hurry()

    def _hurry(self) -> None:
        began = self.cycle
        self.loop.call_later(HEADER_SECONDS, self._give_up, began)

    def _give_up(self, began: object) -> None:
        if self.cycle is began and self._is_waiting_for_headers() and not self.transport.is_closing():
            self.transport.close()

    def _is_waiting_for_headers(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request, whatever its type says
        return cycle is None or cycle.response_complete


class _Server(uvicorn.Server):
    """Leaves the signals to the worker."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
