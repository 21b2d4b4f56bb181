"""Resolve: what a person may say of an order that is bound to a record that differs from it, and what comes of it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from schemas.registry import COMMANDS
from tests.unit.stand_in import StandIn
from tests.unit.test_settle import SENDING
from worker.errors import BadInput, WorkerError
from worker.ledger import Applied, Confirmation, Settlement
from worker.metrics import Metrics
from worker.order import Decision, Order
from worker.providers.protocol import (
    Absent,
    Candidates,
    Disputed,
    Finding,
    Instruction,
    Outcome,
    Processing,
    Refused,
    Sent,
    Succeeded,
    Trail,
    Unknown,
)
from worker.steps.resolve import Resolution, resolve
from worker.world import Policy, World

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SETTLING = timedelta(seconds=450)
PAYOUT = {"type": "payout", "orderId": "ord-1", "coin": "ETH", "address": "0x1", "amount": "5"}
NOTHING = Candidates((), covered=True)
ADDRESS = ("address",)

UNPAID = Refused("failed", "the record says failed", "5", by_record=True, provider_ref="w-1")
PAID = Succeeded("w-1", Sent(Decimal("4.9"), Decimal("0.1"), None))
PAID_ELSEWHERE = Succeeded("w-2", Sent(Decimal("4.8"), Decimal("0.2"), None))


def differing(says: Outcome | None, fields: tuple[str, ...] = ADDRESS) -> Disputed:
    return Disputed(f"the record differs in {', '.join(fields)}", "w-1", fields, says)


def payout(order_id: str = "ord-1", **changes: Any) -> Order:
    """In review, bound to w-1, and sent so long ago that nothing can be on its way."""
    command = COMMANDS["payout"].model_validate(
        PAYOUT | {"orderId": order_id, "address": changes.pop("address", "0x1")}
    )
    bound: dict[str, Any] = {"provider_ref": "w-1", "attempted_at": NOW - SETTLING, **changes}
    return replace(SENDING, command=command, provider="coinqpay", state="review", **bound)


@dataclass
class Records(StandIn):
    """A provider that says of each id what it says, and what it lists."""

    said: dict[str | None, Finding | Candidates] = field(default_factory=dict)

    async def look_up(self, instruction: Instruction, trail: Trail) -> Finding | Candidates:
        self.looked_up.append((instruction, trail))
        return self.said.get(trail.provider_ref, Absent())


@dataclass
class Rows:
    """The ledger's side: the orders, and what was settled of them."""

    orders: dict[str, Order]
    settled: list[Settlement] = field(default_factory=list)
    looks: int = 0  # of a worker, each between a person's check and what comes of it

    async def read_orders(self, order_ids: list[str]) -> list[Order]:
        return [self.orders[order_id] for order_id in order_ids if order_id in self.orders]

    async def bound(self, _provider: str, refs: list[str]) -> set[str]:
        return {ref for ref in refs if self._owner(ref)}

    async def confirmation(self, _provider: str, ref: str) -> Confirmation:
        owner = self._owner(ref)
        return Confirmation(owner and owner.order_id, owner and owner.state, refused=False)

    async def settle(self, settlement: Settlement) -> Applied:
        owner = self._owner(settlement.decision.provider_ref)
        if owner is not None and owner.order_id != settlement.order.order_id:
            return "taken"
        if self.looks > 0:
            self.looks -= 1
            order = settlement.order
            self.orders[order.order_id] = replace(order, revision=order.revision + 1)
            return "stale"
        self.settled.append(settlement)
        return "settled"

    def _owner(self, ref: str | None) -> Order | None:
        return next((one for one in self.orders.values() if ref is not None and one.provider_ref == ref), None)


