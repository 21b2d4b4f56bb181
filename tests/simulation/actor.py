"""A worker: all of its real parts on the ports of one life."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from starlette.applications import Starlette

from tests.simulation.bank import Bank
from tests.simulation.bus import Bus, BusPublisher
from tests.simulation.ledger import ROAD, StoredLedger
from tests.simulation.life import Killed, Life
from tests.simulation.loop import SkewedClock
from tests.simulation.oracle import Oracle, Wrong
from tests.simulation.plan import BOUND, LIST_LAG_SECONDS, SKEW_SECONDS, VALIDITY_SECONDS, Plan
from tests.simulation.store import Store
from tests.simulation.trace import Trace
from tests.simulation.wire import Wire
from worker.coins import Coins
from worker.loops.consume import Consume
from worker.loops.relay import Relay
from worker.loops.resume import CLAIM_ORDERS_MAX, Resume
from worker.loops.slots import Slots
from worker.metrics import Metrics
from worker.providers.coinqpay.api import Api
from worker.providers.coinqpay.auth import Signer
from worker.providers.coinqpay.provider import CoinQPay, Patience
from worker.providers.coinqpay.recipe import Recipe
from worker.web.webhooks import webhook_routes
from worker.world import Policy, World

LEASE_SECONDS = 30.0
PATIENCE = Patience(
    validity=timedelta(seconds=VALIDITY_SECONDS),
    skew=timedelta(seconds=SKEW_SECONDS),
    list_lag=timedelta(seconds=LIST_LAG_SECONDS),
)


@dataclass(frozen=True)
class Kit:
    """What is the same in all seeds, and takes time to make."""

    signers: Mapping[str, tuple[Signer, Recipe]]  # by the unit of the time that is signed
    metrics: Metrics


@dataclass
class Stage:
    """All that the workers of one seed share."""

    plan: Plan
    random: Random
    trace: Trace
    store: Store
    bus: Bus
    bank: Bank
    oracle: Oracle
    kit: Kit


class Actor:
    """One life of one worker. `off_seconds` is how wrong its clock is."""

    def __init__(self, stage: Stage, name: str, off_seconds: float) -> None:
        self.life = Life(name, stage.plan, stage.random, stage.trace)
        self._stage = stage
        self._tasks: set[asyncio.Task[Any]] = set()
        self._clock = clock = SkewedClock(asyncio.get_running_loop().time, off_seconds)
        ledger: Any = StoredLedger(stage.store, clock, LEASE_SECONDS, name, self.life, stage.oracle.commit)
        publisher = BusPublisher(stage.bus, self.life)
        wire = Wire(
            stage.bank,
            self.life,
            stage.plan,
            stage.random,
            lambda request: stage.oracle.leaves(request, clock.now()),
        )
        signer, recipe = stage.kit.signers[stage.plan.time_unit]
        api = Api(
            wire,
            base_url="http://bank",
            signer=signer,
            recipe=recipe,
            timeout_seconds=10,
            now=clock.now,
        )
        provider = CoinQPay(api, BOUND, PATIENCE, clock.now)
        self.relay = Relay(ledger, publisher, clock, LEASE_SECONDS)
        self.world = World(
            ledger=ledger,
            publisher=publisher,
            relay=self.relay,
            providers={"coinqpay": provider},
            coins=Coins(ledger, {"coinqpay": provider}, clock),
            clock=clock,
            policy=Policy(2.0, stage.plan.review_after_seconds, stage.plan.resend),
            metrics=stage.kit.metrics,
        )
        self._slots = _WatchedSlots(64, clock)
        self._slots.oracle = stage.oracle
        self._web = Starlette(routes=webhook_routes(self.world.providers, self.world))

    async def live(self) -> None:
        """Work until it dies."""
        for loop in (self._consume(), self._resume(), self._publish()):
            self.start(loop)
        await self.life.died
        for task in [*self._tasks, *self._slots._tasks]:
            task.cancel()

    def start(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Do something in this life."""
        task = asyncio.create_task(self._watch(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # cancelled before its first step, it has never begun
        return task

    async def _watch(self, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await work
        except (Killed, Wrong):
            return None
        except Exception as error:  # noqa: BLE001 - there are none to be expected
            self._stage.oracle.fail(f"{self.life.name}: {error!r}")

    async def _consume(self) -> None:
        consume = Consume(self.world, self._slots)
        while True:
            await consume.handle(await self._stage.bus.take(self.life))

    async def _resume(self) -> None:
        """As its loop does; but it sleeps until something is due, for looking in vain shows nothing."""
        resume = Resume(self.world, self._slots)
        while True:
            if await resume.run_once() < CLAIM_ORDERS_MAX:
                due = [row.due_at for row in self._stage.store.orders.values() if row.due_at is not None]
                wait = (min(due) - self._clock.now()).total_seconds() if due else 40.0
                await self._clock.sleep(min(max(wait, 0.5), 40.0) + self._stage.random.random())

    async def _publish(self) -> None:
        while True:
            await self.relay.publish_handed()
            now = self._clock.now()
            outbox = self._stage.store.outbox.values()
            if any(row.published_at is None and row.lease_until <= now for row in outbox):
                await self.relay.run_once()
            await self._clock.sleep(self._stage.random.uniform(5, 40))

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """A webhook comes in; status and body of the answer."""
        ROAD.set("confirmation" if path.endswith("confirm") else "flow")
        answer: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            answer.append(message)

        await self.life.pause("webhook")
        scope = {"type": "http", "method": "POST", "path": path, "root_path": "", "query_string": b"", "headers": []}
        await self._web(scope, receive, send)  # type: ignore[arg-type]
        return answer[0]["status"], b"".join(message.get("body", b"") for message in answer[1:])


class _WatchedSlots(Slots):
    """Slots swallow what goes wrong, and the order is taken up again; here it must not go wrong."""

    oracle: Oracle

    async def _run(self, work: Coroutine[None, None, None]) -> None:
        await super()._run(self._told(work))

    async def _told(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - there are none to be expected
            self.oracle.fail(f"an order failed in a worker: {error!r}")
