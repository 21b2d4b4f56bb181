"""Submit and look up: what is sent and until when, which candidate is whose, and what is never sent again."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Literal, cast

import pytest

from schemas.registry import COMMANDS
from tests.unit.stand_in import StandIn
from tests.unit.test_settle import SENDING
from worker.metrics import Metrics
from worker.order import SEND_WITHIN, Order, State
from worker.providers.protocol import (
    Absent,
    Candidates,
    Deferred,
    Disputed,
    Finding,
    Outcome,
    Prepared,
    Processing,
    Send,
    Sent,
    Succeeded,
    Trail,
    Unknown,
)
from worker.steps.submit import look_up, may_send_again, obstacle, start_attempt, submit
from worker.world import FREE, World

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SETTLING = timedelta(seconds=450)
PAYOUT = {"type": "payout", "orderId": "ord-1", "coin": "ETH", "address": "0x1", "amount": "5.0"}
SEND = Send("ord-1", "ETH", "0x1", "5", bound=False)
PREPARED = Prepared(b"the body", NOW - timedelta(seconds=1), "the signature")
DONE = Succeeded("w-1", Sent(Decimal("4.9"), Decimal("0.1"), None))


@dataclass
class Ledger:
    """The ledger's side: which ids belong to other orders, and what becomes of an attempt."""

    taken: set[str] = field(default_factory=set)
    verdict: Literal["started", "stale", "busy"] = "started"
    asked: list[Sequence[str]] = field(default_factory=list)
    started: list[Prepared] = field(default_factory=list)
    payees: list[str | None] = field(default_factory=list)

    async def bound(self, _provider: str, provider_refs: Sequence[str]) -> set[str]:
        self.asked.append(list(provider_refs))
        return self.taken & set(provider_refs)

    async def start_attempt(self, _order: Order, prepared: Prepared, payee: str | None) -> str:
        self.started.append(prepared)
        self.payees.append(payee)
        return self.verdict


def world_of(provider: StandIn, ledger: Ledger) -> World:
    return cast(
        "World",
        SimpleNamespace(
            ledger=ledger,
            clock=SimpleNamespace(now=lambda: NOW),
            metrics=Metrics(),
            line=lambda _provider: FREE,
            providers={"ccpayment": provider, "coinqpay": provider},
        ),
    )


def payout(state: State = "unknown", **changes: Any) -> Order:
    command = COMMANDS["payout"].model_validate(PAYOUT | {"expiresAt": changes.pop("expires_at", None)})
    return replace(SENDING, command=command, provider="coinqpay", state=state, **changes)


# ---------------------------------------------------------------- what is sent


async def test_what_was_written_down_is_sent_as_it_is_within_its_time() -> None:
    provider = StandIn(outcome=DONE)
    outcome: Outcome = await submit(payout("sending", prepared=PREPARED), world_of(provider, Ledger()))
    assert outcome == DONE
    assert provider.sent == [(SEND, PREPARED, PREPARED.signed_at + SEND_WITHIN)]
    assert provider.prepared == []


async def test_what_has_expired_is_put_off_and_not_sent() -> None:
    provider = StandIn(outcome=DONE)
    expired = payout("sending", prepared=PREPARED, expires_at="2026-01-01T12:00:00Z")
    outcome = await submit(expired, world_of(provider, Ledger()))
    assert isinstance(outcome, Deferred)
    assert outcome.code == "expired"
    assert provider.sent == []


async def test_the_next_attempt_is_signed_anew_and_written_down_before_it_is_sent() -> None:
    provider, ledger = StandIn(), Ledger()
    held = payout("held", attempts=1, doubtful=(), error_code="coin_unavailable", attempted_at=None)
    started = await start_attempt(held, world_of(provider, ledger))
    assert started is not None
    assert (started.state, started.attempts, started.doubtful, started.error_code) == ("sending", 2, (2,), None)
    assert (started.revision, started.attempted_at) == (held.revision + 1, NOW)
    assert ledger.started == [started.prepared]
    assert provider.prepared == [SEND]
    assert provider.sent == []


@pytest.mark.parametrize("verdict", ["stale", "busy"])
async def test_an_attempt_that_was_not_written_down_is_not_sent(verdict: Literal["stale", "busy"]) -> None:
    assert await start_attempt(payout("held"), world_of(StandIn(), Ledger(verdict=verdict))) is None


