"""The provider's webhooks on their way to the workers, and those that somebody else invents."""

import asyncio
import json
from random import Random
from typing import Any

from tests.simulation.actor import Actor, Stage
from tests.simulation.plan import BOUND
from worker.sandbox.coinqpay.records import confirmation_of, queried_withdrawal
from worker.sandbox.webhooks import Delivery

# How long the provider waits for an answer.
WAIT_SECONDS = 10.0


class Post:
    """Carries webhooks to any of the workers."""

    def __init__(self, stage: Stage, actors: dict[str, Actor]) -> None:
        self._stage = stage
        self._actors = actors
        self._random: Random = stage.random
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Deliver what is due, until cancelled."""
        bank, loop = self._stage.bank, asyncio.get_running_loop()
        while True:
            bell = loop.call_later(min(bank.next_seconds() + 0.01, 30.0), bank.news.set)
            await bank.news.wait()
            bell.cancel()
            bank.news.clear()
            for delivery in bank.sandbox.due_webhooks():
                self._start(self._deliver(delivery))

    async def forge(self) -> None:
        """Send what the provider never sent."""
        while not self._stage.plan.is_healed:
            await asyncio.sleep(self._random.uniform(0.1, 30))
            self._stage.trace.seen("webhook forged")
            path, fields = self._forgery()
            await self._call(path, json.dumps(fields).encode())

    def is_quiet(self) -> bool:
        """Nothing is under way or will be."""
        return not self._under_way and not self._stage.bank.sandbox.webhooks.pending()

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _deliver(self, delivery: Delivery) -> None:
        plan, random, trace = self._stage.plan, self._random, self._stage.trace
        status: int | None = None
        body = b""
        if random.random() < plan.late_webhooks:
            trace.seen("webhook late")
            await asyncio.sleep(random.choice((random.uniform(0, 8), random.uniform(0, 90))))
        if random.random() < plan.copied_webhooks:
            trace.seen("webhook twice")
            self._start(self._copy(delivery))
        if random.random() < plan.lost_webhooks:
            trace.seen("webhook lost")
        else:
            answer = await self._call(delivery.path, delivery.body)
            if answer is not None and random.random() < plan.lost_webhooks:
                trace.seen("webhook's answer lost")
            elif answer is not None:
                status, body = answer
        self._stage.bank.sandbox.webhook_answered(delivery.delivery_id, status, body)
        self._stage.bank.news.set()

    async def _copy(self, delivery: Delivery) -> None:
        await asyncio.sleep(self._random.choice((0.0, self._random.uniform(0, 200))))
        await self._call(delivery.path, delivery.body)

    async def _call(self, path: str, body: bytes) -> tuple[int, bytes] | None:
        """The answer of one of the workers; None when it does not answer in time, or not at all."""
        actor = self._random.choice(list(self._actors.values()))
        if actor.life.is_dead:
            return None
        task = actor.start(self._answer(actor, path, body))
        await asyncio.wait({task}, timeout=WAIT_SECONDS)
        if not task.done() or task.cancelled() or task.exception() is not None:
            return None
        result: tuple[int, bytes] | None = task.result()
        return result

    async def _answer(self, actor: Actor, path: str, body: bytes) -> tuple[int, bytes]:
        status, said = await actor.post(path, body)
        name = json.loads(body).get("id", "") if body.startswith(b"{") else ""
        self._stage.trace.say(actor.life.name, "answers", path.rpartition("/")[2], name, status)
        if path.endswith("confirm"):
            self._stage.oracle.answered(name, status, said)
        return status, said

    def _forgery(self) -> tuple[str, dict[str, Any]]:
        """An invented id, a real one with what is another's, or the claim that something has succeeded."""
        random, bank = self._random, self._stage.bank
        wish = random.choice(self._stage.plan.wishes).fields
        coin, address = wish["coin"], wish.get("address", BOUND[wish["coin"]])
        withdrawals = bank.books.withdrawals()
        told = [each for each in withdrawals if each.withdrawal_id not in bank.old | bank.others]
        real = random.choice(told if told and random.random() < 0.8 else withdrawals)
        fields = random.choice((confirmation_of, queried_withdrawal))(real)
        match random.randrange(4):
            case 0:  # an id that does not exist, for a payment that may well be awaited
                fields |= {"id": str(random.randrange(10**18, 10**19)), "coin": coin, "address": address}
                fields |= {"withdraw_amount": wish["amount"], "create_time": int(bank.seconds())}
            case 1:  # what is awaited, under a real id
                fields |= {"coin": coin, "address": address, "withdraw_amount": wish["amount"]}
            case 2:  # a real one whose id is another's
                fields["id"] = random.choice(withdrawals).withdrawal_id
            case _:
                fields |= {"status": 4, "tx_hash": "0xdone"}
        if random.random() < 0.4 or "status" not in fields:
            return "/webhooks/coinqpay/confirm", fields
        return "/webhooks/coinqpay/withdrawal", fields
