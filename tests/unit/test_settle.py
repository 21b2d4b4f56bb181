"""Settle: what was learned is applied to the order as it is; late evidence against its end is remembered."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Literal, cast

import pytest

from schemas.event import Event, event_id_of
from schemas.payout import Payout
from schemas.transfer import Transfer
from tests.unit.stand_in import StandIn
from worker.ledger import Applied, Settlement, Stored
from worker.metrics import Metrics
from worker.order import Order, State
from worker.providers.protocol import (
    Absent,
    Deferred,
    Deposit,
    Disputed,
    Finding,
    Processing,
    Refused,
    Sent,
    Succeeded,
    Unknown,
)
from worker.steps.settle import settle
from worker.world import Policy, World

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SENDING = Order(
    command=Transfer.model_validate(
        {
            "type": "transfer",
            "orderId": "ord-1",
            "fromUserId": "alice1",
            "toUserId": "bob123",
            "coinId": 1280,
            "amount": "0.5",
        }
    ),
    provider="ccpayment",
    state="sending",
    revision=1,
    attempts=1,
    doubtful=(1,),
    polls=0,
    due_at=NOW,
    doubt_since=None,
    absent_at=None,
    attempted_at=NOW,
    provider_ref=None,
    error_code=None,
    events=0,
    correlation_id=None,
    traceparent=None,
)

# A payment without an order id whose answer was lost.
PAYMENT = replace(
    SENDING,
    command=Payout.model_validate(
        {"type": "payout", "orderId": "ord-1", "coin": "ETH", "address": "0x1", "amount": "5"}
    ),
    provider="coinqpay",
)


@dataclass
class Rows:
    """The ledger's side: one order, as it really is."""

    order: Order
    settled: list[Settlement] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)  # with the contradictions
    bound: set[str] = field(default_factory=set)  # ids of the provider that belong to other orders
    credit: Literal["credited", "known", "repeated"] = "credited"
    moves: Order | None = None  # what the order has become when somebody first tries to credit for it
    credited: list[tuple[Deposit, str | None, Event]] = field(default_factory=list)
    noted: list[tuple[Deposit, datetime | None]] = field(default_factory=list)

    async def settle(self, settlement: Settlement) -> Applied:
        if settlement.order.revision != self.order.revision or self.order.is_terminal:
            return "stale"
        if settlement.decision.provider_ref in self.bound:
            return "taken"
        self.settled.append(settlement)
        return "settled"

    async def read_orders(self, _order_ids: list[str]) -> list[Order]:
        return [self.order]

    async def credit_deposit(
        self, deposit: Deposit, _read_at: datetime, order_id: str | None, event: Event, _traceparent: str | None
    ) -> Literal["credited", "known", "repeated", "moved"]:
        if self.moves is not None:
            self.order, self.moves = self.moves, None
            return "moved"
        self.credited.append((deposit, order_id, event))
        if self.credit == "credited" and order_id is not None:  # its event has the order's next place
            self.order = replace(self.order, revision=self.order.revision + 1, events=self.order.events + 1)
        return self.credit

    async def booked_deposit(self, _provider: str, _record_id: str) -> Deposit:
        [(deposit, _, _)] = self.credited
        return deposit

    async def note_deposit(self, deposit: Deposit, _read_at: datetime, due_at: datetime | None) -> str:
        self.noted.append((deposit, due_at))
        return "noted"

    async def hasten_rescans(self, _provider: str, _tx_id: str | None) -> int:
        return 0

    async def contradict(self, _order: Order, detail: str, event: Event) -> None:
        self.contradictions.append(detail)
        self.told.append(event)


@dataclass
class Handed:
    """The relay's side."""

    events: list[Stored] = field(default_factory=list)
    wakes: int = 0

    def offer(self, event: Stored) -> None:
        self.events.append(event)

    def wake(self) -> None:
        self.wakes += 1


def world_of(rows: Rows, handed: Handed) -> World:
    return cast(
        "World",
        SimpleNamespace(
            ledger=rows,
            relay=handed,
            clock=SimpleNamespace(now=lambda: NOW),
            policy=Policy(poll_seconds=2, review_after_seconds=900),
            metrics=Metrics(),
            providers={"ccpayment": StandIn(), "coinqpay": StandIn("coinqpay", merchant_user_id="")},
        ),
    )


async def test_a_success_is_posted_told_and_handed_to_the_relay() -> None:
    rows, handed = Rows(SENDING), Handed()
    await settle(SENDING, Succeeded("ref-1"), "answer", world_of(rows, handed))
    [settlement] = rows.settled
    assert settlement.decision.state == "succeeded"
    assert [(line.account, str(line.amount)) for line in settlement.decision.lines] == [
        ("user:alice1", "-0.5"),
        ("user:bob123", "0.5"),
    ]
    [event] = handed.events
    assert [told.event_id for told in settlement.decision.events] == [event.event_id] == [event_id_of("ord-1", 1)]


async def test_what_tells_nothing_hands_nothing_over() -> None:
    rows, handed = Rows(SENDING), Handed()
    await settle(SENDING, Unknown("no_answer", ""), "answer", world_of(rows, handed))
    assert [settlement.decision.state for settlement in rows.settled] == ["unknown"]
    assert handed.events == []


