"""An order as the worker sees it: one revision of a row of ledger.orders."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from schemas.command import Command
from schemas.event import ErrorDetail, Event, Line, Result
from worker.providers.protocol import Prepared

State = Literal["held", "sending", "unknown", "processing", "review", "succeeded", "failed", "rejected"]
# An attempt is sent within this of being signed, or never: a worker that was stopped in between must not wake
# up and send what others have meanwhile proven absent.
SEND_WITHIN = timedelta(seconds=10)

# The commands whose request the provider cannot tell from an equal one.
SENT_ONCE = frozenset({"payout", "withdraw"})

TERMINAL_STATES: frozenset[State] = frozenset({"succeeded", "failed", "rejected"})


@dataclass(frozen=True, slots=True)
class Order:
    """What is known of an order at one revision. Decisions made on it are refused once it has moved on."""

    command: Command
    provider: str
    state: State
    revision: int
    attempts: int
    doubtful: tuple[int, ...]  # attempts that may still have had an effect
    polls: int
    due_at: datetime | None  # the end of the lease, or when to look again; None: terminal
    doubt_since: datetime | None
    absent_at: datetime | None  # the first reading that counts towards a proof of absence
    attempted_at: datetime | None  # when the last attempt in doubt was signed
    provider_ref: str | None
    error_code: str | None
    events: int
    correlation_id: str | None
    traceparent: str | None
    app_id: str | None = None
    created_at: datetime | None = None
    payee: str | None = None  # of a payment without an order id: whom it was to go to when it was signed last
    prepared: Prepared | None = None  # an attempt that this worker wrote down and has yet to send

    @property
    def order_id(self) -> str:
        """The id that service, ledger and provider share."""
        return self.command.order_id

    def settled_at(self, settling_time: timedelta) -> datetime:
        """When no copy of an attempt in doubt can be on its way: each is signed once, and signatures expire."""
        assert self.attempted_at is not None, "what is in doubt was written down"
        return self.attempted_at + settling_time

    @property
    def is_sent_once(self) -> bool:
        """Its request carries no order id, so that a second one would be a second payment."""
        return self.command.type in SENT_ONCE

    def has_expired(self, now: datetime) -> bool:
        """Nothing is begun any more."""
        return self.command.has_expired(now)

    @property
    def is_terminal(self) -> bool:
        """Nothing changes it any more."""
        return self.state in TERMINAL_STATES


@dataclass(frozen=True, slots=True)
class Hold:
    """Funds promised to an order: an account, a coin, and a positive amount as decimal text."""

    account: str
    coin: str
    amount: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was learned, about which attempt, and from where."""

    attempt: int
    source: Literal["answer", "record", "person"]
    verdict: str
    provider_code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What one piece of evidence makes of an order: its next state, and what is posted and told."""

    state: State
    evidence: Evidence
    due_at: datetime | None = None  # None: terminal
    provider_ref: str | None = None
    error_code: str | None = None
    doubtful: tuple[int, ...] = ()
    doubt_since: datetime | None = None
    absent_at: datetime | None = None
    polls: int = 0
    lines: tuple[Line, ...] = ()
    tells: Result | None = None
    error: ErrorDetail | None = None
    events: tuple[Event, ...] = ()
