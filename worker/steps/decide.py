"""Decide: what one piece of evidence makes of an order. The table of states in ARCHITECTURE.md, as a pure function.

Funds move only on evidence. A timeout is none, "not found" a moment later is none, and a refusal of attempt 2 says
nothing about attempt 1.
"""

import zlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, assert_never

from schemas.event import ErrorDetail
from worker.order import Decision, Evidence, Order, State
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
from worker.world import Policy

# Two readings this far apart must agree before absence counts: one may come from a copy that lags.
ABSENCE_APART = timedelta(seconds=60)
# Looks at an order that is not final double up to this.
POLL_SECONDS_MAX = 60.0
# What only an operator can mend is tried more and more seldom: a banned address stays banned for asking.
OPERATOR_SECONDS_MAX = 3600.0
# Nothing takes the provider longer than this; an order that does needs a person, though late evidence still ends it.
PROCESSING_MAX = timedelta(days=1)

# What a provider's "this order id exists" is called, whatever its number.
DUPLICATE = "order_duplicate"

Source = Literal["answer", "record", "person"]


def decide(
    order: Order,
    finding: Finding,
    attempt: int,
    source: Source,
    now: datetime,
    policy: Policy,
    settling_time: timedelta,
) -> Decision:
    """The decision on an order that is not terminal.

    `attempt` is the one that an answer answers, or the last one when a look-up was made.
    """
    assert not order.is_terminal
    wait = _Wait(order, _evidence(finding, attempt, source), now, policy)
    left = tuple(number for number in order.doubtful if number != attempt)
    if (
        source == "answer" and attempt not in order.doubtful and isinstance(finding, Refused | Deferred | Unknown)
    ):  # a late answer about an attempt whose fate is known already
        return wait.stay(order.state, due_at=order.due_at, polls=order.polls)
    is_seen = order.state == "processing" or order.provider_ref is not None
    if source == "answer" and is_seen and isinstance(finding, Refused | Deferred):
        return wait.stay(order.state)  # the provider's record has been seen: only what it becomes counts
    known, said = order.provider_ref, getattr(finding, "provider_ref", None)
    if known is not None and said is not None and said != known and source != "person":
        return wait.review(ErrorDetail(code="disputed", message=f"the provider has it as {known} and as {said}"))
    match finding:
        case Succeeded(provider_ref):
            return Decision(
                "succeeded",
                wait.evidence,
                provider_ref=provider_ref,
                tells="succeeded",
            )
        case Refused() if finding.by_record or not left:
            return _failed(wait, finding)
        case Refused():
            return wait.in_doubt(left, attempt, refused=finding.code)
        case Deferred() if not left and order.state != "review":
            most = OPERATOR_SECONDS_MAX if finding.needs_operator else POLL_SECONDS_MAX
            due_at = now + wait.until_next_look(most)
            return wait.stay("held", error_code=finding.code, doubtful=(), doubt_since=None, due_at=due_at)
        case Deferred():
            return wait.in_doubt(left, attempt)
        case Processing(provider_ref, payable):
            return wait.processing(provider_ref, payable is not None)
        case Unknown(code) if source == "answer":
            return wait.in_doubt(order.doubtful, attempt, refused=code if code == DUPLICATE else None)
        case Unknown():
            return wait.look_up_failed()
        case Disputed(message, provider_ref):
            return wait.review(ErrorDetail(code="disputed", message=message), provider_ref)
        case Absent(covered):
            return _absent(wait, covered, settling_time)
        case _:
            assert_never(finding)


def _failed(wait: "_Wait", finding: Refused) -> Decision:
    return Decision(
        "failed",
        wait.evidence,
        provider_ref=finding.provider_ref,
        error_code=finding.code,
        tells="failed",
        error=ErrorDetail(code=finding.code, provider_code=finding.provider_code, message=finding.message),
    )


def _absent(wait: "_Wait", covered: bool, settling_time: timedelta) -> Decision:
    """A look-up found nothing. Proof only when nothing can be on its way any more and two readings agree."""
    order, now = wait.order, wait.now
    if order.state in ("processing", "review"):
        return wait.look_up_failed()
    if order.doubtful:
        if order.error_code == DUPLICATE:
            return wait.look_up_failed()  # the provider has said that a copy exists: it is not absent, it is hidden
        settled_at = order.settled_at(settling_time)
        if now < settled_at or not covered:
            return wait.look_up_failed()
        if order.absent_at is None or order.absent_at < settled_at:
            decision = wait.look_up_failed()
            if decision.state == "review":
                return decision
            return replace(decision, absent_at=now, due_at=now + ABSENCE_APART)
        if now < order.absent_at + ABSENCE_APART:
            return replace(wait.look_up_failed(), due_at=order.absent_at + ABSENCE_APART)
        if order.is_sent_once and not wait.policy.resend_payments:
            return wait.review(
                ErrorDetail(code="not_found", message="the provider does not list it, long after it was sent")
            )
    if order.has_expired(now):
        return _failed(wait, Refused("expired", "expiresAt has passed before the provider did it"))
    return Decision("held", wait.evidence, due_at=now, polls=order.polls)


