"""One seed: its plan, its chaos, its healing, and what the oracle says of it."""

import asyncio
import gc
import json
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any, get_args

import structlog

from tests.simulation.actor import Actor, Kit, Stage
from tests.simulation.bank import OTHER_AMOUNT, Bank
from tests.simulation.books import Violated
from tests.simulation.bus import Bus
from tests.simulation.clerk import Clerk
from tests.simulation.ending import check_end
from tests.simulation.loop import START, Stuck, VirtualLoop
from tests.simulation.oracle import PROVIDER, Oracle, Wrong
from tests.simulation.plan import ACCOUNTS, BOUND, COINS, Plan, Wish, make_plan
from tests.simulation.post import Post
from tests.simulation.store import Store
from tests.simulation.trace import Trace
from worker.message import Incoming
from worker.metrics import Metrics
from worker.providers.coinqpay.auth import Signer
from worker.providers.coinqpay.recipe import Recipe, TimeUnit
from worker.sandbox.coinqpay.account import CoinQPayAccount, public_key_of
from worker.sandbox.coinqpay.recipe import Recipe as SandboxRecipe

KEY = bytes(range(32))
# After the chaos everything must have ended within this.
CALM_SECONDS = 4 * 3600.0


@dataclass(frozen=True)
class Report:
    """What came of a seed."""

    seed: int
    broken: tuple[str, ...]
    points: Counter[str]
    digest: str
    plan: Plan


def make_kit() -> Kit:
    """What all seeds share."""
    return Kit({unit: _signer(unit) for unit in get_args(TimeUnit)}, Metrics())


def _signer(unit: TimeUnit) -> tuple[Signer, Recipe]:
    recipe = Recipe(
        key_header="Biz-Api-Key",
        time_header="Biz-Api-Nonce",
        signature_header="Biz-Api-Signature",
        template="{method}|{path}|{timestamp}|{params}|{body}",
        prehash="dsha256",
        time_unit=unit,
        encoding="hex",
    )
    return Signer(KEY.hex(), recipe), recipe


