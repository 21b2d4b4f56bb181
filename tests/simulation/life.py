"""One life of a worker's process: it may stand still, and it may end, at every call of a port."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from tests.simulation.plan import Plan
from tests.simulation.trace import Trace

# A broker that hears nothing for so long gives the messages of a connection to others.
HEARTBEAT_SECONDS = 60.0
# So much more often than elsewhere a worker ends beside the wire, where it is most dangerous.
WIRE_TIMES = 10


class Killed(BaseException):
    """SIGKILL, as far as this worker's code can tell."""


class Life:
    """What chance does to one process. Dead at one port, it is dead at every port."""

    def __init__(self, name: str, plan: Plan, random: Random, trace: Trace) -> None:
        self.name = name
        self.died = asyncio.get_running_loop().create_future()
        self.silent = False  # the broker has given its messages to others
        self._plan = plan
        self._random = random
        self._trace = trace
        self._loop = asyncio.get_running_loop()
        self._frozen_until = 0.0

    @property
    def is_dead(self) -> bool:
        """It does nothing any more."""
        return self.died.done()

    @property
    def is_frozen(self) -> bool:
        """It does nothing now."""
        return self._frozen_until > self._loop.time()

    async def around(self, name: str, call: Callable[[], Any]) -> Any:
        """The result of a call that is made at one moment, unless the worker dies before, or after it."""
        await self.pause(name)
        fate = self._random.random()
        if fate < self._plan.kills:
            self._die(f"before {name}")
        result = call()
        if fate > 1 - self._plan.kills:
            self._die(f"after {name}")  # it is done, and nobody here will ever know
        if self.is_frozen or fate < 0.5:
            await self.pause(name)
        return result

    async def pause(self, name: str) -> None:
        """Take a little time, sometimes a lot; come back only when the process is awake, if it is alive."""
        self._live()
        if self._random.random() < self._plan.freezes:
            self.freeze(name)
        seconds = self._random.random() * 0.02
        if self._random.random() < self._plan.slows:
            seconds += self._random.uniform(0.5, 20)
            self._trace.seen("slow database")
        await asyncio.sleep(seconds)
        await self._wake()
        self._live()

    async def _wake(self) -> None:
        """Wait until the process goes on; it may be stopped again meanwhile."""
        left = self._frozen_until - self._loop.time()
        if left > 0:
            await asyncio.sleep(left)
            await self._wake()

    def freeze(self, name: str) -> float:
        """SIGSTOP, and SIGCONT after some time; how many seconds it stands still."""
        seconds = self._random.choice((self._random.uniform(1, 20), self._random.uniform(20, 400)))
        self._frozen_until = max(self._frozen_until, self._loop.time() + seconds)
        self.silent = self.silent or seconds > HEARTBEAT_SECONDS
        self._trace.seen("worker frozen")
        self._trace.say(self.name, "frozen at", name, f"{seconds:.1f}")
        return self._frozen_until - self._loop.time()

    def may_die(self, name: str) -> None:
        """Die here by chance."""
        if self._random.random() < self._plan.kills * WIRE_TIMES:
            self._die(name)

    def _die(self, moment: str) -> None:
        self._trace.seen(f"worker killed {moment.partition(' ')[0]} a call")
        self._trace.say(self.name, "killed", moment)
        self.end()
        raise Killed(moment)

    def end(self) -> None:
        """Whatever it still does will have no effect."""
        if not self.died.done():
            self.died.set_result(None)

    def _live(self) -> None:
        if self.died.done():
            raise Killed
