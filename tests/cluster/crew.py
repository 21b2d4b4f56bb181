"""Worker processes by name. One that is killed is replaced, and what its predecessors did counts as its own."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from tests.e2e.program import Program
from tests.e2e.stage import Stage

SETTLED = '"event": "order settled"'


class Crew:
    """The processes of a story."""

    def __init__(self, stage: Stage, stack: AsyncExitStack) -> None:
        self._stage = stage
        self._stack = stack
        self._roles: dict[str, str | None] = {}
        self._processes: dict[str, list[Program]] = {}

    async def hire(self, name: str, roles: str | None = None) -> Program:
        """A worker of these roles, of all when none are named; it has started."""
        arguments = ("--role", roles) if roles else ()
        worker = await self._stack.enter_async_context(self._stage.worker(*arguments))
        self._roles[name] = roles
        self._processes.setdefault(name, []).append(worker)
        return worker

    async def replace(self, name: str) -> None:
        """SIGKILL it, and start another."""
        await self._processes[name][-1].kill()
        await self.hire(name, self._roles[name])

    def work(self) -> Counter[str]:
        """How many decisions each has applied to orders."""
        return Counter(
            {name: sum(len(one.said(SETTLED)) for one in processes) for name, processes in self._processes.items()}
        )


@asynccontextmanager
async def crew_on(stage: Stage) -> AsyncIterator[Crew]:
    """A crew without anybody yet; all of them end with the story."""
    async with AsyncExitStack() as stack:
        yield Crew(stage, stack)
