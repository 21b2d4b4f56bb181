"""Who goes on: between two calls of a port nothing outside is touched, so that these turns are all there are."""

import asyncio
from collections.abc import Coroutine, Sequence
from random import Random
from typing import Any

# What is ready runs in between until it waits at a port again; none takes more steps of the loop than this.
STEPS_TO_A_PORT = 12
# Of a millisecond each, for what is away without a turn.
PATIENCE = 5000


class Conductor:
    """Lets one of those who wait at a port go on, by chance; a seed always has the same order."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._waiting: list[asyncio.Future[None]] = []
        self._returned = asyncio.Event()
        self._is_conducting = False

    async def turn(self) -> None:
        """Wait until it is this caller's turn."""
        if self._is_conducting:
            mine = asyncio.get_running_loop().create_future()
            self._waiting.append(mine)
            try:
                await mine
            except asyncio.CancelledError:
                if mine in self._waiting:
                    self._waiting.remove(mine)
                else:  # its turn had come, and nobody will make the call
                    self.leave()
                raise

    def leave(self) -> None:
        """The call has returned."""
        self._returned.set()

    async def perform(self, works: Sequence[Coroutine[Any, Any, Any]]) -> None:
        """All of these at once, to their ends."""
        tasks = [asyncio.ensure_future(work) for work in works]
        self._is_conducting, patience = True, PATIENCE
        while patience:
            for _ in range(STEPS_TO_A_PORT):
                await asyncio.sleep(0)
            if self._waiting:
                chosen = self._waiting.pop(self._random.randrange(len(self._waiting)))
                self._returned.clear()
                chosen.set_result(None)
                await self._returned.wait()
            elif all(task.done() for task in tasks):
                break
            else:
                patience -= 1
                await asyncio.sleep(0.001)
        self._is_conducting = False
        assert patience, "somebody waits for nothing"
        for task in tasks:
            task.result()
