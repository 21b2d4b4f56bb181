"""An order in a hostile world: lost and late answers, slow copies, lagging look-ups, workers that stall.

The provider keeps to what is known of it: it executes an order id once, refuses a copy whose signature is too old,
and shows a record some time after it was made. Whatever happens in between, an order that failed is never executed,
and one that succeeded was.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Literal, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from schemas.transfer import Transfer
from worker.order import SEND_WITHIN, TERMINAL_STATES, Decision, Order
from worker.providers.ccpayment.provider import CLOCK_SKEW, LOOK_UP_LAG, SIGNATURE_VALIDITY, CCPayment
from worker.providers.protocol import Absent, Deferred, Finding, Refused, Succeeded, Unknown
from worker.steps.decide import DUPLICATE, Source, decide
from worker.steps.submit import may_send_again
from worker.world import Policy, World

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
POLICY = Policy(poll_seconds=2, review_after_seconds=3600)
SETTLING = CCPayment.settling_time
LEASE = timedelta(seconds=30)
DONE = Succeeded("ref-1")

Arrival = Literal["lost", "executed", "refused", "deferred", "unreadable"]
# The ends that end nothing come more often: what goes wrong does so late.
ARRIVALS: list[Arrival] = ["refused", "refused", "lost", "deferred", "executed", "unreadable"]


@dataclass
class Copy:
    """One attempt on its way: what the provider says to it, once it has arrived, and whether anybody hears that."""

    number: int
    written_at: datetime
    arrived: bool = False
    answer: Finding | None = None
    heard: bool = False


@dataclass
class Look:
    """A look-up whose finding somebody has not acted upon yet."""

    revision: int
    attempt: int
    finding: Finding


class HostileWorld(RuleBasedStateMachine):
    """One order, its row as the database keeps it, and everything around it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.executed_at: datetime | None = None
        self.looks: list[Look] = []
        self.posted = 0

    @initialize(expires=st.none() | st.integers(1, 1500))
    def admit(self, expires: int | None) -> None:
        expires_at = None if expires is None else (START + timedelta(seconds=expires)).isoformat()
        command = Transfer.model_validate(
            {
                "type": "transfer",
                "orderId": "ord-1",
                "fromUserId": "alice1",
                "toUserId": "bob123",
                "coinId": 1280,
                "amount": "1",
                "expiresAt": expires_at,
            }
        )
        self.copies = [Copy(1, self.now)]
        self.order = Order(
            command=command,
            provider="ccpayment",
            state="sending",
            revision=1,
            attempts=1,
            doubtful=(1,),
            polls=0,
            due_at=self.now + LEASE,
            doubt_since=None,
            absent_at=None,
            attempted_at=self.now,
            provider_ref=None,
            error_code=None,
            events=0,
            correlation_id=None,
            traceparent=None,
        )

    # ------------------------------------------------------------ what the world does

    @rule(seconds=st.sampled_from([1, 11, 31, 151, 301]))
    def let_time_pass(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.on_their_way())
    @rule(which=st.integers(0, 3), arrival=st.sampled_from(ARRIVALS), is_heard=st.booleans())
    def a_copy_arrives(self, which: int, arrival: Arrival, is_heard: bool) -> None:
        """Within the time that the worker has to send it, and the signature's validity after that; or never."""
        copies = self.on_their_way()
        copy = copies[which % len(copies)]
        copy.arrived = True
        latest = copy.written_at + SEND_WITHIN + SIGNATURE_VALIDITY + CLOCK_SKEW
        if arrival == "lost":
            copy.answer = Unknown("no_answer", "")
        elif self.now > latest:
            copy.answer = Deferred("request_expired", "")
        elif self.executed_at is not None:
            # A business check may come before the check for duplicates: the first copy has spent the money.
            copy.answer = Refused("balance_insufficient", "") if arrival == "refused" else Unknown(DUPLICATE, "")
        elif arrival == "refused":
            copy.answer = Refused("refused", "")
        elif arrival == "deferred":
            copy.answer = Deferred("rate_limit", "")
        else:
            self.executed_at = self.now
            copy.answer = DONE if arrival == "executed" else Unknown("no_answer", "")
        if is_heard and not copy.heard:
            self.hear(copy)

    def on_their_way(self) -> list[Copy]:
        return [copy for copy in self.copies if not copy.arrived]

    def waited_for(self) -> list[Copy]:
        return [copy for copy in self.copies if not copy.heard]

    def answered(self) -> list[Copy]:
        return [copy for copy in self.waited_for() if copy.arrived]

    # ------------------------------------------------------------ what workers do

    @precondition(lambda self: self.answered())
    @rule(which=st.integers(0, 3))
    def an_answer_is_heard_late(self, which: int) -> None:
        copies = self.answered()
        self.hear(copies[which % len(copies)])

    @precondition(lambda self: self.waited_for())
    @rule(which=st.integers(0, 3))
    def a_call_times_out(self, which: int) -> None:
        copies = self.waited_for()
        copy = copies[which % len(copies)]
        copy.heard = True
        self.settle(Unknown("no_answer", ""), copy.number, "answer")

    @precondition(lambda self: self.order.due_at is not None)
    @rule(fails=st.sampled_from([False, False, True]), stalls=st.sampled_from([False, False, True]))
    def somebody_goes_on(self, fails: bool, stalls: bool) -> None:
        """When its time has come: claim, look, and act upon it, at once or after having stalled."""
        assert self.order.due_at is not None
        self.now = max(self.now, self.order.due_at)
        self.order = replace(self.order, revision=self.order.revision + 1, due_at=self.now + LEASE)
        finding = Unknown("look_up_failed", "") if fails else self.what_a_look_up_shows()
        look = Look(self.order.revision, self.order.attempts, finding)
        if stalls:
            self.looks.append(look)
        else:
            self.act(look)

    @precondition(lambda self: self.looks)
    @rule(which=st.integers(0, 3))
    def somebody_wakes_up(self, which: int) -> None:
        self.act(self.looks.pop(which % len(self.looks)))

    def act(self, look: Look) -> None:
        is_current = look.revision == self.order.revision
        if not isinstance(look.finding, Absent):
            self.settle(look.finding, look.attempt, "record")
        elif is_current and self.may_send_again():
            self.start_attempt()
        elif is_current:
            self.settle(look.finding, look.attempt, "record")

    def hear(self, copy: Copy) -> None:
        assert copy.answer is not None
        copy.heard = True
        self.settle(copy.answer, copy.number, "answer")

    def what_a_look_up_shows(self) -> Finding:
        # The worst that is allowed: hidden for as long as anybody has reckoned with.
        if self.executed_at is None or self.now < self.executed_at + LOOK_UP_LAG:
            return Absent()
        return DONE

    def may_send_again(self) -> bool:
        world = SimpleNamespace(
            clock=SimpleNamespace(now=lambda: self.now),
            providers={"ccpayment": SimpleNamespace(settling_time=SETTLING)},
        )
        return may_send_again(self.order, cast("World", world))

    def start_attempt(self) -> None:
        """As ledger.start_attempt does it."""
        number = self.order.attempts + 1
        self.copies.append(Copy(number, self.now))
        self.order = replace(
            self.order,
            state="sending",
            revision=self.order.revision + 1,
            attempts=number,
            doubtful=(*self.order.doubtful, number),
            due_at=self.now + LEASE,
            error_code=None,
            attempted_at=self.now,
        )

    def settle(self, finding: Finding, attempt: int, source: Source) -> None:
        """As ledger.settle does it."""
        if self.order.is_terminal:
            return
        decision = decide(self.order, finding, attempt, source, self.now, POLICY, SETTLING)
        self.check(decision)
        doubted = [copy.written_at for copy in self.copies if copy.number in decision.doubtful]
        self.posted += decision.state == "succeeded"
        self.order = replace(
            self.order,
            state=decision.state,
            revision=self.order.revision + 1,
            due_at=decision.due_at,
            error_code=decision.error_code,
            doubtful=decision.doubtful,
            doubt_since=decision.doubt_since,
            absent_at=decision.absent_at,
            attempted_at=max(doubted, default=None),
            polls=decision.polls,
        )

    def check(self, decision: Decision) -> None:
        assert (decision.due_at is None) == (decision.state in TERMINAL_STATES)
        if decision.state not in TERMINAL_STATES and decision.due_at != self.order.due_at:
            assert decision.due_at is not None
            assert decision.due_at >= self.now

    # ------------------------------------------------------------ what must hold

    @invariant()
    def what_succeeded_was_executed_and_is_posted_once(self) -> None:
        assert self.posted == (self.order.state == "succeeded")
        if self.order.state == "succeeded":
            assert self.executed_at is not None

    @invariant()
    def what_failed_is_not_executed_and_never_will_be(self) -> None:
        if self.order.state != "failed":
            return
        assert self.executed_at is None
        for copy in self.copies:
            latest = copy.written_at + SEND_WITHIN + SIGNATURE_VALIDITY + CLOCK_SKEW
            assert copy.arrived or self.now > latest, f"attempt {copy.number} may still be executed"

    @invariant()
    def an_order_that_is_held_has_nothing_on_its_way_that_anybody_doubts(self) -> None:
        if self.order.state == "held":
            assert self.order.doubtful == ()
        if self.order.state in ("sending", "unknown"):
            assert self.order.doubtful


TestHostileWorld = HostileWorld.TestCase
TestHostileWorld.settings = settings(max_examples=500, stateful_step_count=30, deadline=None)
