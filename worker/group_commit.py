"""Group commit: while one batch is in flight the next gathers, and whatever is about to come joins it.

No timer, so no added wait at low load.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

# Measured: more than this per transaction gains nothing and makes neighbours wait.
BATCH_ITEMS_MAX = 256
# A batch leaves when the event loop has gone round so many times without anything new, or so many times at all, or
# with so many items that there are others to work on meanwhile. Measured under load: batches four times as large, a
# third less work for PostgreSQL. A round is short when there is little to do: then nobody waits longer for it.
QUIET_ROUNDS = 2
ROUNDS_MAX = 16
ENOUGH_ITEMS = 128


class GroupCommit(Generic[Item, Answer]):
    """Gathers single calls into batches for a function that answers a batch in order."""

    def __init__(self, commit: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]]) -> None:
        self.commit = commit
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Answer:
        """The item's own answer, once its batch has committed.

        A caller that is cancelled does not cancel the batch: others are in it, and cancelling a COMMIT leaves
        its result unknown.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        batch: list[tuple[Item, asyncio.Future[Answer]]] = []
        try:
            while self._waiting:
                await self._gather()
                batch = self._waiting[:BATCH_ITEMS_MAX]
                del self._waiting[:BATCH_ITEMS_MAX]
                await self._commit_batch(batch)
        finally:
            self._running = None
            # Some are left only when this task itself was cancelled: nobody may wait for what will not come.
            for _, future in [*batch, *self._waiting]:
                future.cancel()
            self._waiting.clear()

    async def _gather(self) -> None:
        """Let everything join that the event loop has in hand."""
        size, quiet = len(self._waiting), 0
        for _ in range(ROUNDS_MAX):
            if quiet == QUIET_ROUNDS or size >= ENOUGH_ITEMS:
                return
            await asyncio.sleep(0)
            quiet = 0 if len(self._waiting) > size else quiet + 1
            size = len(self._waiting)

    async def _commit_batch(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self.commit([item for item, _ in batch])
            assert len(answers) == len(batch), "every item has its answer"
        except Exception as error:  # noqa: BLE001 - handed to the callers
            if len(batch) == 1:
                _fail(batch[0][1], error)
            else:  # one poisonous item must not fail its neighbours
                for single in batch:
                    await self._commit_batch([single])
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)


def _fail(future: "asyncio.Future[Answer]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