async def test_an_order_that_has_moved_on_is_decided_upon_anew() -> None:
    rows, handed = Rows(replace(SENDING, revision=5, events=1, attempts=2, doubtful=(1, 2))), Handed()
    await settle(SENDING, Succeeded("ref-1"), "answer", world_of(rows, handed))
    [settlement] = rows.settled
    assert settlement.order.revision == 5
    assert handed.events[0].event_id == event_id_of("ord-1", 2)


async def test_a_late_refusal_is_about_the_attempt_it_answers_and_not_about_the_newest() -> None:
    rows, handed = Rows(replace(SENDING, revision=5, attempts=2, doubtful=(1, 2))), Handed()
    await settle(SENDING, Refused("refused", ""), "answer", world_of(rows, handed))
    [settlement] = rows.settled
    assert (settlement.decision.state, settlement.decision.doubtful) == ("sending", (2,))


async def test_an_old_reading_of_absence_proves_nothing_about_an_order_that_has_moved_on() -> None:
    # Whoever went on with it has looked too, a minute ago: an older reading must not be taken for the second.
    moved = replace(
        SENDING,
        state="unknown",
        revision=5,
        doubt_since=NOW - timedelta(seconds=600),
        attempted_at=NOW - timedelta(seconds=600),
        absent_at=NOW - timedelta(seconds=61),
    )
    rows, handed = Rows(moved), Handed()
    await settle(replace(moved, revision=4, absent_at=None), Absent(), "record", world_of(rows, handed))
    assert rows.settled == []


LISTED: dict[str, Finding] = {
    "under way": Processing("w-2"),
    "paid": Succeeded("w-2", Sent(Decimal("4.9"), Decimal("0.1"), None)),
    "not paid": Refused("failed", "", by_record=True, provider_ref="w-2"),
    "several": Disputed("2 payments at the provider may be this order's"),
}


@pytest.mark.parametrize("state", ["processing", "succeeded"])
@pytest.mark.parametrize("finding", LISTED.values(), ids=LISTED.keys())
async def test_a_guess_by_the_list_says_nothing_of_an_order_that_has_meanwhile_got_an_id(
    finding: Finding, state: State
) -> None:
    # In review its second confirmation would be refused for ever; and it was never executed twice.
    ended: dict[str, Any] = {"doubtful": (), "due_at": None} if state == "succeeded" else {}
    rows, handed = Rows(replace(PAYMENT, state=state, revision=5, provider_ref="w-1", **ended)), Handed()
    await settle(PAYMENT, finding, "record", world_of(rows, handed))
    assert (rows.settled, rows.contradictions) == ([], [])


async def test_a_guess_by_the_list_that_has_become_another_orders_leaves_this_one_to_the_next_look() -> None:
    rows, handed = Rows(PAYMENT, bound={"w-2"}), Handed()
    await settle(PAYMENT, Processing("w-2"), "record", world_of(rows, handed))
    assert rows.settled == []


async def test_what_the_list_shows_is_decided_anew_while_the_order_has_no_id() -> None:
    rows, handed = Rows(replace(PAYMENT, revision=5)), Handed()
    await settle(PAYMENT, Processing("w-2"), "record", world_of(rows, handed))
    assert [one.decision.provider_ref for one in rows.settled] == ["w-2"]


async def test_an_answer_with_a_second_id_is_no_guess() -> None:
    rows, handed = Rows(replace(PAYMENT, state="processing", revision=5, provider_ref="w-1")), Handed()
    await settle(PAYMENT, Processing("w-2"), "answer", world_of(rows, handed))
    assert [one.decision.state for one in rows.settled] == ["review"]


@pytest.mark.parametrize(
    ("state", "finding", "contradicts"),
    [
        ("failed", Succeeded("ref-1"), True),
        ("rejected", Succeeded("ref-1"), True),
        ("succeeded", Succeeded("ref-1"), False),
        ("succeeded", Succeeded("ref-2"), True),
        ("succeeded", Refused("failed", "", by_record=True), True),
        ("succeeded", Refused("refused", ""), False),
        ("failed", Refused("failed", "", by_record=True), False),
        ("failed", Deferred("later", ""), False),
        ("failed", Unknown("no_answer", ""), False),
        ("succeeded", Unknown("no_answer", ""), False),
        ("succeeded", Absent(), False),
        ("failed", Absent(), False),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value),
)
async def test_evidence_against_the_end_of_an_order_is_remembered(
    state: State, finding: Finding, contradicts: bool
) -> None:
    ended = replace(SENDING, state=state, due_at=None, provider_ref="ref-1", revision=2)
    rows, handed = Rows(ended), Handed()
    await settle(SENDING, finding, "answer", world_of(rows, handed))
    assert bool(rows.contradictions) == contradicts == bool(handed.wakes)
    assert rows.settled == []
    assert handed.events == []
    assert not any(event.terminal for event in rows.told)


@pytest.mark.parametrize("finding", [Processing("ref-1"), Disputed("differs", "ref-1")], ids=str)
async def test_a_movement_under_the_id_of_an_order_that_failed_is_remembered(finding: Finding) -> None:
    rows, handed = Rows(replace(SENDING, state="failed", due_at=None, revision=2)), Handed()
    await settle(SENDING, finding, "record", world_of(rows, handed))
    assert rows.contradictions
