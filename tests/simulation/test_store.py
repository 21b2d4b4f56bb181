"""The store in memory and the ledger in PostgreSQL give the same answers and hold the same rows, call by call."""

import copy
import random as chance
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from schemas.event import Event, Line, order_event
from schemas.payout import Payout
from tests.simulation.books import Violated
from tests.simulation.ledger import StoredLedger
from tests.simulation.loop import START
from tests.simulation.outbox import PARKED
from tests.simulation.store import Store
from worker.database import Database
from worker.ledger import Intake, Ledger, Rejection, Settlement
from worker.message import Incoming
from worker.order import Decision, Evidence, Hold, Order
from worker.providers.protocol import Coin, Prepared, payee

PROVIDER = "coinqpay"
COIN = "TRON_USDT"
ACCOUNTS = ("merchant", "user:alice1", "user:never1")
REFS = ("1001", "1002", "1003", "1004", "1005", "1006")
SEEDS = 3
CALLS = 900
ORDERS = 60


@dataclass
class ManualClock:
    """Both sides see the same time."""

    time: datetime = START

    def now(self) -> datetime:
        return self.time

    async def sleep(self, _seconds: float) -> None:
        raise AssertionError("nothing here waits")


class AtOnce:
    """A port at which nothing goes wrong."""

    async def around(self, _name: str, call: Callable[[], Any]) -> Any:
        return call()