# ---------------------------------------------------------------- where a withdrawal goes


def withdrawal(payee: str | None = "ETH 5 0x1", **changes: Any) -> Order:
    command = COMMANDS["withdraw"].model_validate(
        {"type": "withdraw", "orderId": "ord-1", "coin": "ETH", "amount": "5"}
    )
    return replace(payout(**changes), command=command, payee=payee)


BOUND = Send("ord-1", "ETH", "0x1", "5", bound=True)


async def test_a_withdrawal_is_looked_for_where_it_was_signed_for() -> None:
    provider = StandIn(bound_addresses={"ETH": "0x1"})
    await look_up(withdrawal(), world_of(provider, Ledger()))
    provider.bound_addresses = {"ETH": "0x2"}
    await look_up(withdrawal(), world_of(provider, Ledger()))
    provider.bound_addresses = {}
    await look_up(withdrawal(), world_of(provider, Ledger()))
    assert [asked for asked, _ in provider.looked_up] == [BOUND, replace(BOUND, rebound="0x2"), BOUND]


async def test_a_payout_goes_where_its_command_says() -> None:
    provider = StandIn(bound_addresses={"ETH": "0x2"})
    await look_up(payout(payee="ETH 5 0x1"), world_of(provider, Ledger()))
    assert provider.looked_up[0][0] == SEND


async def test_a_withdrawal_that_waited_is_signed_for_the_address_that_is_bound_then() -> None:
    provider, ledger = StandIn(bound_addresses={"ETH": "0x2"}), Ledger()
    started = await start_attempt(withdrawal(state="held", doubtful=()), world_of(provider, ledger))
    assert started is not None
    assert started.payee == "ETH 5 0x2"
    assert ledger.payees == ["ETH 5 0x2"]
    assert provider.prepared == [replace(BOUND, address="0x2")]


async def test_a_withdrawal_that_waited_is_not_sent_when_no_address_is_bound_any_more() -> None:
    provider, ledger = StandIn(bound_addresses={}), Ledger()
    waits = obstacle(withdrawal(state="held", doubtful=()), world_of(provider, ledger))
    assert waits is not None
    assert (waits.code, waits.needs_operator) == ("address_not_bound", True)
    provider.bound_addresses = {"ETH": "0x2"}
    assert obstacle(withdrawal(state="held", doubtful=()), world_of(provider, ledger)) is None
    assert obstacle(payout("held"), world_of(provider, ledger)) is None


# ---------------------------------------------------------------- what is looked for


@pytest.mark.parametrize(
    "order",
    [
        replace(SENDING, attempts=0, doubtful=()),
        payout("held", attempts=0, doubtful=()),
        payout("held", attempts=2, doubtful=()),
        payout("review", attempts=1, doubtful=()),
    ],
    ids=["never sent", "a payment never sent", "a payment that was refused", "a refused payment in review"],
)
async def test_what_cannot_be_there_is_not_looked_for(order: Order) -> None:
    provider = StandIn(found=DONE)
    assert await look_up(order, world_of(provider, Ledger())) == Absent()
    assert provider.looked_up == []


@pytest.mark.parametrize(
    ("order", "trail"),
    [
        (payout(), Trail(None, NOW)),
        (payout("processing", provider_ref="w-1"), Trail("w-1", NOW)),
        (payout("processing", provider_ref="w-1", doubtful=(), attempted_at=None), Trail("w-1", None)),
        (payout("review"), Trail(None, NOW)),
    ],
    ids=["in doubt", "under an id", "under an id, no doubt left", "in review"],
)
async def test_a_payment_is_looked_for_by_its_traces(order: Order, trail: Trail) -> None:
    provider = StandIn(found=DONE)
    assert await look_up(order, world_of(provider, Ledger())) == DONE
    assert provider.looked_up == [(SEND, trail)]


async def test_an_order_with_an_id_is_looked_for_whenever_it_was_sent() -> None:
    provider = StandIn(found=Succeeded("r-1"))
    await look_up(replace(SENDING, state="held", doubtful=(), attempted_at=None), world_of(provider, Ledger()))
    assert len(provider.looked_up) == 1


