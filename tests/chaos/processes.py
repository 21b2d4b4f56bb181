"""A process of the payment dramas: a worker, the web worker or a person's desk, all of its ports dying together."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette

from tests.chaos.bank import APP_ID, APP_SECRET, BOUND, RECIPE, SIGNER
from tests.chaos.ports import BusDelivery, BusPublisher, KillableClock, KillableLedger, KillableTransport, KillSwitch
from worker.coins import Coins
from worker.errors import BadInput, WorkerError
from worker.flow import execute, go_on
from worker.jobs.deposits import take_deposits
from worker.jobs.late_payments import take_late_payments
from worker.jobs.rescans import run_rescans
from worker.ledger import Ledger
from worker.loops.relay import Relay
from worker.loops.resume import CLAIM_ORDERS_MAX, RESUMED
from worker.loops.schedule import Job, Schedule
from worker.providers.ccpayment.api import Api as CCPaymentApi
from worker.providers.ccpayment.provider import CCPayment
from worker.providers.coinqpay.api import Api as CoinQPayApi
from worker.providers.coinqpay.provider import CoinQPay, Patience
from worker.steps.resolve import Resolution, resolve
from worker.web.webhooks import webhook_routes
from worker.world import Policy, World

if TYPE_CHECKING:
    from tests.chaos.play import Play

LEASE_SECONDS = 30
# Shorter than an operator would have it, and all that the sandbox needs: it takes signatures for two minutes.
PATIENCE = Patience(validity=timedelta(seconds=120), skew=timedelta(seconds=5), list_lag=timedelta(seconds=30))
JOB_SECONDS = 60.0


class Process:
    """One life of one process. What it does depends on who calls it."""

    def __init__(self, play: "Play", switch: KillSwitch) -> None:
        self._play = play
        self.switch = switch
        self._clock = clock = KillableClock(play.time, switch)
        self._inner = Ledger(play.database, play.time, LEASE_SECONDS)
        ledger: Any = KillableLedger(self._inner, switch, play.after_call)
        publisher = BusPublisher(play.bus, switch)
        transport = KillableTransport(play.bank, switch, play.leaves, play.is_answering)
        shared: dict[str, Any] = {"base_url": "http://bank", "timeout_seconds": 10, "now": clock.now}
        self._ccpayment = CCPayment(
            CCPaymentApi(transport, app_id=APP_ID, app_secret=APP_SECRET, **shared), APP_ID, clock.now
        )
        self._coinqpay = CoinQPay(
            CoinQPayApi(transport, signer=SIGNER, recipe=RECIPE, **shared), BOUND, PATIENCE, clock.now
        )
        providers = {"ccpayment": self._ccpayment, "coinqpay": self._coinqpay}
        self._relay = Relay(ledger, publisher, clock, LEASE_SECONDS)
        self._world = World(
            ledger=ledger,
            publisher=publisher,
            relay=self._relay,
            providers=providers,
            coins=Coins(ledger, providers, clock),
            clock=clock,
            policy=Policy(2, 600, play.resend, rescan_seconds=60, rescan_give_up_seconds=400),
            metrics=play.metrics,
        )
        self._web = Starlette(routes=webhook_routes(providers, self._world))

    # ---------------------------------------------------------------- a worker

    async def work_once(self) -> None:
        """What the loops do in one turn."""
        world, waiting = self._world, self._play.bus.waiting
        while waiting:
            await execute(BusDelivery(waiting.popleft(), self._play.bus, self.switch), world)
        await self.publish()
        for order in await world.ledger.claim(list(world.providers), RESUMED, CLAIM_ORDERS_MAX):
            await go_on(order, world)
        await self.publish()
        await self._relay.run_once()
        if self._play.jobs:
            await Schedule(self._jobs(), world.ledger, self._clock).run_once()
            await self.publish()

    async def publish(self) -> None:
        """What was handed to the relay."""
        await self._relay.publish_handed()

    def _jobs(self) -> list[Job]:
        source, world = self._ccpayment.deposits, self._world
        assert source is not None
        jobs = {
            "late": partial(take_late_payments, self._coinqpay, world),
            "deposits": partial(take_deposits, source, world),
            "rescans": partial(run_rescans, source, world),
        }
        return [Job(name, JOB_SECONDS, jobs[name]) for name in self._play.jobs]

    # ---------------------------------------------------------------- the web worker

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """A webhook comes in; status and body of the answer. What its handler has begun is waited for."""
        answer: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            answer.append(message)

        sent = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": sent}
        before = asyncio.all_tasks()
        await self._web(scope, receive, send)  # type: ignore[arg-type]
        begun = await asyncio.gather(*(asyncio.all_tasks() - before), return_exceptions=True)
        self._play.broken += [repr(error) for error in begun if isinstance(error, Exception)]
        return answer[0]["status"], b"".join(message.get("body", b"") for message in answer[1:])

    # ---------------------------------------------------------------- a person's desk

    async def decide(self, order_id: str, executed_as: str | None) -> None:
        """A person says what became of an order in review; what contradicts the evidence is refused."""
        self._inner.leave_events()
        with suppress(BadInput, WorkerError):
            await resolve(order_id, Resolution(executed_as, "a person", "seen at the provider"), self._world)
