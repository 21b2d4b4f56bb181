"""The ports of a worker that can be killed: every call is counted, and one of them is its last.

A killed worker stays dead at every port. Killed before a call, the call never happens; killed after, it has
happened and the worker never learns of it. There are no marks in the worker's own code.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import httpx

from worker.message import Incoming, Outgoing
from worker.sandbox.message import Hang, Request, Reset, Response
from worker.sandbox.sandbox import Sandbox

Moment = Literal["before", "after"]


class Killed(BaseException):
    """SIGKILL, as far as this worker's code can tell."""


@dataclass
class KillSwitch:
    """Kills its worker before or after its `at`-th call of any port."""

    at: int | None = None
    moment: Moment = "before"
    calls: int = 0
    dead: bool = False
    last: str = ""
    # The calls that changed something, each with its turn: between two of one turn nothing else happens.
    effects: list[tuple[int, int]] = field(default_factory=list)
    turn: int = 0

    @property
    def fired(self) -> bool:
        return self.dead

    def _enter(self, name: str) -> bool:
        if self.dead:
            raise Killed(name)
        self.calls += 1
        is_last = self.calls == self.at
        if is_last:
            self.dead, self.last = True, name
            if self.moment == "before":
                raise Killed(name)
        return is_last

    async def around(
        self, name: str, call: Callable[[], Awaitable[Any]], changes: Callable[[Any], bool] = lambda _: True
    ) -> Any:
        """Make the call, unless dead before it or after it. `changes`: whether its result means an effect."""
        is_last, at = self._enter(name), self.calls
        result = await call()
        if changes(result):
            self.effects.append((at, self.turn))
        if is_last:
            raise Killed(name)
        return result

    def at_clock(self) -> None:
        if self._enter("clock.now"):
            raise Killed("clock.now")


class VirtualTime:
    """Time that passes only when somebody lets it."""

    def __init__(self) -> None:
        self.time = datetime.fromisoformat("2026-01-01T00:00:00+00:00")

    def now(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


class KillableClock:
    """A worker's view of the time."""

    def __init__(self, time: VirtualTime, switch: KillSwitch) -> None:
        self._time = time
        self._switch = switch

    def now(self) -> datetime:
        self._switch.at_clock()
        return self._time.now()

    async def sleep(self, seconds: float) -> None:
        await self._switch.around("clock.sleep", lambda: self._time.sleep(seconds))


# Calls of the ledger that change nothing, and those that change nothing when there is nothing for them.
READS = frozenset(
    {
        *("read_orders", "read_coins", "bound", "confirmation", "payment_in_doubt"),
        *("rescan_for", "credited_deposit", "booked_deposit", "last_runs"),
    }
)
TAKES = frozenset({"claim", "take_outbox", "take_job", "take_deposits", "take_webhooks", "hasten", "hasten_rescans"})


class KillableLedger:
    """The real ledger, each of whose calls may be the worker's last. `after` is told of those that were not."""

    def __init__(self, ledger: Any, switch: KillSwitch, after: Callable[[str], Awaitable[None]]) -> None:
        self._ledger = ledger
        self._switch = switch
        self._after = after

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._ledger, name)

        def changes(result: Any) -> bool:
            return name not in READS and (name not in TAKES or bool(result))

        async def call(*arguments: object, **named: object) -> Any:
            result = await self._switch.around(f"ledger.{name}", lambda: method(*arguments, **named), changes)
            await self._after(name)
            return result

        return call


@dataclass
class Bus:
    """RabbitMQ as the flow sees it: what is not acked comes again, what is published stays."""

    waiting: deque[Incoming] = field(default_factory=deque)
    unacked: list["BusDelivery"] = field(default_factory=list)
    published: list[Outgoing] = field(default_factory=list)

    def give_back_unacked(self) -> None:
        self.waiting.extendleft(delivery.message for delivery in reversed(self.unacked))
        self.unacked.clear()


class BusDelivery:
    """A message in the hands of one worker."""

    def __init__(self, message: Incoming, bus: Bus, switch: KillSwitch) -> None:
        self.message = message
        self._bus = bus
        self._switch = switch
        bus.unacked.append(self)

    async def ack(self) -> None:
        async def remove() -> None:
            if self in self._bus.unacked:
                self._bus.unacked.remove(self)

        await self._switch.around("broker.ack", remove)

    async def requeue(self) -> None:
        raise AssertionError("the flow failed before its ack")


class BusPublisher:
    """A worker's publishing connection."""

    def __init__(self, bus: Bus, switch: KillSwitch) -> None:
        self._bus = bus
        self._switch = switch

    async def ready(self) -> None:
        return None

    @property
    def is_ready(self) -> bool:
        return True

    def renew(self) -> None:
        raise AssertionError("every publish has its end")

    async def publish(self, message: Outgoing) -> None:
        async def append() -> None:
            self._bus.published.append(message)

        await self._switch.around(f"broker.publish {message.exchange}", append)


async def _nothing() -> None:
    """What happens while an answer is on its way, if nobody says otherwise."""


class KillableTransport(httpx.AsyncBaseTransport):
    """HTTP into the sandbox, in this process.

    `witness` sees each request before it leaves; `meanwhile` happens after it was carried out and before its answer
    is there.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        switch: KillSwitch,
        witness: Callable[[httpx.Request], Awaitable[None]],
        meanwhile: Callable[[], Awaitable[None]] = _nothing,
    ) -> None:
        self._sandbox = sandbox
        self._switch = switch
        self._witness = witness
        self._meanwhile = meanwhile

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async def send() -> Any:
            query = request.url.query.decode()
            reply = self._sandbox.handle(
                Request(request.method, request.url.path, dict(request.headers), request.content, query)
            )
            if request.method == "POST":
                await self._meanwhile()
            return reply

        if not self._switch.dead:
            await self._witness(request)
        name = f"http {request.url.path.rsplit('/', 1)[-1]}"
        reply = await self._switch.around(name, send, lambda _: request.method == "POST")
        match reply:
            case Response():
                headers = {"Content-Type": reply.content_type}
                return httpx.Response(reply.status, content=reply.body, headers=headers)
            case Reset():
                raise httpx.ReadError("the connection was reset")
            case Hang():
                raise httpx.ReadTimeout("no answer")
            case _:
                raise AssertionError(reply)