ONE = (("w-1", DONE),)
OTHER = (("w-2", Processing("w-2")),)
MANY = tuple((f"w-{number}", Processing(f"w-{number}")) for number in range(30))

CHOICES: dict[str, tuple[Candidates, set[str], Finding]] = {
    "none": (Candidates((), covered=True), set(), Absent(covered=True)),
    "none, not covered": (Candidates((), covered=False), set(), Absent(covered=False)),
    "one": (Candidates(ONE, covered=True), set(), DONE),
    "one, not covered": (Candidates(ONE, covered=False), set(), DONE),
    "one of another order": (Candidates(ONE, covered=True), {"w-1"}, Absent(covered=True)),
    "one of another order, not covered": (Candidates(ONE, covered=False), {"w-1"}, Absent(covered=False)),
    "two, one of another order": (Candidates(ONE + OTHER, covered=True), {"w-1"}, Processing("w-2")),
    "two of other orders": (Candidates(ONE + OTHER, covered=True), {"w-1", "w-2"}, Absent(covered=True)),
    "two": (
        Candidates(ONE + OTHER, covered=True),
        set(),
        Disputed("2 payments at the provider may be this order's: w-1, w-2"),
    ),
    "two, not covered": (
        Candidates(ONE + OTHER, covered=False),
        {"w-9"},
        Disputed("2 payments at the provider may be this order's: w-1, w-2"),
    ),
}


@pytest.mark.parametrize(("found", "taken", "finding"), CHOICES.values(), ids=CHOICES.keys())
async def test_a_candidate_is_the_orders_own_when_it_is_the_only_one_that_is_nobodys(
    found: Candidates, taken: set[str], finding: Finding
) -> None:
    ledger = Ledger(taken=taken)
    assert await look_up(payout(), world_of(StandIn(found=found), ledger)) == finding
    assert ledger.asked == [[provider_ref for provider_ref, _ in found.found]]


async def test_of_many_candidates_a_person_is_told_the_first() -> None:
    found = await look_up(payout(), world_of(StandIn(found=Candidates(MANY, covered=True)), Ledger()))
    assert isinstance(found, Disputed)
    assert found.message.startswith("30 payments")
    assert found.message.endswith("w-9")
    assert found.provider_ref is None


# ---------------------------------------------------------------- what may be sent again

AGAIN: dict[str, tuple[Order, bool]] = {
    "held": (payout("held", doubtful=()), True),
    "held, with an id": (replace(SENDING, state="held", doubtful=()), True),
    "in doubt": (payout("unknown"), False),
    "in doubt, with an id": (replace(SENDING, state="unknown"), True),
    "sending, its worker is gone": (payout("sending"), False),
    "sending, its worker is gone, with an id": (replace(SENDING, state="sending"), True),
    "an earlier attempt in doubt": (payout("unknown", attempts=2, doubtful=(1,)), False),
    "under an id": (payout("processing", provider_ref="w-1"), False),
    "in review": (payout("review", doubtful=()), False),
    "expired": (payout("held", doubtful=(), expires_at="2026-01-01T12:00:00Z"), False),
}


@pytest.mark.parametrize(("order", "may"), AGAIN.values(), ids=AGAIN.keys())
def test_a_payment_in_doubt_is_never_sent_again(order: Order, may: bool) -> None:
    assert may_send_again(order, world_of(StandIn(settling_time=SETTLING), Ledger())) == may


@pytest.mark.parametrize(
    ("attempted_at", "error_code", "may"),
    [
        (NOW - SETTLING + timedelta(seconds=1), None, True),
        (NOW - SETTLING, None, False),
        (NOW, "balance_insufficient", False),
    ],
    ids=["not settled yet", "settled", "a later attempt was refused"],
)
def test_an_order_with_an_id_is_sent_again_until_its_absence_is_about_to_be_proven(
    attempted_at: datetime, error_code: str | None, may: bool
) -> None:
    order = replace(SENDING, state="unknown", attempted_at=attempted_at, error_code=error_code)
    assert may_send_again(order, world_of(StandIn(settling_time=SETTLING), Ledger())) == may


async def test_a_look_up_that_fails_is_handed_on() -> None:
    silent = Unknown("look_up_failed", "no answer")
    assert await look_up(payout(), world_of(StandIn(found=silent), Ledger())) == silent