@dataclass
class Pair:
    """Two workers on each side, and what to call next."""

    random: Random
    clock: ManualClock
    store: Store
    theirs: list[Ledger]
    ours: list[StoredLedger]
    known: list[Order] = field(default_factory=list)  # snapshots, of now and of earlier
    events: list[UUID] = field(default_factory=list)
    answers: Counter[object] = field(default_factory=Counter)

    async def call(self, name: str, *arguments: Any, **named: Any) -> Any:
        """The answer of both, which is the same."""
        worker = self.random.randrange(2)
        before = copy.deepcopy(self.store.__dict__) if name == "settle" else {}
        expected = await _answer(getattr(self.theirs[worker], name)(*arguments, **named))
        answer = await _answer(getattr(self.ours[worker], name)(*arguments, **named))
        if answer is Violated:
            self.store.__dict__.update(before)
        if name == "take_outbox":
            expected, answer = (sorted(events, key=lambda event: event.event_id) for events in (expected, answer))
        if name == "read_coins":
            expected, answer = sorted(expected, key=repr), sorted(answer, key=repr)
        assert answer == expected, (name, arguments, named)
        said = getattr(answer, "verdict", answer)
        if isinstance(said, str | bool | type):
            self.answers[name, said] += 1
        return answer

    # ---------------------------------------------------------------- what may be called

    async def admit(self) -> None:
        command = self._command()
        to = payee(command.coin, command.amount, command.address)
        prepared = None if self.random.random() < 0.1 else self._prepared()
        hold = Hold(command.account, command.coin, command.amount)
        await self.call("admit", Intake(command, self._message(), command.fingerprint(), hold, prepared, to))
        await self.read()

    async def reject(self) -> None:
        command = self._command()
        event = self._event(command.order_id, "rejected", 1)
        fingerprint = command.fingerprint()
        await self.call("reject", Rejection(command, self._message(), fingerprint, "expired", event))

    async def start_attempt(self) -> None:
        order = self._order()
        if not order.is_terminal:  # nobody goes on with what has ended
            elsewhere = self.random.choice((*(None,) * 9, self._payee()))
            await self.call("start_attempt", order, self._prepared(), elsewhere)
        await self.read()

    async def settle(self) -> None:
        order = self._order()
        await self.call("settle", Settlement(order, self._decision(order)))
        await self.read()

    async def claim(self) -> None:
        self.known += await self.call("claim", [PROVIDER], ["payout"], 100)

    async def read(self) -> None:
        self.known += await self.call("read_orders", [f"order-{number}" for number in range(ORDERS)])
        self.known = self.known[-60:]

    async def look(self) -> None:
        await self.call("bound", PROVIDER, REFS)
        await self.call("confirmation", PROVIDER, self.random.choice(REFS))
        await self.call("payment_in_doubt", PROVIDER, self._payee())

    async def refuse_confirmation(self) -> None:
        await self.call("refuse_confirmation", PROVIDER, self.random.choice(REFS), self._payee(), "why")

    async def hasten(self) -> None:
        meant = {
            "order_id": f"order-{self.random.randrange(ORDERS)}",
            "provider_ref": self.random.choice(REFS),
            "payee": self._payee(),
        }
        chosen = {name: value for name, value in meant.items() if self.random.random() < 0.5}
        await self.call("hasten", PROVIDER, **chosen)

    async def tell(self) -> None:
        await self.call("announce", self._event(f"other-{self.random.randrange(3)}", "review", 0), None, "shop")
        if self.events:
            await self.call("replay", self.random.choice(self.events))
        await self.call("remember_webhook", "ccpayment", bytes([self.random.randrange(4)]), "deposit", "1")

    async def publish(self) -> None:
        taken = await self.call("take_outbox", 1000)
        self.events = [event.event_id for event in taken] or self.events
        some = [event_id for event_id in self.events if self.random.random() < 0.6]
        await self.call(self.random.choice(("mark_outbox", "postpone_outbox")), some)

    async def contradict(self) -> None:
        order = self._order()
        detail = self.random.choice(("one", "two"))
        event = self._event(f"{order.order_id}-{detail}", "review", order.events + 1)
        await self.call("contradict", order, detail, event)

    async def adjust(self) -> None:
        await self.call(
            "adjust",
            order_id=f"fund-{self.random.randrange(40)}",
            fingerprint=b"content",
            account=self.random.choice(ACCOUNTS[:2]),
            provider=PROVIDER,
            coin=COIN,
            amount=Decimal(self.random.choice(("12", "30", "60", "-4"))),
            reason="test",
        )

    async def coins(self) -> None:
        names = self.random.sample(("ETH", "BNB", COIN), k=self.random.randrange(4))
        await self.call("store_coins", PROVIDER, [Coin(name, name, 6, True, Decimal("1.5"), None) for name in names])
        await self.call("read_coins")

    # ---------------------------------------------------------------- with which arguments

    def _command(self) -> Payout:
        return Payout(
            type="payout",
            orderId=f"order-{self.random.randrange(ORDERS)}",
            coin=COIN,
            address=self.random.choice(("Tone", "Ttwo")),
            amount=self.random.choice(("5", "7")),
            account=self.random.choice(ACCOUNTS),
        )

    def _payee(self) -> str:
        return payee(COIN, self.random.choice(("5", "7")), self.random.choice(("Tone", "Ttwo")))

    def _message(self) -> Incoming:
        return Incoming(b"{}", "coinqpay.payout", PROVIDER, correlation_id="c")

    def _prepared(self) -> Prepared:
        signed_at = self.clock.now() - timedelta(seconds=self.random.randrange(20))
        return Prepared(b"body", signed_at, f"signature {self.random.randrange(1000)}")

    def _order(self) -> Order:
        """As it is, or as it was."""
        return self.known[-1 - self.random.randrange(min(len(self.known), self.random.choice((10, 60))))]

    def _event(self, order_id: str, result: Any, sequence: int) -> Event:
        return order_event(
            order_id=order_id,
            command_type="payout",
            provider=PROVIDER,
            result=result,
            sequence=sequence,
            now=self.clock.now(),
            correlation_id="c",
        )

    def _decision(self, order: Order) -> Decision:
        """Any that the table of states might make, and some that it would not."""
        random, now = self.random, self.clock.now()
        state = random.choice(("held", "unknown", *["processing"] * 3, "review", "succeeded", "succeeded", "failed"))
        is_end = state in ("succeeded", "failed")
        gross = Decimal(order.command.amount) if isinstance(order.command, Payout) else Decimal(1)
        account = order.command.account if isinstance(order.command, Payout) else "merchant"
        paid = random.choice((gross, Decimal(3000)))
        lines = (Line(account, COIN, -paid, "payout"), Line("custody", COIN, paid, "payout"))
        tells = is_end or random.random() < 0.3
        return Decision(
            state,
            Evidence(1, random.choice(("answer", "record")), random.choice(("absent", "unknown")), None, None),
            due_at=None if is_end else now + timedelta(seconds=random.randrange(-20, 60)),
            provider_ref=random.choice((None, *REFS)),
            error_code=random.choice((None, "failed")),
            doubtful=tuple(number for number in order.doubtful if random.random() < 0.6) if not is_end else (),
            doubt_since=random.choice((None, now)),
            absent_at=random.choice((None, now)),
            polls=random.randrange(5),
            lines=lines if state == "succeeded" else (),
            events=(self._event(order.order_id, state if is_end else "review", order.events + 1),) if tells else (),
        )