class _Wait:
    """The ways in which an order waits for more evidence."""

    def __init__(self, order: Order, evidence: Evidence, now: datetime, policy: Policy) -> None:
        self.order = order
        self.evidence = evidence
        self.now = now
        self.policy = policy

    def stay(self, state: State, **changes: object) -> Decision:
        """Look again later; what is not named stays as it is."""
        order = self.order
        decision = Decision(
            state,
            self.evidence,
            due_at=self.now + self.until_next_look(),
            error_code=order.error_code if state == order.state else None,
            doubtful=order.doubtful,
            doubt_since=order.doubt_since,
            absent_at=order.absent_at,
            polls=order.polls + 1,
        )
        return replace(decision, **changes)  # type: ignore[arg-type]

    def in_doubt(self, doubtful: tuple[int, ...], attempt: int, refused: str | None = None) -> Decision:
        """Some attempt may have had an effect. Whoever sent a later one meanwhile goes on undisturbed."""
        order = self.order
        if attempt < order.attempts and order.state in ("sending", "processing"):
            return self.stay(
                order.state,
                doubtful=doubtful,
                due_at=order.due_at,
                polls=order.polls,
                error_code=refused or order.error_code,
            )
        if order.state in ("review", "processing"):
            return self.stay(order.state, doubtful=doubtful)
        return self._unknown(doubtful=doubtful, error_code=refused or self.order.error_code)

    def look_up_failed(self) -> Decision:
        """Nothing new was learned."""
        if self._takes_too_long():
            return self._not_final()
        if self.order.state in ("sending", "unknown"):
            return self._unknown(doubtful=self.order.doubtful, error_code=self.order.error_code)
        return self.stay(self.order.state)

    def processing(self, provider_ref: str, is_payable: bool) -> Decision:
        """The provider has it. Told once."""
        comes_to_light = self.order.is_sent_once or is_payable
        # Also when a person has found that it is another one than the first: only then is that one confirmed.
        is_new = self.order.provider_ref != provider_ref
        if self.order.state == "review" and not (comes_to_light and is_new):
            return self.stay("review", provider_ref=provider_ref)
        if self._takes_too_long():
            return self._not_final()
        decision = self.stay("processing", provider_ref=provider_ref, error_code=None)
        if self.order.state == "processing":
            return decision
        return replace(self._first_look(decision), tells="processing")

    def _takes_too_long(self) -> bool:
        order = self.order
        return (
            order.state == "processing"
            and order.created_at is not None
            and self.now - order.created_at > PROCESSING_MAX
        )

    def _not_final(self) -> Decision:
        return self.review(ErrorDetail(code="not_final", message="the provider has it, and does not come to an end"))

    def review(self, error: ErrorDetail, provider_ref: str | None = None) -> Decision:
        """A person must decide; told once. Late evidence still ends it."""
        if self.order.state == "review":
            return self.stay("review", provider_ref=provider_ref)
        return self.stay("review", provider_ref=provider_ref, error_code=error.code, tells="review", error=error)

    def _unknown(self, **changes: object) -> Decision:
        since = self.order.doubt_since or self.now
        if self.now - since >= timedelta(seconds=self.policy.review_after_seconds):
            return self.review(
                ErrorDetail(
                    code="outcome_unknown",
                    message="the provider has not let us know whether it was done",
                )
            )
        decision = self.stay("unknown", doubt_since=since, **changes)
        return decision if self.order.doubt_since else self._first_look(decision)

    def _first_look(self, decision: Decision) -> Decision:
        return replace(decision, polls=1, due_at=self.now + self._seconds(self.policy.poll_seconds))

    def until_next_look(self, most_seconds: float = POLL_SECONDS_MAX) -> timedelta:
        """Twice as long as the last time, up to that."""
        first = self.policy.poll_seconds
        doubled = first * 2.0 ** min(self.order.polls, 16)
        return self._seconds(min(doubled, max(first, most_seconds)))

    def _seconds(self, seconds: float) -> timedelta:
        """Up to a tenth longer, by order and look, so that orders of one moment do not come back at one moment."""
        spread = zlib.crc32(f"{self.order.order_id}/{self.order.polls}".encode()) / 2**32
        return timedelta(seconds=seconds * (1 + 0.1 * spread))


def _evidence(finding: Finding, attempt: int, source: Source) -> Evidence:
    return Evidence(
        attempt=attempt,
        source=source,
        verdict=type(finding).__name__.lower(),
        provider_code=getattr(finding, "provider_code", None),
        message=getattr(finding, "message", None),
    )
