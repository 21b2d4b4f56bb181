"""A forked program as the tests see it, and the way to ask for one."""

import asyncio
import atexit
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINE_BYTES_MAX = 2**20


class Forker:
    """The process that forks programs. It ends with the process that made it."""

    def __init__(self) -> None:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            environment = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(ROOT / "tests/e2e/forks.py"), str(theirs.fileno())],
                cwd=ROOT,
                env=environment | {"PYTHONPATH": str(ROOT), "COLUMNS": "120"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    async def start(self, arguments: tuple[str, ...], environment: Mapping[str, str], folder: Path) -> "Forked":
        """`ledger-worker` with these arguments."""
        request = {"arguments": arguments, "environment": dict(environment), "folder": str(folder)}
        ends = [os.pipe() for _ in range(4)]
        (their_in, our_in), (our_out, their_out), (our_err, their_err), (our_told, their_told) = ends
        theirs = [their_in, their_out, their_err, their_told]
        try:
            socket.send_fds(self._requests, [json.dumps(request).encode()], theirs)
        finally:
            for end in theirs:
                os.close(end)
        out, err, told = [await _reader(end) for end in (our_out, our_err, our_told)]
        return Forked(int(await told.readline()), our_in, out, err, told)

    def close(self) -> None:
        """Fork no more."""
        self._requests.close()
        self._process.wait()


@cache
def forker() -> Forker:
    """The one of this process."""
    made = Forker()
    atexit.register(made.close)
    return made


class Forked:
    """One running program: of asyncio's own kind of process, what the tests use."""

    def __init__(
        self,
        pid: int,
        stdin: int,
        stdout: asyncio.StreamReader,
        stderr: asyncio.StreamReader,
        told: asyncio.StreamReader,
    ) -> None:
        self.pid = pid
        self.stdout = stdout
        self.stderr = stderr
        self._stdin = stdin
        self._ended = asyncio.create_task(self._end(told))

    @property
    def returncode(self) -> int | None:
        """The exit code, once it has ended; of a signal, its number below zero."""
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> int:
        """Wait for its end."""
        return await asyncio.shield(self._ended)

    async def communicate(self, said: bytes) -> tuple[bytes, bytes]:
        """Say something to it, and hear all that it says until its end."""
        loop = asyncio.get_running_loop()
        saying = loop.run_in_executor(None, self._say, said)
        out, err = await asyncio.gather(self.stdout.read(), self.stderr.read())
        await saying
        await self.wait()
        return out, err

    def say_nothing(self) -> None:
        """It reads the end at once."""
        os.close(self._stdin)

    def send_signal(self, number: signal.Signals) -> None:
        """Unless it has ended: then its id may be another's."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _say(self, said: bytes) -> None:
        with os.fdopen(self._stdin, "wb", 0) as stdin, suppress(BrokenPipeError):
            stdin.write(said)

    async def _end(self, told: asyncio.StreamReader) -> int:
        code = int(await told.readline())
        await told.read()
        return code


class _Heard(asyncio.StreamReaderProtocol):
    """A stream that is closed at its end; the library's own is kept open, as if it could be written to."""

    def eof_received(self) -> bool:
        super().eof_received()
        return False


async def _reader(end: int) -> asyncio.StreamReader:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    await loop.connect_read_pipe(lambda: _Heard(reader), os.fdopen(end, "rb", 0))
    return reader
