"""The loops and a provider that is down, or that is asked slowly: what is begun, what waits, and who finds out."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.unit.stand_in import StandIn
from tests.unit.test_settle import SENDING
from worker.ledger import Applied, Settlement
from worker.loops.consume import Consume
from worker.loops.probe import Probe
from worker.loops.resume import CLAIM_ORDERS_MAX, Resume
from worker.loops.slots import Slots
from worker.message import Incoming, Outgoing
from worker.metrics import Metrics
from worker.order import Decision, Order
from worker.providers.breaker import FAILURES_MAX
from worker.providers.health import Health
from worker.providers.line import Line
from worker.providers.pace import Pace
from worker.providers.protocol import Prepared, Unknown
from worker.world import Policy, World

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HELD = replace(SENDING, state="held", attempts=0, doubtful=(), attempted_at=None)
IN_DOUBT = replace(SENDING, state="unknown", attempted_at=NOW, doubt_since=NOW)


@dataclass
class Clock:
    """Whoever sleeps is awake at once, that much later."""

    time: datetime = NOW
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@dataclass
class Ledger:
    """The ledger's side: what is due, and what became of it."""

    due: list[Order] = field(default_factory=list)
    asked_for: list[int] = field(default_factory=list)
    decided: list[Decision] = field(default_factory=list)
    started: list[Prepared] = field(default_factory=list)
    verdict: Applied = "settled"

    async def claim(self, _providers: Sequence[str], _types: Sequence[str], most: int) -> list[Order]:
        self.asked_for.append(most)
        taken, self.due = self.due[:most], self.due[most:]
        return taken

    async def settle(self, settlement: Settlement) -> Applied:
        self.decided.append(settlement.decision)
        return self.verdict

    async def start_attempt(self, _order: Order, prepared: Prepared, _payee: str | None) -> str:
        self.started.append(prepared)
        return "started"

    async def read_orders(self, _order_ids: Sequence[str]) -> list[Order]:
        raise AssertionError("what is stale is not decided anew")


@dataclass
class Publisher:
    """What becomes of a message that is begun: it is no command, so it goes to the dead letters."""

    published: list[Outgoing] = field(default_factory=list)

    async def publish(self, message: Outgoing) -> None:
        self.published.append(message)


@dataclass
class Letter:
    """A delivery that is not a command."""

    acked: asyncio.Event = field(default_factory=asyncio.Event)
    message: Incoming = field(default_factory=lambda: Incoming(b"", "ccpayment.transfer", "ccpayment"))

    async def ack(self) -> None:
        self.acked.set()

    async def requeue(self) -> None:
        raise AssertionError("it is nobody's fault")


class Process:
    """A worker's loops for one provider, on fakes at its ports."""

    def __init__(self, requests_per_second: float | None = None, most: int = 100) -> None:
        self.clock, self.ledger, self.publisher, self.provider = Clock(), Ledger(), Publisher(), StandIn()
        self.health = Health(self.clock)
        self.line = Line(self.clock, Pace(requests_per_second), self.health)
        self.slots = Slots(most, self.clock)
        self.world = World(
            ledger=cast("Any", self.ledger),
            publisher=cast("Any", self.publisher),
            relay=SimpleNamespace(offer=lambda _event: None, wake=lambda: None),
            providers={"ccpayment": self.provider},
            coins=cast("Any", None),
            clock=self.clock,
            policy=Policy(poll_seconds=2, review_after_seconds=900),
            metrics=Metrics(),
            lines={"ccpayment": self.line},
        )
        self.consume = Consume(self.world, self.slots, self.line)
        self.resume = Resume(self.world, self.slots, "ccpayment")

    def lose_the_provider(self) -> None:
        for _ in range(FAILURES_MAX):
            self.health.failed(self.health.begin(moves_money=True))

    def find_the_provider(self) -> None:
        self.health.answered(self.health.begin(moves_money=False))

    async def look_once(self, *due: Order) -> int:
        self.ledger.due = list(due)
        found = await self.resume.run_once()
        await self.slots.drain(5)
        self.slots.closing = False
        return found


@pytest.fixture
async def process() -> Process:
    return Process()


async def begun(task: asyncio.Task[None]) -> bool:
    """Whether a delivery that was handed over is begun without waiting for anything."""
    for _ in range(20):
        await asyncio.sleep(0)
    return task.done()


# ---------------------------------------------------------------- consume


async def test_a_command_of_a_provider_that_is_down_is_not_begun_until_it_is_back(process: Process) -> None:
    process.lose_the_provider()
    letter = Letter()
    task = asyncio.create_task(process.consume.handle(letter))
    assert not await begun(task)
    assert (letter.acked.is_set(), process.publisher.published) == (False, [])
    process.find_the_provider()
    await letter.acked.wait()
    assert len(process.publisher.published) == 1


async def test_a_command_that_waits_for_a_slot_when_the_provider_goes_down_is_not_begun_either() -> None:
    process = Process(most=1)
    assert await process.slots.take()
    letter = Letter()
    task = asyncio.create_task(process.consume.handle(letter))
    assert not await begun(task)
    process.lose_the_provider()
    process.slots.give_back()
    assert not await begun(task)
    assert await process.slots.take(), "it does not sit in a slot while it waits"
    process.slots.give_back()
    process.find_the_provider()
    await letter.acked.wait()


async def test_a_command_that_waits_is_left_alone_when_the_worker_stops(process: Process) -> None:
    process.lose_the_provider()
    letter = Letter()
    task = asyncio.create_task(process.consume.handle(letter))
    assert not await begun(task)
    await process.slots.drain(5)
    process.find_the_provider()
    await task
    assert not letter.acked.is_set()


