"""Equal payments without order ids in a hostile world: lost and late answers, a list that lags or is cut, stalls.

The provider carries out every request that it has not seen before, unless its signature is too old. Whatever happens
in between, nobody is paid twice for one order, and no order takes another's payment for its own.
"""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from types import SimpleNamespace
from typing import Any, Literal, TypeVar, cast

import pytest

from schemas.payout import Payout
from tests.unit.stand_in import StandIn
from worker.ledger import Applied, Settlement
from worker.metrics import Metrics
from worker.order import SEND_WITHIN, Order
from worker.providers.protocol import (
    Absent,
    Candidates,
    Deferred,
    Finding,
    Instruction,
    Outcome,
    Prepared,
    Processing,
    Refused,
    Sent,
    Succeeded,
    Trail,
    Unknown,
)
from worker.steps.settle import settle
from worker.steps.submit import look_up, may_send_again, start_attempt
from worker.world import FREE, Policy, World

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
VALIDITY, SKEW, LIST_LAG = timedelta(seconds=300), timedelta(seconds=30), timedelta(seconds=300)
SETTLING = VALIDITY + SKEW + LIST_LAG
LEASE = timedelta(seconds=30)
ORDER_IDS = ("ord-1", "ord-2")

SEEDS, STEPS = 1500, 60

ARRIVALS = ("executed", "lost", "lost", "lost", "refused", "deferred")
ENDS: tuple[Literal["done", "failed"], ...] = ("done", "done", "failed")
Value = TypeVar("Value")


@dataclass
class Copy:
    """One attempt on its way: what its sender knew, and what the provider said to it."""

    order: Order
    left: bool = False
    arrived: bool = False
    answer: Finding | None = None
    heard: bool = False

    @property
    def signed_at(self) -> datetime:
        assert self.order.prepared is not None
        return self.order.prepared.signed_at


@dataclass
class Record:
    """A withdrawal at the provider, and in truth whose it is."""

    provider_ref: str
    owner: str
    made_at: datetime
    status: Literal["under way", "done", "failed"] = "under way"

    @property
    def outcome(self) -> Outcome:
        match self.status:
            case "under way":
                return Processing(self.provider_ref)
            case "done":
                return Succeeded(self.provider_ref, Sent(Decimal("4.9"), Decimal("0.1"), None))
            case "failed":
                return Refused("failed", "", by_record=True, provider_ref=self.provider_ref)


@dataclass
class Listing(StandIn):
    """The provider as it is looked at: its list lags as long as is allowed, and may be cut."""

    now: datetime = START
    records: list[Record] = field(default_factory=list)
    is_cut: bool = False

    async def look_up(self, _instruction: Instruction, trail: Trail) -> Finding | Candidates:
        if trail.provider_ref is not None:
            [record] = [record for record in self.records if record.provider_ref == trail.provider_ref]
            return record.outcome
        signed_at = trail.attempted_at
        assert signed_at is not None
        found = tuple(
            (record.provider_ref, record.outcome)
            for record in self.records
            if signed_at - SKEW <= record.made_at <= signed_at + VALIDITY + SKEW
            and self.now >= record.made_at + LIST_LAG
        )
        return Candidates(() if self.is_cut else found, covered=not self.is_cut)