async def say(
    resolution: Resolution,
    by_id: Finding | Candidates,
    *,
    listed: Finding | Candidates = NOTHING,
    order: Order | None = None,
    others: tuple[Order, ...] = (),
    also: dict[str | None, Finding | Candidates] | None = None,
    looks: int = 0,
) -> tuple[Decision, str | None]:
    """What becomes of the order when a person says so: the decision, and what the evidence keeps of the person."""
    order = order or payout()
    rows = Rows({one.order_id: one for one in (order, *others)}, looks=looks)
    provider = Records("coinqpay", merchant_user_id="", settling_time=SETTLING)
    provider.said = {"w-1": by_id, None: listed, **(also or {})}
    world = cast(
        "World",
        SimpleNamespace(
            ledger=rows,
            relay=SimpleNamespace(offer=lambda _: None, wake=lambda: None),
            clock=SimpleNamespace(now=lambda: NOW),
            policy=Policy(poll_seconds=2, review_after_seconds=900),
            metrics=Metrics(),
            providers={"coinqpay": provider},
        ),
    )
    await resolve(order.order_id, resolution, world)
    [settlement] = rows.settled
    return settlement.decision, settlement.decision.evidence.message


NOT_EXECUTED = Resolution(None, "carol", "ticket 4711")


def executed(ref: str, *fields: str) -> Resolution:
    return Resolution(ref, "carol", "ticket 4711", frozenset(fields))


# ---------------------------------------------------------------- it was not executed


async def test_what_was_not_paid_is_released_though_its_record_differs() -> None:
    decision, said = await say(NOT_EXECUTED, differing(UNPAID))
    assert (decision.state, decision.error_code, decision.lines) == ("failed", "not_executed", ())
    assert said == "carol: ticket 4711"


async def test_a_decision_is_checked_and_made_anew_when_a_worker_has_looked_meanwhile() -> None:
    decision, _ = await say(NOT_EXECUTED, differing(UNPAID), looks=2)
    assert decision.state == "failed"
    with pytest.raises(WorkerError, match="has moved on meanwhile"):
        await say(NOT_EXECUTED, differing(UNPAID), looks=1000)


BOUND = "is bound to w-1 at the provider; its record decides"
STILL_BOUND: dict[str, Finding | Candidates] = {
    "under way": differing(Processing("w-1")),
    "paid": differing(PAID),
    "paid in a way that cannot be booked": differing(None),
    "neither paid nor not": differing(Disputed("the record says exception (7)", "w-1")),
    "not shown": Absent(),
    "a record that agrees, which ends the order by itself": UNPAID,
    "a record that agrees, and is under way": Processing("w-1"),
}


@pytest.mark.parametrize("by_id", STILL_BOUND.values(), ids=STILL_BOUND.keys())
async def test_nothing_is_released_that_was_or_may_yet_be_paid(by_id: Finding) -> None:
    with pytest.raises(BadInput, match=BOUND):
        await say(NOT_EXECUTED, by_id)


async def test_nothing_is_released_while_the_provider_cannot_be_asked() -> None:
    silent = Unknown("look_up_failed", "no answer")
    with pytest.raises(WorkerError, match="cannot be asked"):
        await say(NOT_EXECUTED, silent)
    with pytest.raises(WorkerError, match="cannot be asked"):
        await say(NOT_EXECUTED, differing(UNPAID), listed=silent)


async def test_nothing_is_released_while_a_copy_of_the_request_may_still_be_carried_out() -> None:
    early = payout(attempted_at=NOW - SETTLING + timedelta(seconds=1))
    with pytest.raises(BadInput, match="may still be carried out"):
        await say(NOT_EXECUTED, differing(UNPAID), order=early)


OTHERS: dict[str, tuple[Outcome, str]] = {
    "paid": (PAID_ELSEWHERE, "the provider has it as w-2"),
    "under way": (Processing("w-2"), "the provider has it as w-2"),
    "neither paid nor not": (Disputed("exception (7)", "w-2"), "exception"),
}


