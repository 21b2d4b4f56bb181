"""The table of states for payments without an order id: never sent again in doubt, absent only on proof."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from schemas.payout import Payout
from schemas.withdraw import Withdraw
from tests.unit.test_decide import DONE, HAS_IT, LATER, NO, NO_BY_RECORD, NOW, SETTLING, SILENT
from tests.unit.test_decide import order as transfer_order
from worker.order import Decision, Order, State
from worker.providers.protocol import Absent, Disputed, Finding
from worker.steps.decide import ABSENCE_APART, Source, decide
from worker.world import Policy

CAREFUL = Policy(poll_seconds=2, review_after_seconds=7200)
BOLD = replace(CAREFUL, resend_payments=True)
LONG_AGO = NOW - SETTLING - ABSENCE_APART
NOT_COVERED = Absent(covered=False)

PAYOUT = {"type": "payout", "orderId": "ord-1", "coin": "ETH", "address": "0x1", "amount": "5"}
WITHDRAW = {"type": "withdraw", "orderId": "ord-1", "coin": "ETH", "amount": "5"}


def order(state: State = "unknown", **changes: Any) -> Order:
    command = Payout.model_validate(PAYOUT | {"expiresAt": changes.pop("expires_at", None)})
    return replace(transfer_order(state), command=command, provider="coinqpay", **changes)


def looked_for(**changes: Any) -> Order:
    """In doubt, and not found by a first reading that counts, as long ago as a second one needs."""
    return order(**{"attempted_at": LONG_AGO, "absent_at": LONG_AGO + SETTLING, **changes})


def on(before: Order, finding: Finding, source: Source = "record", policy: Policy = CAREFUL) -> Decision:
    return decide(before, finding, before.attempts, source, NOW, policy, SETTLING)


@pytest.mark.parametrize("command", [Payout.model_validate(PAYOUT), Withdraw.model_validate(WITHDRAW)])
def test_payout_and_withdraw_are_sent_once_and_transfers_are_not(command: Any) -> None:
    assert replace(order(), command=command).is_sent_once
    assert not transfer_order().is_sent_once


@pytest.mark.parametrize(
    ("finding", "source", "becomes"),
    [
        (DONE, "answer", "succeeded"),
        (HAS_IT, "answer", "processing"),
        (NO, "answer", "failed"),
        (LATER, "answer", "held"),
        (SILENT, "answer", "unknown"),
        (Disputed("several"), "record", "review"),
        (NO_BY_RECORD, "record", "failed"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, tuple) else str(value)[:30],
)
def test_an_answer_makes_of_it_what_it_makes_of_any_order(finding: Finding, source: Source, becomes: State) -> None:
    assert on(order("sending"), finding, source).state == becomes


@pytest.mark.parametrize("state", ["processing", "review"])
@pytest.mark.parametrize("finding", [NO, NO_BY_RECORD, LATER])
def test_a_late_answer_that_denies_a_payment_that_is_bound_releases_nothing(finding: Finding, state: State) -> None:
    # Its record has been seen, and may say 7: only what the record becomes counts.
    decision = on(order(state, provider_ref="ref-1"), finding, "answer")
    assert (decision.state, decision.doubtful) == (state, (1,))


ABSENCE: dict[str, tuple[Order, Absent, Policy, State, str | None]] = {
    "before it has settled": (order(attempted_at=NOW - SETTLING / 2), Absent(), CAREFUL, "unknown", None),
    "the first reading": (order(attempted_at=LONG_AGO), Absent(), CAREFUL, "unknown", None),
    "the first reading, not covered": (order(attempted_at=LONG_AGO), NOT_COVERED, CAREFUL, "unknown", None),
    "the second, too soon": (
        looked_for(absent_at=NOW - ABSENCE_APART + timedelta(seconds=1)),
        Absent(),
        BOLD,
        "unknown",
        None,
    ),
    "the second, proof": (looked_for(), Absent(), CAREFUL, "review", "not_found"),
    "the second, not covered": (looked_for(), NOT_COVERED, CAREFUL, "unknown", None),
    "the second, not covered, by a bold operator": (looked_for(), NOT_COVERED, BOLD, "unknown", None),
    "the second, by a bold operator": (looked_for(), Absent(), BOLD, "held", None),
    "proof after expiry": (
        looked_for(expires_at="2026-01-01T11:00:00Z"),
        Absent(),
        CAREFUL,
        "review",
        "not_found",
    ),
    "proof after expiry, by a bold operator": (
        looked_for(expires_at="2026-01-01T11:00:00Z"),
        Absent(),
        BOLD,
        "failed",
        "expired",
    ),
    "a reading from before it had settled": (
        looked_for(absent_at=LONG_AGO + SETTLING - timedelta(seconds=1)),
        Absent(),
        BOLD,
        "unknown",
        None,
    ),
    "nothing was ever in doubt": (order("held"), Absent(), CAREFUL, "held", None),
    "nothing in doubt, not covered": (order("held"), NOT_COVERED, CAREFUL, "held", None),
    "the provider has it": (order("processing", provider_ref="w-1"), Absent(), BOLD, "processing", None),
    "a person has it": (looked_for(state="review"), Absent(), BOLD, "review", None),
    "a person has it, the doubt has ended": (order("review", doubtful=()), Absent(), BOLD, "review", None),
}


@pytest.mark.parametrize(("before", "finding", "policy", "becomes", "code"), ABSENCE.values(), ids=ABSENCE.keys())
def test_not_finding_it_is_proof_only_when_all_agrees(
    before: Order, finding: Absent, policy: Policy, becomes: State, code: str | None
) -> None:
    decision = on(before, finding, policy=policy)
    assert (decision.state, decision.error_code) == (becomes, code)
    if becomes != "held":
        assert decision.doubtful == (before.doubtful if becomes != "failed" else ())


def test_a_reading_that_is_not_covered_does_not_count_as_the_first_of_two() -> None:
    assert on(order(attempted_at=LONG_AGO), NOT_COVERED).absent_at is None
    first = on(order(attempted_at=LONG_AGO), Absent())
    assert (first.absent_at, first.due_at) == (NOW, NOW + ABSENCE_APART)


def test_review_after_proof_tells_and_keeps_the_funds() -> None:
    decision = on(looked_for(), Absent())
    assert decision.tells == "review"
    assert decision.error is not None
    assert decision.error.code == "not_found"
    assert decision.due_at is not None
    assert decision.provider_ref is None


def test_doubt_that_no_list_can_end_goes_to_a_person_after_its_time() -> None:
    doubted = looked_for(doubt_since=NOW - timedelta(seconds=CAREFUL.review_after_seconds))
    for policy in (CAREFUL, BOLD):
        decision = on(doubted, NOT_COVERED, policy=policy)
        assert (decision.state, decision.error_code) == ("review", "outcome_unknown")


@pytest.mark.parametrize("provider_ref", [None, "w-1"])
def test_a_dispute_goes_to_a_person_with_the_providers_id_where_there_is_one(provider_ref: str | None) -> None:
    decision = on(order("sending"), Disputed("differs", provider_ref), "answer")
    assert (decision.state, decision.provider_ref, decision.tells) == ("review", provider_ref, "review")


@pytest.mark.parametrize(
    ("provider_ref", "finding", "becomes", "tells"),
    [
        (None, DONE, "succeeded", "succeeded"),
        (None, NO_BY_RECORD, "failed", "failed"),
        (None, HAS_IT, "processing", "processing"),  # its id was what nobody knew
        ("ref-1", DONE, "succeeded", "succeeded"),
        ("ref-1", NO_BY_RECORD, "failed", "failed"),
        ("ref-1", HAS_IT, "review", None),  # why a person was asked is still so
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, tuple) else str(value)[:30],
)
def test_late_evidence_ends_what_waits_for_a_person(
    provider_ref: str | None, finding: Finding, becomes: State, tells: str | None
) -> None:
    decision = on(order("review", provider_ref=provider_ref), finding)
    assert (decision.state, decision.tells) == (becomes, tells)


@pytest.mark.parametrize("state", ["sending", "unknown", "processing", "review"])
@pytest.mark.parametrize("finding", [DONE, HAS_IT, replace(NO_BY_RECORD, provider_ref="ref-1")])
def test_one_order_under_two_ids_of_the_provider_goes_to_a_person(state: State, finding: Finding) -> None:
    decision = on(order(state, provider_ref="ref-2"), finding)
    assert (decision.state, decision.provider_ref) == ("review", None)
    if state != "review":
        assert decision.error is not None
        assert "ref-1" in decision.error.message
        assert "ref-2" in decision.error.message


def test_a_refusal_by_record_keeps_the_providers_id() -> None:
    assert on(order("processing"), replace(NO_BY_RECORD, provider_ref="w-1")).provider_ref == "w-1"


def test_what_is_bold_for_payments_changes_nothing_for_orders_with_an_id() -> None:
    before = transfer_order("unknown", attempted_at=LONG_AGO, absent_at=LONG_AGO + SETTLING)
    assert on(before, Absent(), policy=CAREFUL).state == on(before, Absent(), policy=BOLD).state == "held"