@dataclass
class Rows:
    """The rows as the database keeps them, with its two unique indexes."""

    orders: dict[str, Order] = field(default_factory=dict)
    signed: dict[tuple[str, int], datetime] = field(default_factory=dict)
    posted: list[str] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)

    def in_doubt(self) -> list[Order]:
        return [
            order
            for order in self.orders.values()
            if order.provider_ref is None and order.due_at is not None and order.doubtful
        ]

    async def settle(self, settlement: Settlement) -> Applied:
        row, decision = self.orders[settlement.order.order_id], settlement.decision
        if decision.provider_ref in await self.bound("", [str(decision.provider_ref)], but=row.order_id):
            return "taken"
        if row.revision != settlement.order.revision or row.is_terminal:
            return "stale"
        doubted = [self.signed[row.order_id, number] for number in decision.doubtful]
        self.posted += [row.order_id] if decision.lines else []
        self.orders[row.order_id] = replace(
            row,
            state=decision.state,
            revision=row.revision + 1,
            due_at=decision.due_at,
            provider_ref=decision.provider_ref or row.provider_ref,
            error_code=decision.error_code,
            doubtful=decision.doubtful,
            doubt_since=decision.doubt_since,
            absent_at=decision.absent_at,
            attempted_at=max(doubted, default=None),
            polls=decision.polls,
            events=max([row.events, *(event.sequence for event in decision.events)]),
        )
        return "settled"

    async def start_attempt(
        self, order: Order, prepared: Prepared, _payee: str | None
    ) -> Literal["started", "stale", "busy"]:
        row = self.orders[order.order_id]
        if row.revision != order.revision or row.state not in ("held", "sending", "unknown"):
            return "stale"
        if any(other.order_id != row.order_id for other in self.in_doubt()):
            return "busy"
        number = row.attempts + 1
        self.signed[row.order_id, number] = prepared.signed_at
        self.orders[row.order_id] = replace(
            row,
            state="sending",
            revision=row.revision + 1,
            attempts=number,
            doubtful=(*row.doubtful, number),
            due_at=prepared.signed_at + LEASE,
            error_code=None,
            attempted_at=prepared.signed_at,
        )
        return "started"

    async def bound(self, _provider: str, provider_refs: Sequence[str], but: str = "") -> set[str]:
        refs = {order.provider_ref for order in self.orders.values() if order.order_id != but}
        return {ref for ref in provider_refs if ref in refs}

    async def read_orders(self, order_ids: Sequence[str]) -> list[Order]:
        return [self.orders[order_id] for order_id in order_ids]

    async def contradict(self, order: Order, _detail: str, _event: object) -> None:
        self.contradictions.append(order.order_id)


