"""An alarm: a broker short of memory or disk reads nothing more from whoever publishes, until that is over."""

import asyncio
from collections.abc import Callable

from aiormq.abc import AbstractConnection

from worker.clock import Clock

# How often to look, and what is too short to be told. The library calls nobody back: it only lets `ready` wait.
LOOK_SECONDS = 0.5


async def watch_alarm(connection: AbstractConnection, clock: Clock, tell: Callable[[bool], None]) -> None:
    """Say True when the broker blocks this connection and False when it takes messages again, until cancelled."""
    while True:
        ready = asyncio.ensure_future(connection.ready())
        try:
            done, _ = await asyncio.wait({ready}, timeout=LOOK_SECONDS)
            if not done:
                tell(True)
                await asyncio.wait({ready})
            if ready.cancelled() or ready.exception() is not None:
                return  # the connection is over: that is no end of the alarm
            if not done:
                tell(False)
        finally:
            ready.cancel()
        await clock.sleep(LOOK_SECONDS)