async def test_commands_are_begun_as_fast_as_the_provider_may_be_asked() -> None:
    process = Process(requests_per_second=4)
    letters = [Letter() for _ in range(5)]
    for letter in letters:
        await process.consume.handle(letter)
        await letter.acked.wait()
    assert process.clock.slept == [0.25] * 4


async def test_a_command_whose_channel_ends_while_it_waits_for_its_turn_leaves_its_slot() -> None:
    process = Process(requests_per_second=0.01, most=1)
    await process.line.turn()
    never = asyncio.Event()
    process.clock.sleep = lambda seconds: never.wait()  # type: ignore[method-assign, assignment, return-value]
    task = asyncio.create_task(process.consume.handle(Letter()))
    assert not await begun(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(1):
        assert await process.slots.take()


# ---------------------------------------------------------------- resume


async def test_nothing_is_signed_for_a_provider_that_is_down_and_the_order_waits(process: Process) -> None:
    process.lose_the_provider()
    assert await process.look_once(HELD) == 1
    [decision] = process.ledger.decided
    assert (decision.state, decision.error_code, decision.doubtful) == ("held", "provider_unreachable", ())
    assert decision.due_at is not None
    assert decision.due_at > process.clock.now()
    assert (process.provider.prepared, process.ledger.started, process.provider.sent) == ([], [], [])


async def test_an_order_that_somebody_else_went_on_with_is_left_as_it_is(process: Process) -> None:
    process.lose_the_provider()
    process.ledger.verdict = "stale"
    await process.look_once(HELD)
    assert len(process.ledger.decided) == 1


async def test_an_order_that_expires_while_its_provider_is_down_fails_as_it_would_otherwise(process: Process) -> None:
    process.lose_the_provider()
    expired = HELD.command.model_copy(update={"expires_at": NOW - timedelta(seconds=1)})
    await process.look_once(replace(HELD, command=expired))
    [decision] = process.ledger.decided
    assert (decision.state, decision.error_code) == ("failed", "expired")
    assert process.provider.sent == []


async def test_an_order_in_doubt_stays_in_doubt_and_comes_to_review_in_time(process: Process) -> None:
    process.lose_the_provider()
    process.provider.found = Unknown("look_up_failed", "the provider is down, and was not asked")
    await process.look_once(IN_DOUBT)
    process.clock.time += timedelta(seconds=900)
    await process.look_once(IN_DOUBT)
    assert [decision.state for decision in process.ledger.decided] == ["unknown", "review"]
    assert [decision.doubtful for decision in process.ledger.decided] == [IN_DOUBT.doubtful] * 2


async def test_the_same_order_is_sent_when_the_provider_is_there(process: Process) -> None:
    await process.look_once(HELD)
    assert len(process.provider.sent) == len(process.ledger.started) == 1


@pytest.mark.parametrize(
    ("requests_per_second", "most"), [(None, CLAIM_ORDERS_MAX), (1000, CLAIM_ORDERS_MAX), (4, 21), (0.1, 1)]
)
async def test_no_more_orders_are_claimed_than_have_their_turn_soon(
    requests_per_second: float | None, most: int
) -> None:
    process = Process(requests_per_second)
    await process.look_once()
    assert process.ledger.asked_for == [most]


async def test_while_others_wait_for_their_turn_nothing_more_is_claimed() -> None:
    process = Process(requests_per_second=0.1)
    await process.line.turn()
    assert await process.look_once(HELD) == 0
    process.clock.time += timedelta(seconds=5.1)
    assert await process.look_once(HELD) == 1


async def test_nothing_is_claimed_while_the_provider_wants_a_pause(process: Process) -> None:
    process.line.slow_down("30")
    assert await process.look_once(HELD) == 0
    assert process.ledger.asked_for == []
    process.clock.time += timedelta(seconds=30)
    assert await process.look_once(HELD) == 1


# ---------------------------------------------------------------- probe


@dataclass
class Answering(StandIn):
    """A provider whose harmless read tells the line how it went, as the real ones do."""

    health: Health | None = None
    answers: list[bool] = field(default_factory=list)

    async def check(self) -> None:
        assert self.health is not None
        if self.answers.pop(0):
            self.health.answered(self.health.begin(moves_money=False))
        else:
            self.health.failed(self.health.begin(moves_money=False))
        await super().check()


async def test_a_provider_is_probed_ever_more_seldom_until_it_answers(process: Process) -> None:
    provider = Answering(health=process.health, answers=[False, False, False, True])
    probe = asyncio.create_task(Probe(provider, process.health, process.clock).run())
    assert not await begun(probe)
    assert process.clock.slept == []  # nobody asks one that is there
    process.lose_the_provider()
    await process.health.up.wait()
    assert provider.answers == []
    for longest, slept in zip((1, 2, 4, 8), process.clock.slept, strict=True):
        assert longest / 2 <= slept <= longest
    probe.cancel()


async def test_one_that_was_found_otherwise_is_not_probed(process: Process) -> None:
    process.lose_the_provider()
    process.find_the_provider()
    assert await Probe(Answering(health=process.health), process.health, process.clock).run_once()


async def test_a_probe_that_cannot_ask_is_one_that_failed(process: Process) -> None:
    process.lose_the_provider()
    assert not await Probe(process.provider, process.health, process.clock).run_once()
    assert process.health.state == "down"