class HostileList:
    """Some equal payouts, their rows, and everything around them; chance decides what happens next."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self.rows = Rows()
        self.provider = Listing(name="coinqpay", settling_time=SETTLING)
        self.copies: list[Copy] = []
        self.looks: list[tuple[Order, Finding]] = []
        self.world = cast(
            "World",
            SimpleNamespace(
                ledger=self.rows,
                relay=SimpleNamespace(offer=lambda _: None, wake=lambda: None),
                providers={"coinqpay": self.provider},
                clock=SimpleNamespace(now=lambda: self.provider.now),
                metrics=Metrics(),
                line=lambda _provider: FREE,
                policy=Policy(poll_seconds=2, review_after_seconds=3600, resend_payments=self.chance.random() < 0.7),
            ),
        )
        expires_at = None
        if self.chance.random() < 0.3:
            expires_at = (START + timedelta(seconds=self.chance.randint(60, 2000))).isoformat()
        for order_id in ORDER_IDS:
            self.rows.orders[order_id] = held(order_id, expires_at)

    def happen(self) -> None:
        """One thing that can happen now."""
        possible = [
            (1, True, self.let_time_pass),
            (1, True, self.the_list_is_cut_or_whole),
            (4, self.to_leave(), self.a_copy_leaves_in_time_or_never),
            (3, self.on_their_way(), self.a_copy_arrives),
            (1, self.under_way(), self.a_withdrawal_ends),
            (1, self.answered(), self.an_answer_is_heard_late),
            (1, self.unheard(), self.a_call_times_out),
            (4, self.due(), self.somebody_goes_on),
            (1, self.looks, self.somebody_wakes_up),
        ]
        steps = [step for weight, can, step in possible if can for _ in range(weight)]
        self.chance.choice(steps)()

    # ------------------------------------------------------------ what the world does

    def let_time_pass(self) -> None:
        self.provider.now += timedelta(seconds=self.chance.choice([11, 61, 201, 301, 401]))

    def the_list_is_cut_or_whole(self) -> None:
        self.provider.is_cut = self.chance.random() < 0.25

    def a_copy_leaves_in_time_or_never(self) -> None:
        copy = self.chance.choice(self.to_leave())
        copy.left = True
        if self.provider.now > copy.signed_at + SEND_WITHIN:
            copy.arrived, copy.answer = True, Deferred("not_sent", "")
            self.perhaps_hear(copy)

    def a_copy_arrives(self) -> None:
        copy = self.chance.choice(self.on_their_way())
        copy.arrived = True
        arrival = self.chance.choice(ARRIVALS)
        if self.provider.now > copy.signed_at + VALIDITY + SKEW:
            copy.answer = Deferred("request_expired", "")
        elif arrival == "refused":
            copy.answer = Refused("balance_insufficient", "")
        elif arrival == "deferred":
            copy.answer = Deferred("coin_unavailable", "")
        else:
            record = Record(f"w-{len(self.provider.records)}", copy.order.order_id, self.provider.now)
            self.provider.records.append(record)
            copy.answer = record.outcome if arrival == "executed" else Unknown("no_answer", "")
        self.perhaps_hear(copy)

    def a_withdrawal_ends(self) -> None:
        self.chance.choice(self.under_way()).status = self.chance.choice(ENDS)

    # ------------------------------------------------------------ what workers do

    def an_answer_is_heard_late(self) -> None:
        self.hear(self.chance.choice(self.answered()))

    def a_call_times_out(self) -> None:
        copy = self.chance.choice(self.unheard())
        copy.heard = True
        run(settle(copy.order, Unknown("no_answer", ""), "answer", self.world))

    def somebody_goes_on(self) -> None:
        """When its time has come: claim, look, and act upon it, at once or after having stalled."""
        order = self.chance.choice(self.due())
        assert order.due_at is not None
        self.provider.now = max(self.provider.now, order.due_at)
        claimed = replace(order, revision=order.revision + 1, due_at=self.provider.now + LEASE)
        self.rows.orders[order.order_id] = claimed
        finding: Finding = run(look_up(claimed, self.world))
        if self.chance.random() < 0.15:
            self.looks.append((claimed, finding))
        else:
            self.act(claimed, finding)

    def somebody_wakes_up(self) -> None:
        self.act(*self.looks.pop(self.chance.randrange(len(self.looks))))

    def act(self, order: Order, finding: Finding) -> None:
        """As flow.go_on does it; what is to be sent leaves when the world lets it."""
        if isinstance(finding, Absent) and may_send_again(order, self.world):
            started = run(start_attempt(order, self.world))
            if started is not None:
                self.copies.append(Copy(started))
        else:
            run(settle(order, finding, "record", self.world))

    def perhaps_hear(self, copy: Copy) -> None:
        if not copy.heard and self.chance.random() < 0.5:
            self.hear(copy)

    def hear(self, copy: Copy) -> None:
        assert copy.answer is not None
        copy.heard = True
        run(settle(copy.order, copy.answer, "answer", self.world))

    def to_leave(self) -> list[Copy]:
        return [copy for copy in self.copies if not copy.left]

    def on_their_way(self) -> list[Copy]:
        return [copy for copy in self.copies if copy.left and not copy.arrived]

    def unheard(self) -> list[Copy]:
        """Sent, and waited for: who has not sent it knows that nothing can have come of it."""
        return [copy for copy in self.copies if copy.left and not copy.heard]

    def answered(self) -> list[Copy]:
        return [copy for copy in self.copies if copy.arrived and not copy.heard]

    def under_way(self) -> list[Record]:
        return [record for record in self.provider.records if record.status == "under way"]

    def due(self) -> list[Order]:
        return [order for order in self.rows.orders.values() if order.due_at is not None]

    # ------------------------------------------------------------ what must hold

    def check(self) -> None:
        self.nobody_is_paid_twice()
        self.an_order_is_bound_to_its_own_payment()
        self.how_an_order_ended_is_how_its_payment_ended()
        self.what_succeeded_is_posted_once()
        self.of_equal_payments_one_is_in_doubt_at_a_time()

    def nobody_is_paid_twice(self) -> None:
        owners = [record.owner for record in self.provider.records]
        assert len(owners) == len(set(owners))

    def an_order_is_bound_to_its_own_payment(self) -> None:
        owners = {record.provider_ref: record.owner for record in self.provider.records}
        for order in self.rows.orders.values():
            assert order.provider_ref is None or owners[order.provider_ref] == order.order_id

    def how_an_order_ended_is_how_its_payment_ended(self) -> None:
        statuses = {record.owner: record.status for record in self.provider.records}
        for order_id, order in self.rows.orders.items():
            if order.state == "succeeded":
                assert statuses[order_id] == "done"
            if order.state == "failed":
                assert statuses.get(order_id, "failed") == "failed"
        assert self.rows.contradictions == []

    def what_succeeded_is_posted_once(self) -> None:
        succeeded = [order.order_id for order in self.rows.orders.values() if order.state == "succeeded"]
        assert sorted(self.rows.posted) == sorted(succeeded)

    def of_equal_payments_one_is_in_doubt_at_a_time(self) -> None:
        assert len(self.rows.in_doubt()) <= 1


def held(order_id: str, expires_at: str | None) -> Order:
    """As ledger.admit leaves a payment whose turn has not come; each is due at once."""
    return Order(
        command=Payout.model_validate(
            {
                "type": "payout",
                "orderId": order_id,
                "coin": "ETH",
                "address": "0x1",
                "amount": "5",
                "expiresAt": expires_at,
            }
        ),
        provider="coinqpay",
        state="held",
        revision=1,
        attempts=0,
        doubtful=(),
        polls=0,
        due_at=START,
        doubt_since=None,
        absent_at=None,
        attempted_at=None,
        provider_ref=None,
        error_code=None,
        events=0,
        correlation_id=None,
        traceparent=None,
    )


def run(step: Coroutine[Any, Any, Value]) -> Value:
    """The step's value; here nothing waits for anything."""
    try:
        step.send(None)
    except StopIteration as done:
        return cast("Value", done.value)
    raise AssertionError("it waits for something")


