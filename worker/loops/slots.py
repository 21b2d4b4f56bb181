"""The orders in flight: how many there may be, and waiting for them when the worker stops."""

import asyncio
from collections.abc import Coroutine

import structlog

from worker.clock import Clock
from worker.errors import BadSettings, SchemaMissing

log = structlog.get_logger()

# A failing order is left alone this long, so that a bug does not spin.
PAUSE_SECONDS = 1.0


class Slots:
    """A bound on what runs at once in this process; the same for new commands and resumed orders."""

    def __init__(self, most: int, clock: Clock) -> None:
        self._free = asyncio.Semaphore(most)
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._hopeless: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closing = False

    async def take(self) -> bool:
        """Wait for a slot. False: the worker is stopping, begin nothing."""
        await self._free.acquire()
        if self.closing:
            self._free.release()
        return not self.closing

    def give_back(self) -> None:
        """Free a slot that was taken."""
        self._free.release()

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Run the work in a slot that was taken."""
        task = asyncio.create_task(self._run(work))
        self._tasks.add(task)  # asyncio itself keeps only weak references
        task.add_done_callback(self._tasks.discard)

    async def drain(self, seconds: float) -> None:
        """Begin nothing more and wait for what runs; what is not done by then is taken up after its lease."""
        self.closing = True
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                log.warning("stopped with orders in flight", orders=len(late))

    async def hopeless(self) -> None:
        """Wait for an order to meet what only an operator can mend, and raise that."""
        await asyncio.shield(self._hopeless)

    async def _run(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except (SchemaMissing, BadSettings) as error:
            if not self._hopeless.done():
                self._hopeless.set_exception(error)
        except Exception:
            # A bug, or a state nobody thought of. PostgreSQL has the order: it is taken up after its lease.
            log.exception("order failed in this worker")
            await self._clock.sleep(PAUSE_SECONDS)
        finally:
            self.give_back()
