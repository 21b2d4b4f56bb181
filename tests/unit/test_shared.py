"""Shared: who asks is given what was read after that, and many who ask at once are given the same."""

import asyncio

import pytest

from worker.providers.protocol import ReadFailed
from worker.providers.shared import Shared


class Shelf:
    """Something to read: each reading is a number, and ends when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self._ends: list[asyncio.Future[None]] = []

    async def read(self) -> int:
        self.begun += 1
        number = self.begun
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ends.append(end)
        await end
        return number

    async def end(self, error: Exception | None = None) -> None:
        """End the one under way, and let whoever waits for it go on."""
        end = self._ends.pop(0)
        if error is None:
            end.set_result(None)
        else:
            end.set_exception(error)
        await turns()


async def turns() -> None:
    """Let everybody run up to where they wait."""
    for _ in range(10):
        await asyncio.sleep(0)


async def asking(shared: Shared[int], many: int = 1) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(shared()) for _ in range(many)]
    await turns()
    return tasks


async def test_all_who_come_while_one_is_read_share_the_next_which_begins_after_they_came() -> None:
    shelf = Shelf()
    shared = Shared(shelf.read)
    [first] = await asking(shared)
    others = await asking(shared, 3)
    assert shelf.begun == 1
    await shelf.end()
    assert await first == 1
    late = await asking(shared, 2)  # the second has begun: too early for these
    assert shelf.begun == 2
    await shelf.end()
    assert await asyncio.gather(*others) == [2, 2, 2]
    await shelf.end()
    assert await asyncio.gather(*late) == [3, 3]


async def test_a_failure_is_told_to_all_who_shared_it_and_to_nobody_else() -> None:
    shelf = Shelf()
    shared = Shared(shelf.read)
    [first] = await asking(shared)
    others = await asking(shared, 2)
    await shelf.end(ReadFailed("withdraws: no answer"))
    await shelf.end()
    assert await asyncio.gather(*others) == [2, 2]
    with pytest.raises(ReadFailed):
        await first


async def test_one_who_gives_up_does_not_take_it_from_the_others() -> None:
    shelf = Shelf()
    shared = Shared(shelf.read)
    gives_up, stays = await asking(shared, 2)
    gives_up.cancel()
    await turns()
    await shelf.end()
    assert gives_up.cancelled()
    assert await stays == 1


async def test_what_was_read_is_not_kept() -> None:
    shelf = Shelf()
    shared = Shared(shelf.read)
    [first] = await asking(shared)
    await shelf.end()
    assert await first == 1
    assert vars(shared) == {"_read": shelf.read, "_under_way": None, "_next": None}
