"""A TCP proxy between a program and a server, with switches for what networks do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from tests.e2e.program import DEADLINE_SECONDS

CHUNK_BYTES = 65536

# In the answer to every statement that PostgreSQL has carried out and committed.
STATEMENT_DONE = b"SELECT "


class Mode(Enum):
    """What becomes of new connections."""

    OPEN = "they reach the server"
    REFUSED = "they are closed at once"
    BLACKHOLE = "they are accepted, and nothing ever comes back"


@dataclass(eq=False, slots=True)
class Pair:
    """One connection through the proxy; once silent it stays so, for bytes are missing."""

    to_client: asyncio.StreamWriter
    to_server: asyncio.StreamWriter
    silent: bool = False

    def cut(self) -> None:
        """Reset both sides."""
        _abort(self.to_client)
        _abort(self.to_server)


class Proxy:
    """Forwards bytes; connections can be cut, or fall silent, at any moment."""

    def __init__(self, host: str, port: int) -> None:
        self.mode = Mode.OPEN
        self.port = 0
        self._listener: asyncio.Server | None = None
        self._accepted = 0
        self._answers_to_lose = 0
        self._lose_having = b""
        self._hold_having: bytes | None = None
        self._holds = 0
        self._added = b""
        self._released = asyncio.Event()
        self._server_at = (host, port)
        self._pairs: set[Pair] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Condition()

    def cut(self) -> None:
        """Cut every connection, in the middle of whatever is being said."""
        for pair in list(self._pairs):
            pair.cut()

    def shut(self) -> None:
        """Listen no more, so that new connections are refused by the system itself; and cut those that are."""
        self._stop_listening()
        self.cut()

    async def listen(self) -> None:
        """Listen, at the same port as before; nothing new when it does."""
        if self._listener is not None and self._listener.is_serving():
            return
        self._listener = await asyncio.start_server(self.serve, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    def add_to_answer(self, words: bytes) -> None:
        """To the next answer that comes through, as if the server had said it unasked a moment later."""
        self._added = words

    def fall_silent(self) -> None:
        """From now on nothing comes through, on connections old and new, and nobody is told."""
        self.mode = Mode.BLACKHOLE
        for pair in self._pairs:
            pair.silent = True

    def lose_answers(self, times: int, having: bytes = b"") -> None:
        """So often: let the server do what it was asked, and cut instead of handing on its answer."""
        self._answers_to_lose = times
        self._lose_having = having

    async def until_answers_are_lost(self) -> None:
        """Wait until that has happened so often."""
        await self._until(lambda: self._answers_to_lose == 0)

    def hold_answers(self, having: bytes) -> None:
        """Keep every answer with this in it, and whatever comes after it on its connection."""
        self._hold_having = having
        self._released.clear()

    async def until_an_answer_is_held(self) -> None:
        """Wait until one is kept."""
        await self._until(lambda: self._holds > 0)

    def hold_no_more(self) -> None:
        """What is kept stays kept; what comes on other connections is handed on."""
        self._hold_having = None

    def release(self) -> None:
        """Hand on what is kept, and keep nothing more."""
        self.hold_no_more()
        self._released.set()

    async def until_somebody_comes(self) -> None:
        """Wait for the next connection, whatever becomes of it."""
        before = self._accepted
        await self._until(lambda: self._accepted > before)

    async def serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """One connection, from accept to close."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._tell(accepted=1)
            await self._handle(client, to_client)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            _abort(to_client)
            self._tasks.discard(task)

    async def close(self) -> None:
        """Listen no more, and end every connection."""
        self._stop_listening()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _stop_listening(self) -> None:
        assert self._listener is not None, "a proxy listens first"
        self._listener.close()

    async def _handle(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        if self.mode is Mode.OPEN:
            await self._forward(client, to_client)
        elif self.mode is Mode.BLACKHOLE:
            while await client.read(CHUNK_BYTES):
                pass

    async def _forward(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection(*self._server_at)
        pair = Pair(to_client, to_server)
        self._pairs.add(pair)
        try:
            async with asyncio.TaskGroup() as directions:
                directions.create_task(self._carry(client, to_server, pair, answers=False))
                directions.create_task(self._carry(server, to_client, pair, answers=True))
        except* OSError:
            pass
        finally:
            self._pairs.discard(pair)
            pair.cut()

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, pair: Pair, *, answers: bool
    ) -> None:
        while data := await source.read(CHUNK_BYTES):
            if answers and self._answers_to_lose and self._lose_having in data:
                await self._tell(lost=1)
                pair.cut()
                continue
            if answers and self._hold_having is not None and self._hold_having in data:
                await self._tell(held=1)
                await self._released.wait()
            if answers and self._added:
                data += self._added
                self._added = b""
            if not pair.silent:
                sink.write(data)
                await sink.drain()
        sink.close()

    async def _tell(self, accepted: int = 0, lost: int = 0, held: int = 0) -> None:
        async with self._news:
            self._accepted += accepted
            self._holds += held
            self._answers_to_lose -= lost
            self._news.notify_all()

    async def _until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS), self._news:
            await self._news.wait_for(happened)


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[Proxy]:
    """A proxy in front of the server of this URL."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    proxy = Proxy(parts.hostname, parts.port or {"amqp": 5672, "http": 80}.get(parts.scheme, 5432))
    await proxy.listen()
    try:
        yield proxy
    finally:
        await proxy.close()


def _abort(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, RuntimeError):
        writer.transport.abort()
