"""Waiting longer and longer, with jitter, so that many workers do not return at the same moment."""

import random

from worker.clock import Clock

FIRST_SECONDS = 0.05
LONGEST_SECONDS = 5.0


class Backoff:
    """Doubling from 50 ms to 5 s, each a random half shorter."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seconds = FIRST_SECONDS

    async def wait(self) -> None:
        """Sleep, and double the next sleep."""
        await self._clock.sleep(self._seconds * random.uniform(0.5, 1.0))  # noqa: S311
        self._seconds = min(self._seconds * 2, LONGEST_SECONDS)