@pytest.mark.parametrize(("shown", "why"), OTHERS.values(), ids=OTHERS.keys())
async def test_nothing_is_released_when_the_answer_was_another_payments_and_the_own_one_is_listed(
    shown: Outcome, why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        await say(NOT_EXECUTED, differing(UNPAID), listed=Candidates((("w-2", shown),), covered=True))


async def test_what_was_not_paid_under_either_id_is_released() -> None:
    listed = Candidates((("w-2", replace(UNPAID, provider_ref="w-2")),), covered=True)
    decision, _ = await say(NOT_EXECUTED, differing(UNPAID), listed=listed)
    assert decision.state == "failed"


# ---------------------------------------------------------------- another order has this one's payment

MIXED_UP = Candidates((("w-1", PAID),), covered=True)
UNBOUND = payout(provider_ref=None)


async def test_nothing_is_released_whose_payment_is_bound_to_an_order_that_it_differs_from() -> None:
    owner = payout("ord-2", address="0x2")
    with pytest.raises(BadInput, match="w-1 may be this order's, and is bound to ord-2"):
        await say(NOT_EXECUTED, PAID, listed=MIXED_UP, order=UNBOUND, others=(owner,))


@pytest.mark.parametrize(
    "owner",
    [payout("ord-2"), replace(payout("ord-2", address="0x2"), state="succeeded")],
    ids=["of an equal order", "counted in the books already"],
)
async def test_the_payment_of_an_order_that_has_it_rightly_holds_up_nobody(owner: Order) -> None:
    decision, _ = await say(NOT_EXECUTED, PAID, listed=MIXED_UP, order=UNBOUND, others=(owner,))
    assert decision.state == "failed"


# ---------------------------------------------------------------- it was executed


async def test_what_was_paid_is_posted_as_the_record_has_it_once_a_person_answers_for_every_difference() -> None:
    decision, said = await say(executed("w-1", "address"), differing(PAID))
    assert (decision.state, decision.provider_ref) == ("succeeded", "w-1")
    assert [str(line.amount) for line in decision.lines if line.account == "merchant"] == ["-4.9", "-0.1"]
    assert said == "carol: ticket 4711 (differing: address)"


@pytest.mark.parametrize("named", [(), ("withdraw_amount",), ("address", "withdraw_amount")], ids=str)
async def test_nothing_is_posted_for_differences_that_the_person_has_not_seen(named: tuple[str, ...]) -> None:
    with pytest.raises(BadInput, match=r"--differing address$"):
        await say(executed("w-1", *named), differing(PAID))


@pytest.mark.parametrize(
    "says",
    [UNPAID, Processing("w-1"), Disputed("risk (8)", "w-1"), None],
    ids=["unpaid", "under way", "risk", "none"],
)
async def test_nothing_is_posted_that_was_not_paid_or_cannot_be_booked(says: Outcome | None) -> None:
    with pytest.raises(BadInput, match="the record differs in address"):
        await say(executed("w-1", "address"), differing(says))


async def test_nobody_can_answer_for_a_record_that_the_order_is_not_bound_to() -> None:
    with pytest.raises(BadInput, match="the record differs in address"):
        await say(executed("w-1", "address"), differing(PAID), order=UNBOUND)


async def test_an_order_whose_bound_record_was_not_paid_is_bound_to_the_one_that_agrees() -> None:
    decision, _ = await say(executed("w-2"), differing(UNPAID), also={"w-2": PAID_ELSEWHERE})
    assert (decision.state, decision.provider_ref) == ("succeeded", "w-2")


async def test_a_payment_under_way_that_agrees_takes_the_place_of_a_record_that_differs() -> None:
    decision, _ = await say(executed("w-2"), differing(UNPAID), also={"w-2": Processing("w-2")})
    # Not in review: there its second confirmation would be refused, for ever.
    assert (decision.state, decision.provider_ref, decision.tells) == ("processing", "w-2", "processing")


@pytest.mark.parametrize("by_id", STILL_BOUND.values(), ids=STILL_BOUND.keys())
async def test_no_other_record_takes_the_place_of_one_that_was_or_may_yet_be_paid(by_id: Finding) -> None:
    for other in (PAID_ELSEWHERE, replace(UNPAID, provider_ref="w-2")):
        with pytest.raises(BadInput, match=f"--executed: the order {BOUND}"):
            await say(executed("w-2"), by_id, also={"w-2": other})


async def test_a_record_of_another_order_takes_nobodys_place() -> None:
    owner = payout("ord-2", provider_ref="w-2")
    with pytest.raises(BadInput, match="belongs to another order"):
        await say(executed("w-2"), differing(UNPAID), others=(owner,), also={"w-2": PAID_ELSEWHERE})