@contextmanager
def silence() -> Iterator[None]:
    """No log of the worker, and no garbage collection at moments of its own: it would end generators by chance."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        structlog.configure(**before)


def run(seed: int, kit: Kit, tell: Callable[[str], None] | None = None) -> Report:
    """Play one seed to its end. Within `silence`."""
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    plan = make_plan(seed, random)
    loop = VirtualLoop(random)
    trace = Trace(loop.time, tell)
    oracle = Oracle(Store(), trace)
    loop.set_exception_handler(lambda _, context: _remember(oracle, context))
    try:
        loop.run_until_complete(_Play(plan, random, trace, oracle, kit).play())
    except (Wrong, Violated, Stuck) as error:
        oracle.broken.append(repr(error))
    finally:
        _end(loop)
    return Report(seed, tuple(oracle.broken), trace.points, trace.digest(), plan)


class _Play:
    """The acts of one seed."""

    def __init__(self, plan: Plan, random: Random, trace: Trace, oracle: Oracle, kit: Kit) -> None:
        self._plan = plan
        self._random = random
        self._trace = trace
        self._oracle = oracle
        self._kit = kit
        self._actors: dict[str, Actor] = {}

    async def play(self) -> None:
        """Chaos, then calm until everything has ended."""
        plan = self._plan
        account = CoinQPayAccount(
            public_key=public_key_of(KEY),
            recipe=SandboxRecipe(time_unit=plan.time_unit),
            withdraw_addresses=BOUND,
        )
        oracle = self._oracle
        bank = Bank(plan, account, self._random, self._trace, oracle.made_by, oracle.received)
        oracle.bank = bank
        self._stage = Stage(plan, self._random, self._trace, oracle.store, Bus(), bank, oracle, self._kit)
        self._post = Post(self._stage, self._actors)
        self._fund()
        chaos: list[Coroutine[Any, Any, Any]] = [self._worker(number) for number in range(1, plan.workers + 1)]
        chaos += [self._post.run(), Clerk(self._stage).run(), self._neighbours(), self._breakdowns()]
        chaos += [self._publish(wish, at) for wish in plan.wishes for at in (0.0, *wish.copies)]
        chaos += [self._pay_by_hand(*payment) for payment in plan.by_hand]
        if plan.has("webhook forged"):
            chaos.append(self._post.forge())
        tasks = [asyncio.create_task(self._watch(part)) for part in chaos]
        await self._wait(plan.chaos_seconds)
        self._trace.say("", "everything heals")
        bank.heal()
        plan.heal()
        await self._calm()
        check_end(self._stage)
        for task in tasks:
            task.cancel()

    async def _wait(self, seconds: float) -> None:
        """Let time pass, unless something is broken already."""
        await asyncio.sleep(seconds)
        if self._oracle.broken:
            raise Wrong(self._oracle.broken[0])

    async def _calm(self) -> None:
        until = asyncio.get_running_loop().time() + CALM_SECONDS
        while self._unquiet():
            if asyncio.get_running_loop().time() > until:
                self._oracle.fail(f"not everything has ended: {self._unquiet()}")
            await self._wait(30)
            self._stage.bank.clear_up()
            self._stage.bank.news.set()

    def _unquiet(self) -> list[str]:
        """What has not come to its end."""
        store, stage = self._oracle.store, self._stage
        left = [f"{row.order_id} is {row.state}" for row in store.orders.values() if row.due_at is not None]
        left += ["an event" for row in store.outbox.values() if row.published_at is None]
        left += ["a message"] * (len(stage.bus.waiting) + len(stage.bus.unacked))
        left += [] if stage.bank.is_quiet() else ["a withdrawal"]
        left += [] if self._post.is_quiet() else ["a webhook"]
        return left

    def _fund(self) -> None:
        for coin in COINS:
            for account, amount in ACCOUNTS.items():
                key = (PROVIDER, coin, account)
                self._oracle.store.adjust(f"fund-{coin}-{account}", b"", key, Decimal(amount), START)

    # ---------------------------------------------------------------- who plays

    async def _worker(self, number: int) -> None:
        """A worker, started again whenever it was killed."""
        off_seconds = self._plan.skews[number]
        lives = 0
        while True:
            lives += 1
            actor = Actor(self._stage, f"worker{number}.{lives}", off_seconds)
            self._actors[str(number)] = actor
            watch = asyncio.create_task(self._watch(self._heartbeat(actor)))
            await actor.live()
            watch.cancel()
            self._give_back(actor)
            await asyncio.sleep(self._random.choice((1.0, self._random.uniform(1, 90))))

    async def _heartbeat(self, actor: Actor) -> None:
        """The broker gives away what a worker has that is silent for too long."""
        while True:
            await asyncio.sleep(30)
            if actor.life.silent:
                actor.life.silent = False
                self._give_back(actor)
            self._stage.bus.wake()

    def _give_back(self, actor: Actor) -> None:
        if any(delivery.life is actor.life for delivery in self._stage.bus.unacked):
            self._trace.seen("message given to another worker")
        self._stage.bus.give_back(actor.life)

    async def _publish(self, wish: Wish, later_seconds: float) -> None:
        at = wish.at_seconds + later_seconds
        fields = {name: value for name, value in wish.fields.items() if name != "expiresIn"}
        if "expiresIn" in wish.fields:
            expires_at = START + timedelta(seconds=wish.at_seconds + wish.fields["expiresIn"])
            fields["expiresAt"] = expires_at.isoformat()
        await asyncio.sleep(at)
        self._trace.say("service", fields)
        self._stage.bus.publish_command(
            Incoming(json.dumps(fields).encode(), f"coinqpay.{fields['type']}", PROVIDER, correlation_id=f"c-{at}")
        )

    async def _pay_by_hand(self, at: float, coin: str, address: str, amount: str) -> None:
        await asyncio.sleep(max(at, 0.0))
        self._stage.bank.pay_by_hand(coin, address, amount)

    async def _neighbours(self) -> None:
        """Other payments are made in the same account all the time."""
        while True:
            for coin, (_, other) in COINS.items():
                self._stage.bank.pay_by_hand(coin, other, OTHER_AMOUNT, other=True)
            await asyncio.sleep(self._random.uniform(0.2, 1.0) * self._plan.neighbour_seconds)

    async def _breakdowns(self) -> None:
        """What happens at the provider once in a while."""
        plan, bank = self._plan, self._stage.bank
        if plan.has("one copy lags far behind"):
            bank.hide_list(until_seconds=self._random.uniform(250, 450), lag_seconds=self._random.uniform(10, 50))
        while plan.has("status regresses") and not plan.is_healed:
            await asyncio.sleep(self._random.uniform(1, 100))
            bank.regress()

    async def _watch(self, part: Coroutine[Any, Any, Any]) -> None:
        try:
            await part
        except Wrong:
            pass  # it is written down
        except Exception as error:  # noqa: BLE001 - none is expected
            self._oracle.broken.append(f"the simulation itself: {error!r}")


def _remember(oracle: Oracle, context: dict[str, Any]) -> None:
    """What a callback raised. What tasks leave behind when they are killed is nothing."""
    error = context.get("exception")
    if isinstance(error, Exception):
        oracle.broken.append(f"in the loop: {error!r}")


def _end(loop: VirtualLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=60))
    loop.close()
