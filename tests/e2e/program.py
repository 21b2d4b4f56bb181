"""The project's programs as real processes: started, read line by line, waited for, and always ended."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.e2e.forked import Forked, forker

ROOT = Path(__file__).parents[2]

# Far beyond what anything here takes; whoever waits this long reports what it has seen.
DEADLINE_SECONDS = 60.0

# What a program says only by mistake: a bug's trace, or something that nobody waited for.
MISTAKES = ("Traceback", "never retrieved", "never awaited", "Unclosed", "was destroyed")


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command line left behind."""

    code: int
    out: str
    err: str


class Program:
    """One running process. Its lines, of both streams, are kept in the order in which they came."""

    def __init__(self, name: str, process: Forked) -> None:
        self.name = name
        self.lines: list[str] = []
        self._process = process
        self._news = asyncio.Condition()
        streams = [process.stdout, process.stderr]
        self._open_streams = len(streams)
        self._readers = [asyncio.create_task(self._read(stream)) for stream in streams]

    def said(self, text: str) -> list[str]:
        """The lines so far with this text in them."""
        return [line for line in self.lines if text in line]

    async def says(self, text: str, times: int = 1) -> str:
        """Wait for the line with this text, or the n-th of them."""
        await self._until(lambda: len(self.said(text)) >= times, f"says {text!r}")
        return self.said(text)[times - 1]

    async def ends(self, seconds: float = DEADLINE_SECONDS) -> int:
        """Wait for its end; the exit code."""
        async with asyncio.timeout(seconds):
            await asyncio.gather(*self._readers)
            return await self._process.wait()

    def terminate(self) -> None:
        """SIGTERM: the polite end."""
        self._process.terminate()

    def freeze(self) -> None:
        """SIGSTOP: it does nothing more, and does not know it."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: it goes on as if nothing had been."""
        self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        if self._process.returncode is None:
            self._process.kill()
        await self.ends()

    async def _until(self, happened: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(DEADLINE_SECONDS), self._news:
                await self._news.wait_for(lambda: happened() or not self._open_streams)
        except TimeoutError:
            raise AssertionError(f"{self.name} never {what}:\n{self.tail()}") from None
        assert happened(), f"{self.name} ended before it {what}:\n{self.tail()}"

    def tail(self) -> str:
        """Its last lines, for whoever reads a failure."""
        return "\n".join(self.lines[-30:])

    async def _read(self, stream: asyncio.StreamReader) -> None:
        async for line in stream:
            async with self._news:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self._news.notify_all()
        async with self._news:
            self._open_streams -= 1
            self._news.notify_all()


@asynccontextmanager
async def started(
    *arguments: str, settings: Mapping[str, str], folder: Path, may_fail: bool = False
) -> AsyncIterator[Program]:
    """`ledger-worker` with these arguments. Killed in the end if it still runs; its words are looked through."""
    process = await _start(arguments, settings, folder)
    process.say_nothing()
    program = Program(arguments[0], process)
    try:
        yield program
    finally:
        await program.kill()
    check_words("\n".join(program.lines), settings, may_fail=may_fail)


async def run(
    *arguments: str, settings: Mapping[str, str], folder: Path, stdin: bytes = b"", may_fail: bool = False
) -> Finished:
    """Run `ledger-worker` with these arguments to its end."""
    process = await _start(arguments, settings, folder)
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            out, err = await process.communicate(stdin)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    finished = Finished(process.returncode, out.decode(), err.decode())
    check_words(finished.out + finished.err, settings, may_fail=may_fail)
    return finished


def secrets_of(settings: Mapping[str, str]) -> set[str]:
    """The secrets in these settings: passwords as written and as meant, and the key to the provider."""
    secrets = {settings.get("LEDGER_CCPAYMENT_APP_SECRET"), settings.get("LEDGER_COINQPAY_PRIVATE_KEY")}
    for name in ("LEDGER_DATABASE_URL", "LEDGER_DATABASE_OWNER_URL", "LEDGER_AMQP_URL"):
        _, at, _ = settings.get(name, "").rpartition("@")
        if at:
            password = settings[name].partition("://")[2].rpartition("@")[0].partition(":")[2]
            secrets |= {password, unquote(password)}
    return {secret for secret in secrets if secret}


def check_words(words: str, settings: Mapping[str, str], *, may_fail: bool = False) -> None:
    """No secret in what a program said, and nothing that it says only by mistake."""
    for secret in secrets_of(settings):
        assert secret not in words, "a secret was printed"
    if not may_fail:
        slips = [line for line in words.splitlines() if any(mistake in line for mistake in MISTAKES)]
        assert slips == [], words


def on_port(url: str, port: int) -> str:
    """The URL, but at this port of this machine: where a proxy listens."""
    parts = urlsplit(url)
    credentials, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{credentials}{at}127.0.0.1:{port}").geturl()


async def _start(arguments: tuple[str, ...], settings: Mapping[str, str], folder: Path) -> Forked:
    """In a folder of its own, so that no `.env` of the person's is read, and without the person's settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    return await forker().start(arguments, environment | {"COLUMNS": "120", **settings}, folder)
