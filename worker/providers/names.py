"""Names: the addresses of a host, looked up once for all who want to connect to it."""

import asyncio
import socket
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import aiohappyeyeballs

from worker.providers.http import NeverConnected

# Addresses are known for so long; and a look-up that takes longer has another beside it, but no third.
ADDRESSES_SECONDS = 10

Addresses = Sequence[aiohappyeyeballs.AddrInfoType]
Name = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _LookUp:
    """One that runs, and when it began, on the event loop's clock."""

    task: asyncio.Task[Addresses]
    began_at_seconds: float


@dataclass(frozen=True, slots=True)
class _Known:
    """What one has found, and when it ended."""

    addresses: Addresses
    found_at_seconds: float


class Names:
    """What is known, and what is being looked up, of the hosts that one transport connects to."""

    def __init__(self) -> None:
        self._known: dict[Name, _Known] = {}
        self._running: defaultdict[Name, list[_LookUp]] = defaultdict(list)

    async def addresses(self, host: str, port: int) -> Addresses:
        """Raises NeverConnected."""
        name, now_seconds = (host, port), asyncio.get_running_loop().time()
        known, running = self._known.get(name), self._running[name]
        if known is not None and now_seconds - known.found_at_seconds <= ADDRESSES_SECONDS:
            return known.addresses
        if not running or (len(running) == 1 and now_seconds - running[0].began_at_seconds > ADDRESSES_SECONDS):
            task = asyncio.create_task(look_up(host, port))
            task.add_done_callback(partial(self._on_end, name))
            running.append(_LookUp(task, now_seconds))
        try:
            return await asyncio.shield(running[-1].task)  # others wait for it too
        except Exception as error:  # noqa: BLE001 - whatever it was, there is no connection
            raise NeverConnected(type(error).__name__) from None

    def _on_end(self, name: Name, task: asyncio.Task[Addresses]) -> None:
        self._running[name] = [one for one in self._running[name] if one.task is not task]
        if not task.cancelled() and task.exception() is None:
            self._known[name] = _Known(task.result(), asyncio.get_running_loop().time())


async def look_up(host: str, port: int) -> Addresses:
    """By the machine's resolver, in a thread: the event loop's own would have the broker and the database wait."""
    find = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    return await asyncio.get_running_loop().run_in_executor(None, find)
