"""One payment drama: its processes, each of which may be killed once, the webhooks, the people, and time."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import asyncpg
import httpx

from tests.chaos.bank import COIN, Bank
from tests.chaos.ports import Bus, Killed, KillSwitch, VirtualTime
from tests.chaos.processes import Process
from tests.chaos.truth import clears, in_review, next_due, truth_of, waits_for
from tests.chaos.witness import Witness
from worker.database import Database
from worker.message import Incoming
from worker.metrics import Metrics
from worker.sandbox.webhook_controls import set_webhooks

Result = TypeVar("Result")
Hook = Callable[[], Awaitable[Any]]

ROUNDS_MAX = 120
ROUND_SECONDS_MAX = 60
OPENING = "1000"


@dataclass
class Play:
    """What happens around the processes. The database is this drama's alone."""

    database: Database
    owner: asyncpg.Connection
    metrics: Metrics
    switches: dict[str, KillSwitch] = field(default_factory=dict)  # of the first process of each role
    jobs: tuple[str, ...] = ()
    resend: bool = False
    clears_to: int = 4  # how the provider's people end what is unclear
    careless: tuple[Callable[[], str | None], ...] = ()  # what a person says before the truth
    time: VirtualTime = field(default_factory=VirtualTime)
    bus: Bus = field(default_factory=Bus)
    broken: list[str] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    seconds_behind: float = 0  # of the provider's clock
    meanwhile: dict[str, Hook] = field(default_factory=dict)  # after the next call of this name to the ledger
    stall: Hook | None = None  # while the first request is about to leave
    before_answers: Hook | None = None  # between a request's effect and its answer
    _timed: list[tuple[datetime, Callable[[], Any]]] = field(default_factory=list)
    _conditional: list[tuple[Callable[[], Any], Callable[[], Any]]] = field(default_factory=list)
    _processes: dict[str, Process] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bank = Bank(lambda: self.time.now().timestamp() - self.seconds_behind)
        self.witness = Witness(self)

    # ---------------------------------------------------------------- what a scene says

    async def fund(self) -> None:
        """The same money in the ledger and at both providers."""
        self.bank.control("fund", coin=COIN, amount=OPENING)
        self.bank.fund("alice1", 1280, OPENING)
        for account, provider, coin in (("merchant", "coinqpay", COIN), ("user:alice1", "ccpayment", "1280")):
            verdict = await self.owner.fetchval(
                "SELECT ledger.adjust($1, '', $2, $3, $4, $5, 'opening', $6)",
                *(f"fund-{provider}", account, provider, coin, Decimal(OPENING), self.time.now()),
            )
            assert verdict == "adjusted"

    def command(self, body: bytes, kind: str, provider: str) -> None:
        """Publish it."""
        self.bus.waiting.append(Incoming(body=body, routing_key=f"{provider}.{kind}", provider=provider))

    def webhooks(self, kind: str, **fields: object) -> None:
        """How webhooks of a kind are sent."""
        set_webhooks(self.bank.webhooks, {"kind": kind, **fields})

    def after(self, seconds: float, action: Callable[[], Any]) -> None:
        """Let it happen when so much time has passed."""
        self._timed.append((self.time.now() + timedelta(seconds=seconds), action))

    def once(self, condition: Callable[[], Any], action: Callable[[], Any]) -> None:
        """Let it happen as soon as this is the case, if it ever is."""
        self._conditional.append((condition, action))

    # ---------------------------------------------------------------- what then happens

    async def run(self, role: str = "worker", *, until_ended: bool = False) -> None:
        """Do everything there is to do, letting time pass, until all is quiet, or every order has ended."""
        for _ in range(ROUNDS_MAX):
            await self._round(role)
            waits = await waits_for(self)
            if not waits or (until_ended and waits.isdisjoint({"orders", "agenda"})):
                return
            await self._pass_time()

    async def _round(self, role: str) -> None:
        await self._happen()
        await self.let(role, Process.work_once)
        await self.carry_webhooks()
        for order_id, provider_ref in await in_review(self):
            if provider_ref is None:
                for claim in (*self.careless, None):
                    executed_as = await truth_of(self, order_id) if claim is None else claim()
                    await self.let("desk", lambda desk: desk.decide(order_id, executed_as))  # noqa: B023
            else:
                clears(self, provider_ref)

    async def _happen(self) -> None:
        """What the scene has in store for now."""
        now = self.time.now()
        due = [action for at, action in self._timed if at <= now]
        self._timed = [(at, action) for at, action in self._timed if at > now]
        met = [entry for entry in self._conditional if entry[0]()]
        self._conditional = [entry for entry in self._conditional if entry not in met]
        for action in (*due, *(action for _, action in met)):
            done = action()
            if isinstance(done, Awaitable):
                await done

    async def let(self, role: str, work: Callable[[Process], Awaitable[Result]]) -> Result | None:
        """Have a process do something. Killed meanwhile, it is replaced before its next turn."""
        try:
            if role not in self._processes:
                self._processes[role] = Process(self, self.switches.get(role) or KillSwitch())
            self._processes[role].switch.turn += 1
            return await work(self._processes[role])
        except Killed:
            self._processes[role] = Process(self, KillSwitch())
            if role == "worker":
                self.bus.give_back_unacked()
            return None

    async def carry_webhooks(self) -> None:
        """Those that are due, each to the web worker. A dead one gives no answer."""
        for delivery in self.bank.due_webhooks():
            answer = await self.post(delivery.path, delivery.body, dict(delivery.headers))
            status, body = answer or (None, b"")
            self.bank.webhook_answered(delivery.delivery_id, status, body)

    async def post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes] | None:
        """Post something to the web worker."""
        answer = await self.let("web", lambda web: web.post(path, body, headers))
        if answer is not None and path.endswith("confirm"):
            await self.witness.confirmed(body, *answer)
        await self.let("web", Process.publish)
        return answer

    async def _pass_time(self) -> None:
        now = self.time.now()
        until = [now + timedelta(seconds=10 if self._conditional else ROUND_SECONDS_MAX), *await next_due(self)]
        until += [at for at, _ in self._timed]
        webhooks = [each.due + self.seconds_behind for each in self.bank.webhooks.pending()]
        until += [datetime.fromtimestamp(due, now.tzinfo) for due in webhooks]
        self.time.advance(max(1.0, (min(until) - now).total_seconds()))

    @property
    def is_awaited(self) -> bool:
        """Something of the scene is still to happen, by the clock or because its time has come."""
        return bool(self._timed) or any(condition() for condition, _ in self._conditional)

    # ---------------------------------------------------------------- what the ports call

    async def after_call(self, name: str) -> None:
        """Where a process may be stopped: what the ledger was asked is durable, and nothing has come of it yet."""
        meanwhile = self.meanwhile.pop(name, None)
        if meanwhile is not None:
            await meanwhile()

    async def leaves(self, request: httpx.Request) -> None:
        """A request is about to leave. It takes time: two in one instant would be signed alike."""
        self.time.advance(0.005)
        await self.witness.leaves(request)
        stall = self.stall
        if stall is not None and request.method == "POST":
            self.stall = None
            await stall()

    async def is_answering(self) -> None:
        """A request was carried out."""
        if self.before_answers is not None:
            await self.before_answers()
