"""The table of states: each finding on each state, and what must hold for any of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.transfer import Transfer
from worker.order import SEND_WITHIN, TERMINAL_STATES, Decision, Order, State
from worker.providers.protocol import (
    Absent,
    Deferred,
    Disputed,
    Finding,
    Processing,
    Refused,
    Succeeded,
    Unknown,
)
from worker.steps.decide import Source, decide
from worker.world import Policy

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SETTLING = timedelta(seconds=180)
POLICY = Policy(poll_seconds=2, review_after_seconds=900)
OPEN_STATES: list[State] = [state for state in get_args(State) if state not in TERMINAL_STATES]

DONE = Succeeded("ref-1")
NO = Refused("balance_insufficient", "no", "14000")
NO_BY_RECORD = Refused("failed", "record", by_record=True)
LATER = Deferred("rate_limit", "later", "11004")
HAS_IT = Processing("ref-1")
SILENT = Unknown("no_answer", "silence")
OTHER = Disputed("differs")
NOTHING = Absent()


def order(state: State = "sending", **changes: Any) -> Order:
    command = Transfer.model_validate(
        {
            "type": "transfer",
            "orderId": "ord-1",
            "fromUserId": "alice1",
            "toUserId": "bob123",
            "coinId": 1280,
            "amount": "0.5",
            "expiresAt": changes.pop("expires_at", None),
        }
    )
    has_doubt = state in ("sending", "unknown", "review", "processing")
    base = Order(
        command=command,
        provider="ccpayment",
        state=state,
        revision=1,
        attempts=1,
        doubtful=(1,) if has_doubt else (),
        polls=0,
        due_at=NOW,
        doubt_since=NOW - timedelta(seconds=10) if state == "unknown" else None,
        absent_at=None,
        attempted_at=NOW - timedelta(seconds=10) if has_doubt else None,
        provider_ref=None,
        error_code=None,
        events=0,
        correlation_id=None,
        traceparent=None,
    )
    return replace(base, **changes)


def on(order: Order, finding: Finding, source: Source = "answer", attempt: int | None = None) -> Decision:
    number = order.attempts if attempt is None else attempt
    return decide(order, finding, number, source, NOW, POLICY, SETTLING)


TABLE: list[tuple[State, Finding, Source, State, str | None]] = [
    ("sending", DONE, "answer", "succeeded", "succeeded"),
    ("sending", NO, "answer", "failed", "failed"),
    ("sending", LATER, "answer", "held", None),
    ("sending", HAS_IT, "answer", "processing", "processing"),
    ("sending", SILENT, "answer", "unknown", None),
    ("sending", OTHER, "record", "review", "review"),
    ("sending", DONE, "record", "succeeded", "succeeded"),
    ("sending", NO_BY_RECORD, "record", "failed", "failed"),
    ("sending", SILENT, "record", "unknown", None),
    ("sending", NOTHING, "record", "unknown", None),
    ("unknown", DONE, "record", "succeeded", "succeeded"),
    ("unknown", NO_BY_RECORD, "record", "failed", "failed"),
    ("unknown", HAS_IT, "record", "processing", "processing"),
    ("unknown", SILENT, "record", "unknown", None),
    ("unknown", NOTHING, "record", "unknown", None),
    ("unknown", OTHER, "record", "review", "review"),
    ("held", DONE, "record", "succeeded", "succeeded"),
    ("held", SILENT, "record", "held", None),
    ("held", HAS_IT, "record", "processing", "processing"),
    ("processing", DONE, "record", "succeeded", "succeeded"),
    ("processing", NO_BY_RECORD, "record", "failed", "failed"),
    ("processing", HAS_IT, "record", "processing", None),
    ("processing", SILENT, "record", "processing", None),
    ("processing", NOTHING, "record", "processing", None),
    ("processing", OTHER, "record", "review", "review"),
    ("review", DONE, "record", "succeeded", "succeeded"),
    ("review", NO_BY_RECORD, "record", "failed", "failed"),
    ("review", HAS_IT, "record", "review", None),
    ("review", SILENT, "record", "review", None),
    ("review", NOTHING, "record", "review", None),
    ("review", OTHER, "record", "review", None),
    ("review", SILENT, "answer", "review", None),
    ("review", LATER, "answer", "review", None),
    ("review", NO, "answer", "failed", "failed"),
]


@pytest.mark.parametrize(
    ("state", "finding", "source", "becomes", "tells"),
    TABLE,
    ids=[f"{row[0]} on {type(row[1]).__name__} by {row[2]}" for row in TABLE],
)
def test_an_order_becomes_what_the_evidence_makes_of_it(
    state: State, finding: Finding, source: Source, becomes: State, tells: str | None
) -> None:
    decision = on(order(state), finding, source)
    assert (decision.state, decision.tells) == (becomes, tells)


def test_a_refusal_says_nothing_about_an_earlier_attempt() -> None:
    decision = on(order(attempts=2, doubtful=(1, 2)), NO)
    assert (decision.state, decision.doubtful, decision.error_code) == ("unknown", (1,), "balance_insufficient")


def test_a_refusal_of_the_only_attempt_in_doubt_ends_the_order() -> None:
    assert on(order(attempts=2, doubtful=(2,)), NO).state == "failed"


def test_later_says_nothing_about_an_earlier_attempt() -> None:
    decision = on(order(attempts=2, doubtful=(1, 2)), LATER)
    assert (decision.state, decision.doubtful, decision.error_code) == ("unknown", (1,), None)


@pytest.mark.parametrize("finding", [NO, LATER, SILENT])
def test_a_late_answer_leaves_a_newer_attempt_in_its_senders_hands(finding: Finding) -> None:
    later = order(attempts=2, doubtful=(1, 2), due_at=NOW + timedelta(seconds=25))
    decision = on(later, finding, attempt=1)
    assert (decision.state, decision.due_at) == ("sending", later.due_at)
    assert 2 in decision.doubtful


@pytest.mark.parametrize("state", OPEN_STATES)
@pytest.mark.parametrize("finding", [NO, LATER, SILENT])
def test_a_late_answer_about_a_settled_attempt_changes_nothing(state: State, finding: Finding) -> None:
    settled = order(state, attempts=2, doubtful=(2,) if state != "held" else (), error_code="x")
    decision = on(settled, finding, attempt=1)
    assert (decision.state, decision.due_at, decision.doubtful, decision.error_code, decision.tells) == (
        state,
        settled.due_at,
        settled.doubtful,
        "x",
        None,
    )


def test_a_duplicate_is_neither_sent_again_nor_proven_absent() -> None:
    exists = Unknown("order_duplicate", "exists", "11011")
    decision = on(order("sending", attempts=2, doubtful=(1, 2)), exists)
    assert (decision.state, decision.doubtful, decision.error_code) == ("unknown", (1, 2), "order_duplicate")
    hidden = order(
        "unknown",
        error_code="order_duplicate",
        attempted_at=NOW - timedelta(hours=1),
        absent_at=NOW - timedelta(minutes=30),
    )
    assert on(hidden, NOTHING, "record").state == "unknown"


def test_silence_does_not_lift_what_a_refusal_forbids() -> None:
    refused = order("unknown", attempts=2, doubtful=(1,), error_code="balance_insufficient")
    assert on(refused, SILENT, attempt=1).error_code == "balance_insufficient"


@pytest.mark.parametrize("finding", [NO, LATER])
def test_an_answer_does_not_end_what_the_provider_was_seen_to_have(finding: Finding) -> None:
    assert on(order("processing"), finding).state == "processing"


def test_not_found_before_the_request_has_settled_is_no_evidence() -> None:
    decision = on(order("unknown"), NOTHING, "record")
    assert (decision.state, decision.absent_at) == ("unknown", None)


def test_absence_takes_two_readings_sixty_seconds_apart_after_the_settling_time() -> None:
    sent = NOW - SETTLING - SEND_WITHIN
    first = on(order("unknown", attempted_at=sent), NOTHING, "record")
    assert (first.state, first.absent_at, first.due_at) == ("unknown", NOW, NOW + timedelta(seconds=60))
    early = on(order("unknown", attempted_at=sent, absent_at=NOW - timedelta(seconds=59)), NOTHING, "record")
    # A reading from before the settling time does not count, however old it is.
    assert early.state == "unknown"
    sent = NOW - SETTLING - SEND_WITHIN - timedelta(seconds=60)
    proven = on(order("unknown", attempted_at=sent, absent_at=NOW - timedelta(seconds=60)), NOTHING, "record")
    assert (proven.state, proven.doubtful, proven.due_at) == ("held", (), NOW)


def test_a_reading_from_before_the_settling_time_is_not_the_first_of_two() -> None:
    settled = order("unknown", attempted_at=NOW - SEND_WITHIN - SETTLING, absent_at=NOW - timedelta(seconds=600))
    decision = on(settled, NOTHING, "record")
    assert (decision.state, decision.absent_at) == ("unknown", NOW)


def test_an_absent_order_that_has_expired_fails() -> None:
    absent = order(
        "unknown",
        expires_at="2026-01-01T11:59:00Z",
        attempted_at=NOW - SETTLING - SEND_WITHIN - timedelta(seconds=60),
        absent_at=NOW - timedelta(seconds=60),
    )
    decision = on(absent, NOTHING, "record")
    assert (decision.state, decision.error_code) == ("failed", "expired")


def test_a_held_order_that_has_expired_fails() -> None:
    assert on(order("held", expires_at="2026-01-01T12:00:00Z"), NOTHING, "record").state == "failed"


def test_an_expired_order_in_doubt_does_not_fail() -> None:
    assert on(order("unknown", expires_at="2026-01-01T11:59:00Z"), NOTHING, "record").state == "unknown"


@pytest.mark.parametrize("seconds", [899, 900])
def test_doubt_goes_to_review_after_its_time(seconds: int) -> None:
    doubted = order("unknown", doubt_since=NOW - timedelta(seconds=seconds))
    decision = on(doubted, SILENT, "record")
    assert (decision.state, decision.tells) == (("review", "review") if seconds == 900 else ("unknown", None))


def test_doubt_counts_from_its_beginning_through_new_attempts() -> None:
    decision = on(order("sending", doubt_since=NOW - timedelta(seconds=901)), SILENT)
    assert decision.state == "review"


def test_looks_double_from_the_first_poll_to_sixty_seconds() -> None:
    waits = []
    for polls in range(8):
        due_at = on(order("unknown", polls=polls), SILENT, "record").due_at
        assert due_at is not None
        waits.append((due_at - NOW).total_seconds())
    for wait, least in zip(waits, [2, 4, 8, 16, 32, 60, 60, 60], strict=True):
        assert least <= wait <= least * 1.1


def test_processing_is_looked_at_from_the_first_poll_again() -> None:
    due_at = on(order("unknown", polls=9), HAS_IT, "record").due_at
    assert due_at is not None
    assert due_at <= NOW + timedelta(seconds=2.2)


FINDINGS = st.sampled_from([DONE, NO, NO_BY_RECORD, LATER, HAS_IT, SILENT, OTHER])
SECONDS = st.integers(-4000, 0).map(lambda seconds: NOW + timedelta(seconds=seconds))


@st.composite
def orders(draw: st.DrawFn) -> Order:
    state = draw(st.sampled_from(OPEN_STATES))
    attempts = draw(st.integers(1, 4))
    doubtful = draw(st.sets(st.integers(1, attempts)))
    if state == "held":
        doubtful = set()
    if state == "sending":
        doubtful |= {attempts}
    if state == "unknown":
        doubtful = doubtful or {attempts}
    return order(
        state,
        attempts=attempts,
        doubtful=tuple(sorted(doubtful)),
        polls=draw(st.integers(0, 50)),
        doubt_since=draw(SECONDS) if state == "unknown" else draw(st.none() | SECONDS),
        absent_at=draw(st.none() | SECONDS),
        attempted_at=draw(SECONDS) if doubtful else None,
        error_code=draw(st.none() | st.just("x")),
        due_at=draw(SECONDS),
        expires_at=draw(st.none() | st.just("2026-01-01T11:30:00Z")),
    )


@given(orders(), FINDINGS | st.just(NOTHING), st.integers(1, 4))
def test_no_order_ends_without_evidence_and_none_is_forgotten(before: Order, finding: Finding, attempt: int) -> None:
    is_record = finding in (NOTHING, NO_BY_RECORD, OTHER)
    source: Source = "record" if is_record else "answer"
    number = before.attempts if is_record else min(attempt, before.attempts)
    after = on(before, finding, source, number)

    assert (after.state in TERMINAL_STATES) == (after.due_at is None)
    assert (after.state == "succeeded") == (finding == DONE)
    if after.state == "failed" and finding != NO_BY_RECORD:
        doubt_left = set(before.doubtful) - {number}
        proven = finding == NOTHING and before.absent_at is not None
        assert not doubt_left or proven
    if after.state not in TERMINAL_STATES and finding != NOTHING:
        assert set(before.doubtful) - {number} <= set(after.doubtful)
    if after.state == "held":
        assert not after.doubtful
    if after.state == "unknown":
        assert after.doubtful
        assert after.doubt_since is not None
    if after.state == before.state:
        assert after.tells is None
