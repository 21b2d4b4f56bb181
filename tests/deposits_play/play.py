"""One seed: two workers and a web worker taking turns, what comes in, its webhooks, a forger, faults and time."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import httpx

from tests.chaos.play import Play, Result
from tests.chaos.ports import Killed, KillSwitch
from tests.chaos.processes import Process
from tests.deposits_play import points, truth
from tests.deposits_play.conductor import Conductor
from tests.deposits_play.fates import FATES
from worker.sandbox.ccpayment.records import Deposit
from worker.sandbox.coinqpay.records import queried_pay_order

CHAOS_SECONDS = 120.0
ROUNDS_MAX = 150
KILLS = (0, 0, 1, 3)
KILL_RATE = 0.02
READS = ("getUserDepositRecord", "getAppDepositRecord", "rescanLostTransaction", "coinqpay.pay_order")
LISTS = ("getUserDepositRecordList", "getAppDepositRecordList")
BROKEN = ("reset", "http_500", "hang", "non_json", "truncated_json")
WEBHOOKS = ("ccpayment", "coinqpay.pay-order")


class TurnSwitch(KillSwitch):
    """Every call of a port waits for its turn, and may be the last."""

    def __init__(self, play: "DepositPlay", role: str) -> None:
        super().__init__()
        self._play = play
        self._role = role

    async def around(
        self, name: str, call: Callable[[], Awaitable[Any]], changes: Callable[[Any], bool] = lambda _: True
    ) -> Any:
        """One at a time, by chance."""
        play = self._play
        await play.conductor.turn()
        try:
            if not self.dead and play.kills_left and play.random.random() < KILL_RATE:
                play.kills_left -= 1
                self.at, self.moment = self.calls + 1, play.random.choice(("before", "after"))
                play.seen[f"killed {self.moment} a call: {self._role.partition(' ')[0]}"] += 1
            result = await super().around(name, call, changes)
            points.see_call(name, result, play.seen)
            return result
        finally:
            play.conductor.leave()


@dataclass
class DepositPlay(Play):
    """All choices are made by the seed."""

    seed: int = 0
    told: set[str] = field(default_factory=set)  # records of webhooks that were taken
    before: dict[str, Deposit] = field(default_factory=dict)  # what was said of records that changed after their end
    accounts: dict[str, str] = field(default_factory=dict)  # of pay orders
    in_vain: set[str] = field(default_factory=set)  # rescans that can find nothing
    must_succeed: set[str] = field(default_factory=set)
    seen: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    _carried: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)
    _numbers: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.random = Random(self.seed)  # noqa: S311 - repeatable, not secret
        self.conductor = Conductor(self.random)
        self.kills_left = self.random.choice(KILLS)
        self.forges = self.random.random() < 0.5

    # ---------------------------------------------------------------- what a seed has in store

    async def prepare(self) -> None:
        """Some fates at once, and what goes wrong around them."""
        await self.fund()
        chance = self.random
        names, weights = list(FATES), [weight for _, weight in FATES.values()]
        for name in chance.choices(names, weights, k=chance.randint(1, 6)):
            self.seen[name] += 1
            FATES[name][0](self, chance, chance.choice((0.0, chance.uniform(0, CHAOS_SECONDS / 2))))
        for kind in WEBHOOKS:
            self._trouble_webhooks(kind)
        for route in chance.sample(READS, chance.choice((0, 1, 2))):
            fault = {"probability": chance.uniform(0.3, 1.0), "times": chance.randint(1, 4)}
            self.bank.add_fault(chance.choice(BROKEN), route=route, when=chance.choice(("before", "after")), **fault)
        for route in LISTS if chance.random() < 0.5 else ():
            if chance.random() < 0.6:
                self.bank.add_fault("lag", route=route, seconds=chance.choice((20.0, 90.0)))
            else:
                self.bank.add_fault(chance.choice(BROKEN), route=route, times=chance.randint(1, 3))

    def _trouble_webhooks(self, kind: str) -> None:
        chance = self.random
        how = chance.choice(("as they should", "lost", "late", "twice", "for a time lost"))
        self.seen[f"webhooks {how}"] += 1
        match how:
            case "lost":
                self.webhooks(kind, on=False)
            case "late":
                self.webhooks(kind, delaySeconds=chance.choice((3.0, 40.0)))
            case "twice":
                self.webhooks(kind, duplicate=True)
            case "for a time lost":
                self.webhooks(kind, on=False)
                self.after(chance.uniform(5, 90), lambda: self.webhooks(kind, on=True, duplicate=True))

    def new_id(self, kind: str) -> str:
        """One that nothing else has."""
        self._numbers[kind] += 1
        return f"{kind}-{self._numbers[kind]}"

    def deposit(self, **fields: object) -> Mapping[str, Any]:
        """Something comes in at CCPayment."""
        return self.bank.control("deposit", "ccpayment", **fields)

    def change(self, tx_id: str, **how: object) -> None:
        """The provider thinks again of what came in, if it has come to its end."""
        [record] = [each for each in self.bank.books.deposits() if each.tx_id == tx_id]
        if record.status(self.bank._now()) != "Processing":
            if truth.is_money(record, self.bank._now()):
                self.before[record.record_id] = record
            self.bank.control("change-deposit", "ccpayment", recordId=record.record_id, **how)

    # ---------------------------------------------------------------- what then happens

    async def run(self, role: str = "", *, until_ended: bool = False) -> None:
        """Rounds of everything at once, until all is quiet."""
        began = self.time.now()
        for self.rounds in range(ROUNDS_MAX):
            await self._happen()
            due = self.bank.due_webhooks()
            await self.conductor.perform(
                [
                    self.let("worker 1", Process.work_once),
                    self.let("worker 2", Process.work_once),
                    *(self._carry(delivery) for delivery in due),
                    self._go_on_meanwhile(),
                    *([self._forge()] if self.forges and self.random.random() < 0.3 else []),
                ]
            )
            if self.time.now() >= began + timedelta(seconds=CHAOS_SECONDS) and not self._timed:
                self._heal()
                if not await truth.waits_for(self):
                    return
            self.time.advance(await truth.until_next(self))

    async def _go_on_meanwhile(self) -> None:
        """Time does not wait for the workers: what is read may be otherwise before it is written down."""
        for _ in range(self.random.choice((0, 1, 3)) if self._timed or not self.bank.is_quiet() else 0):
            await self.conductor.turn()
            self.time.advance(self.random.choice((0.3, 1.5)))
            await self._happen()
            self.bank.advance()
            self.conductor.leave()

    def _heal(self) -> None:
        for fault in self.bank.faults():
            self.seen[f"fault {fault.rule.kind}"] += fault.fired > 0
        self.bank.clear_faults()
        self.kills_left, self.forges = 0, False

    async def let(self, role: str, work: Callable[[Process], Awaitable[Result]]) -> Result | None:
        """Have a process do something. Killed meanwhile, it is replaced before its next turn."""
        process = self._processes.get(role)
        if process is None or process.switch.dead:
            process = self._processes[role] = Process(self, TurnSwitch(self, role))
        try:
            return await work(process)
        except Killed:
            if role.startswith("worker"):
                self.bus.give_back_unacked()
            return None

    async def _carry(self, delivery: Any) -> None:
        headers = dict(delivery.headers)
        answer = await self.let("web", lambda web: web.post(delivery.path, delivery.body, headers))
        await self.let("web", Process.publish)
        status, body = answer or (None, b"")
        self.bank.webhook_answered(delivery.delivery_id, status, body)
        if status == 200:
            self._carried.append((delivery.path, delivery.body, headers))
            self.told.add(json.loads(delivery.body).get("msg", {}).get("recordId", ""))

    async def _forge(self) -> None:
        """Somebody posts what was sent before, something else under its signature, or a payment that never was."""
        for path, body, headers in self.random.sample(self._carried, min(1, len(self._carried))):
            is_signed = path.endswith("ccpayment")
            again = await self.let("web", lambda web: web.post(path, body, headers))  # noqa: B023
            other = body.replace(b'"status"', b'"Status"')
            forged = await self.let("web", lambda web: web.post(path, other, headers))  # noqa: B023
            if is_signed and again is not None and forged is not None:
                assert (again[0], forged[0]) == (200, 401), "a signature is believed that is none"
                self.seen["webhook forged"] += 1
        for order in self.bank.coinqpay_books.pay_orders():
            if order.pay_amount is None:
                said = {**queried_pay_order(order, in_milliseconds=False), "status": 3, "pay_amount": "1000"}
                path, body = "/webhooks/coinqpay/pay-order", json.dumps(said).encode()
                await self.let("web", lambda web: web.post(path, body, {}))  # noqa: B023
                self.seen["payment forged"] += 1

    async def leaves(self, _request: httpx.Request) -> None:
        """A request takes time. What may leave is asked in the scenes of tests/chaos."""
        self.time.advance(0.005)
