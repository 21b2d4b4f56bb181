"""The person who decides on orders in review: honest, and not always careful."""

import asyncio

from tests.simulation.actor import Actor, Stage
from tests.simulation.life import Killed
from tests.simulation.oracle import PROVIDER, payee_of, wanted
from tests.simulation.rows import OrderRow
from worker.errors import BadInput, WorkerError
from worker.steps.resolve import Resolution, resolve


class Clerk:
    """Sees the provider's own site, and tells the ledger what is there."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._desk = Actor(stage, "desk", 0.0)
        self._without_way_out: set[str] = set()

    async def run(self) -> None:
        """Look at what is in review now and then, until cancelled."""
        while True:
            hurry = 0.2 if self._stage.plan.has("person errs") else 1.0
            await asyncio.sleep(self._stage.random.uniform(20, 120) * hurry)
            for order_id in [row.order_id for row in self._stage.store.orders.values() if row.state == "review"]:
                await self._decide(self._stage.store.orders[order_id])

    async def _decide(self, row: OrderRow) -> None:
        plan, random, trace = self._stage.plan, self._stage.random, self._stage.trace
        executed_as = self._truth(row)
        if plan.has("person errs") and random.random() < 0.5:
            executed_as = self._error(row)
        trace.say("clerk", row.order_id, "was executed as", executed_as)
        try:
            if self._desk.life.is_dead:
                self._desk = Actor(self._stage, "desk", 0.0)
            await resolve(row.order_id, Resolution(executed_as, "clerk", "seen at the provider"), self._desk.world)
        except BadInput as error:
            if executed_as is None and "may be this order's" in str(error):
                self._without_way_out.add(row.order_id)
            is_early = "may still be carried out" in str(error)
            trace.seen("a person was too early" if is_early else "a person was contradicted")
            trace.say("clerk", "is told", error)
        except WorkerError as error:
            trace.say("clerk", "is told", error)
        except Killed:
            trace.say("clerk", "does not know what became of it")

    def _truth(self, row: OrderRow) -> str | None:
        """The withdrawal that is this order's; None when there is none."""
        oracle, books = self._stage.oracle, self._stage.bank.books
        self._stage.bank.sandbox.advance()
        if row.provider_ref is not None:
            return row.provider_ref
        equal = [each for each in books.withdrawals() if payee_of(each) == wanted(row)]
        free = [
            each.withdrawal_id
            for each in equal
            if each.withdrawal_id in oracle.made and self._stage.store.owner(PROVIDER, each.withdrawal_id) is None
        ]
        own = [made for made, (order_id, _) in oracle.made.items() if order_id == row.order_id]
        if not set(own) - set(free):  # none of its own belongs to an equal order: then no other is its own
            free = [each for each in free if each in own]
        if row.order_id in self._without_way_out:  # then it is for what somebody has paid by hand
            free += [
                each.withdrawal_id
                for each in equal
                if each.withdrawal_id in self._stage.bank.by_hand
                and self._stage.store.owner(PROVIDER, each.withdrawal_id) is None
            ]
        free.sort(key=lambda each: (each not in own, self._rank(each)))
        return free[0] if free else None

    def _rank(self, withdrawal_id: str) -> int:
        withdrawal = self._stage.bank.books.withdrawal(withdrawal_id)
        assert withdrawal is not None
        if withdrawal.status in (5, 6):
            return 3
        return 0 if withdrawal.status == 4 else 2 if withdrawal_id in self._stage.oracle.refused else 1

    def _error(self, row: OrderRow) -> str:
        """An equal payment's id, any other's, one of last week, or one with a slip of the pen."""
        random, books = self._stage.random, self._stage.bank.books
        equal = [each for each in books.withdrawals() if payee_of(each) == wanted(row)]
        return random.choice(
            [
                random.choice(books.withdrawals()).withdrawal_id,
                random.choice(equal or books.withdrawals()).withdrawal_id,
                random.choice(sorted(self._stage.bank.old)),
                str(random.randrange(10**18, 10**19)),
            ]
        )