STEPS = (
    *(Pair.admit,) * 6,
    Pair.reject,
    *(Pair.start_attempt,) * 4,
    *(Pair.settle,) * 8,
    *(Pair.claim,) * 2,
    Pair.read,
    *(Pair.look,) * 2,
    Pair.refuse_confirmation,
    *(Pair.hasten,) * 2,
    Pair.tell,
    *(Pair.publish,) * 2,
    Pair.contradict,
    *(Pair.adjust,) * 2,
    Pair.coins,
)

# Every sequence must have heard these, or it has shown nothing.
ANSWERS: set[tuple[str, object]] = {
    *(("admit", said) for said in ("admitted", "waiting", "duplicate", "conflict", "insufficient_funds")),
    *(("reject", said) for said in ("rejected", "conflict")),
    *(("start_attempt", said) for said in ("started", "stale", "busy")),
    *(("settle", said) for said in ("settled", "stale", "taken", Violated)),
    *(("refuse_confirmation", said) for said in (True, False)),
    *(("adjust", said) for said in ("adjusted", "duplicate")),
    *(("remember_webhook", said) for said in (True, False)),
}


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_the_store_does_what_the_database_does(
    seed: int, database_url: str, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, store = ManualClock(), Store()
    monkeypatch.setattr(chance, "uniform", lambda least, _most: least)
    database = await Database.open(database_url, clock)
    try:
        theirs = [Ledger(database, clock, 30) for _ in range(2)]
        ours = [StoredLedger(store, clock, 30, number, AtOnce()) for number in range(2)]
        pair = Pair(Random(seed), clock, store, theirs, ours)  # noqa: S311 - repeatable, not secret
        for number in range(CALLS):
            clock.time += timedelta(seconds=pair.random.choice((0.001, 1, 25)))
            step = pair.random.choice(STEPS)
            await (step if pair.known else pair.random.choice((Pair.adjust, Pair.admit)))(pair)
            if number % 10 == 0 or number == CALLS - 1:
                await _compare_rows(store, owner)
    finally:
        await database.close()
    assert set(pair.answers) >= ANSWERS, ANSWERS - set(pair.answers)


async def _answer(call: Awaitable[Any]) -> Any:
    try:
        return await call
    except (asyncpg.IntegrityConstraintViolationError, Violated):
        return Violated


async def _compare_rows(store: Store, owner: asyncpg.Connection) -> None:
    balances = await owner.fetch("SELECT provider, coin, account, posted, held FROM ledger.account_balance")
    assert {row[:3]: row[3:] for row in map(tuple, balances)} == {
        key: (balance.posted, balance.held) for key, balance in store.balances.items()
    }
    outbox = await owner.fetch(
        "SELECT event_id, order_id, sequence, terminal, lease_token IS NULL,"
        " CASE WHEN isfinite(lease_until) THEN lease_until END, published_at FROM ledger.outbox"
    )
    assert {tuple(row) for row in outbox} == {
        (
            event_id,
            row.order_id,
            row.sequence,
            row.terminal,
            row.lease_token is None,
            row.lease_until if row.lease_until != PARKED else None,
            row.published_at,
        )
        for event_id, row in store.outbox.items()
    }
    entries = await owner.fetch(
        "SELECT provider, coin, account, order_id, amount, purpose, balance_after FROM ledger.entry_line"
    )
    assert Counter(map(tuple, entries)) == Counter(
        (*entry.account, entry.journal, entry.amount, entry.purpose, entry.balance_after) for entry in store.entries
    )
    evidence = await owner.fetch(
        "SELECT order_id, attempt, source, verdict, provider_code, message FROM ledger.evidence_line"
    )
    assert Counter(map(tuple, evidence)) == Counter(
        (row.order_id, row.attempt, row.source, row.verdict, row.provider_code, row.message) for row in store.evidence
    )
    refusals = await owner.fetch("SELECT provider, provider_ref FROM ledger.refused_confirmation")
    assert {tuple(row) for row in refusals} == store.refusals.keys()
