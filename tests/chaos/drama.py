"""One drama: messages, a sandbox with its faults, a worker that dies once, and those that come after it."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from tests.chaos.ports import (
    Bus,
    BusDelivery,
    BusPublisher,
    KillableClock,
    KillableLedger,
    KillableTransport,
    Killed,
    KillSwitch,
    VirtualTime,
)
from worker.coins import Coins
from worker.database import Database
from worker.flow import execute, go_on
from worker.ledger import Ledger
from worker.loops.relay import Relay
from worker.loops.resume import CLAIM_ORDERS_MAX, RESUMED
from worker.message import Incoming
from worker.providers.ccpayment.api import Api
from worker.providers.ccpayment.provider import CCPayment
from worker.sandbox.ccpayment.records import Status
from worker.sandbox.sandbox import Sandbox
from worker.topology import DEAD_EXCHANGE, EVENTS_EXCHANGE
from worker.world import Policy, World

APP_ID = "chaos-merchant"
APP_SECRET = "chaos-secret"
COIN = 1280
COIN_OUT = 1329  # of swaps
LEASE_SECONDS = 30
# Longer than any road to an end: proof of absence takes four minutes of virtual time.
ROUNDS_MAX = 60
ROUND_SECONDS = 31


@dataclass
class Drama:
    """What happens around the worker. Names are made unique, so that dramas share a database."""

    database: Database
    owner: asyncpg.Connection
    name: str = field(default_factory=lambda: uuid4().hex[:12])
    time: VirtualTime = field(default_factory=VirtualTime)
    bus: Bus = field(default_factory=Bus)
    requests: Counter[str] = field(default_factory=Counter)
    stall: Callable[[], Any] | None = None  # while the first request is about to leave
    pause: Callable[[], Any] | None = None  # after the first attempt is written down
    provider_seconds_behind: float = 0

    def __post_init__(self) -> None:
        self.sandbox = Sandbox(APP_ID, APP_SECRET, lambda: self.time.now().timestamp() - self.provider_seconds_behind)

    def user(self, name: str) -> str:
        return f"{name}-{self.name}"

    def order(self, name: str) -> str:
        return f"{name}-{self.name}"

    async def fund(self, user: str, amount: str, in_sandbox: str | None = None) -> None:
        """The same money in the ledger and at the provider, unless told otherwise."""
        self.sandbox.fund(self.user(user), COIN, in_sandbox or amount)
        verdict = await self.owner.fetchval(
            "SELECT ledger.adjust($1, $2, $3, 'ccpayment', $4, $5::text::numeric, 'opening', $6)",
            f"fund-{user}-{self.name}",
            b"",
            f"user:{self.user(user)}",
            str(COIN),
            amount,
            self.time.now(),
        )
        assert verdict == "adjusted"

    def command(self, order: str, **changes: object) -> None:
        """Publish a transfer of 1 from alice to bob, or as changed."""
        fields: dict[str, object] = {
            "type": "transfer",
            "orderId": self.order(order),
            "fromUserId": self.user("alice"),
            "toUserId": self.user("bobby"),
            "coinId": COIN,
            "amount": "1",
        }
        self.message(json.dumps({**fields, **changes}).encode())

    def swap(self, order: str, **changes: object) -> None:
        """Publish a swap of 1 by alice, with a fee for the merchant, or as changed."""
        fields: dict[str, object] = {
            "type": "swap",
            "orderId": self.order(order),
            "userId": self.user("alice"),
            "coinIdIn": COIN,
            "amountIn": "1",
            "coinIdOut": COIN_OUT,
            "extraFeeRate": "0.01",
        }
        self.message(json.dumps({**fields, **changes}).encode(), "swap")

    def swaps_take(self, seconds: float, *, fail: bool = False) -> None:
        """Swaps from now on are under way for so long before they end."""
        self.sandbox.ask(self.sandbox.controls["ccpayment"]["swaps"], {"processingSeconds": seconds, "fails": fail})

    def message(self, body: bytes, kind: str = "transfer") -> None:
        """Publish these bytes."""
        self.bus.waiting.append(Incoming(body=body, routing_key=f"ccpayment.{kind}", provider="ccpayment"))

    def worker(self, switch: KillSwitch) -> "Actor":
        return Actor(self, switch)

    async def play(self, switch: KillSwitch) -> None:
        """Let the first worker live until it is killed, then others until everything has ended."""
        try:
            await self.worker(switch).live()
        except Killed:
            self.bus.give_back_unacked()
            await self.worker(KillSwitch()).live()

    async def witness(self, request: httpx.Request) -> None:
        """Nothing leaves that was not written down before, byte for byte."""
        if not request.url.path.endswith(("userTransfer", "userSwap")):
            return
        order_id = json.loads(request.content)["orderId"]
        self.requests[order_id] += 1
        written = await self.owner.fetchval(
            "SELECT count(*) FROM ledger.attempt WHERE order_id = $1 AND body = $2", order_id, request.content
        )
        assert self.requests[order_id] <= written, "a request left that no attempt holds"
        stall, self.stall = self.stall, None
        if stall is not None:
            await stall()

    async def after_call(self, name: str) -> None:
        """Where a worker may be stopped: its attempt is durable, and has not been sent."""
        if name == "admit" and self.pause is not None:
            pause, self.pause = self.pause, None
            await pause()

    async def is_quiet(self) -> bool:
        """Every order has ended and every event is out."""
        open_rows = await self.owner.fetchval(
            "SELECT (SELECT count(*) FROM ledger.orders WHERE due_at IS NOT NULL)"
            " + (SELECT count(*) FROM ledger.outbox WHERE published_at IS NULL)"
        )
        return open_rows == 0 and not self.bus.waiting and not self.bus.unacked

    async def check(self, dead_letters: int, refusals: dict[str, int]) -> dict[str, str]:
        """The oracle. Returns the state of each order by its short name."""
        assert await self.is_quiet(), "not everything has ended"
        violations = await self.owner.fetch("SELECT * FROM ledger.violation")
        assert not violations, violations
        states = await self._states()
        self._check_events(states)
        self._check_executions(states)
        await self._check_books()
        assert self._refusals() == refusals
        dead = [m for m in self.bus.published if m.exchange == DEAD_EXCHANGE]
        assert len({m.body for m in dead}) == dead_letters
        return {order_id.removesuffix(f"-{self.name}"): state for order_id, state in states.items()}

    async def _states(self) -> dict[str, str]:
        rows = await self.owner.fetch(
            "SELECT order_id, state FROM ledger.order_status WHERE type IN ('transfer', 'swap') AND order_id LIKE $1",
            f"%-{self.name}",
        )
        return {row["order_id"]: row["state"] for row in rows}

    def _check_events(self, states: dict[str, str]) -> None:
        """Exactly one terminal event id per order, and it says how the order ended."""
        told: dict[str, dict[str, str]] = {order_id: {} for order_id in states}
        for message in self.bus.published:
            if message.exchange == EVENTS_EXCHANGE:
                event = json.loads(message.body)
                data = event["data"]
                if data["sequence"] > 0 and data["result"] in ("succeeded", "failed", "rejected"):
                    told[data["orderId"]][event["id"]] = data["result"]
        assert {order_id: list(results.values()) for order_id, results in told.items()} == {
            order_id: [state] for order_id, state in states.items()
        }

    def _refusals(self) -> dict[str, int]:
        """How many distinct events there are about messages that never became an order, by code."""
        told = {}
        for message in self.bus.published:
            if message.exchange == EVENTS_EXCHANGE:
                event = json.loads(message.body)
                if event["data"]["sequence"] == 0:
                    told[event["id"]] = event["data"]["error"]["code"]
        return dict(Counter(told.values()))

    def _check_executions(self, states: dict[str, str]) -> None:
        """What the provider did is what succeeded, each once."""
        books, now = self.sandbox.books, self.time.now().timestamp()
        executed = [transfer.order_id for transfer in books.transfers()]
        executed += [swap.order_id for swap in books.swaps() if swap.status(now) is Status.SUCCESS]
        assert sorted(executed) == sorted(o for o, state in states.items() if state == "succeeded")

    async def _check_books(self) -> None:
        """Each user has the same with the provider and in the ledger, and nothing is held."""
        self.sandbox.advance()
        for name, coin in product(("alice", "bobby"), (COIN, COIN_OUT)):
            row = await self.owner.fetchrow(
                "SELECT posted, held FROM ledger.account_balance WHERE account = $1 AND coin = $2",
                f"user:{self.user(name)}",
                str(coin),
            )
            theirs = self.sandbox.books.balance(self.user(name), coin)
            assert (row["posted"] if row else 0) == theirs, name
            assert not row or row["held"] == 0, name
        # The merchant is one for all dramas of a database: what counts is what this one has brought.
        earned = await self.owner.fetchval(
            "SELECT coalesce(sum(amount), 0) FROM ledger.entry_line WHERE account = 'merchant' AND order_id LIKE $1",
            f"%-{self.name}",
        )
        assert earned == self.sandbox.books.balance(APP_ID, COIN_OUT)


class Actor:
    """One worker process of the drama."""

    def __init__(self, drama: Drama, switch: KillSwitch) -> None:
        self._drama = drama
        self._switch = switch
        clock = KillableClock(drama.time, switch)
        ledger: Any = KillableLedger(Ledger(drama.database, drama.time, LEASE_SECONDS), switch, drama.after_call)
        publisher = BusPublisher(drama.bus, switch)
        self._relay = Relay(ledger, publisher, clock, LEASE_SECONDS)
        transport = KillableTransport(drama.sandbox, switch, drama.witness)
        api = Api(
            transport,
            base_url="http://sandbox",
            app_id=APP_ID,
            app_secret=APP_SECRET,
            timeout_seconds=10,
            now=clock.now,
        )
        providers = {"ccpayment": CCPayment(api, APP_ID, clock.now)}
        self._world = World(
            ledger=ledger,
            publisher=publisher,
            relay=self._relay,
            providers=providers,
            coins=Coins(ledger, providers, clock),
            clock=clock,
            policy=Policy(poll_seconds=2, review_after_seconds=900),
        )

    async def live(self) -> None:
        """Do everything there is to do, letting time pass, until all is quiet."""
        for _ in range(ROUNDS_MAX):
            await self.work_once()
            if await self._drama.is_quiet():
                return
            self._drama.time.advance(ROUND_SECONDS)

    async def work_once(self) -> None:
        """What the loops do in one turn."""
        waiting = self._drama.bus.waiting
        while waiting:
            await execute(BusDelivery(waiting.popleft(), self._drama.bus, self._switch), self._world)
        await self._relay.publish_handed()
        for order in await self._world.ledger.claim(["ccpayment"], RESUMED, CLAIM_ORDERS_MAX):
            await go_on(order, self._world)
        await self._relay.publish_handed()
        await self._relay.run_once()