def play(seeds: range) -> None:
    for seed in seeds:
        world = HostileList(seed)
        for _ in range(STEPS):
            world.happen()
            try:
                world.check()
            except AssertionError as error:
                raise AssertionError(f"seed {seed}") from error


@pytest.mark.parametrize("block", range(10))
def test_nobody_is_paid_twice_and_nothing_is_taken_for_anothers(block: int) -> None:
    play(range(block * SEEDS // 10, (block + 1) * SEEDS // 10))


def _settles_sooner(patch: pytest.MonkeyPatch) -> None:
    """Absence counts while the list may still lag."""
    patch.setattr("tests.unit.test_simulation_payment.SETTLING", VALIDITY)


def _every_list_is_whole(patch: pytest.MonkeyPatch) -> None:
    """A list that was cut is taken for proof."""
    original = Listing.look_up

    async def look_up(self: Listing, instruction: Instruction, trail: Trail) -> Finding | Candidates:
        found = await original(self, instruction, trail)
        return replace(found, covered=True) if isinstance(found, Candidates) else found

    patch.setattr(Listing, "look_up", look_up)


def _nothing_is_bound(patch: pytest.MonkeyPatch) -> None:
    """A payment that belongs to another order is a candidate all the same."""

    async def bound(_self: Rows, _provider: str, _provider_refs: Sequence[str], but: str = "") -> set[str]:
        return set()

    patch.setattr(Rows, "bound", bound)


def _doubt_keeps_nobody(patch: pytest.MonkeyPatch) -> None:
    """What is in doubt is sent again, as what has an order id is."""

    def may_send_again(order: Order, _world: World) -> bool:
        return order.state in ("held", "sending", "unknown")

    patch.setattr("tests.unit.test_simulation_payment.may_send_again", may_send_again)


MUTANTS = [_settles_sooner, _every_list_is_whole, _nothing_is_bound, _doubt_keeps_nobody]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__.strip("_"))
def test_a_broken_rule_is_noticed(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    with pytest.raises(AssertionError, match="seed"):
        play(range(SEEDS))
