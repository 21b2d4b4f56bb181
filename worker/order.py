"""An order as the worker sees it: one revision of a row of ledger.orders."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from schemas.command import Command
from schemas.event import ErrorDetail, Event, Line, Result

State = Literal["held", "sending", "unknown", "processing", "review", "succeeded", "failed", "rejected"]
# An attempt is sent within this of being written down, or never: a worker that was stopped in between must not wake
# up and send what others have meanwhile proven absent.
SEND_WITHIN = timedelta(seconds=10)

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
    attempted_at: datetime | None  # when the last attempt in doubt was written down
    provider_ref: str | None
    error_code: str | None
    events: int
    correlation_id: str | None
    traceparent: str | None
    body: bytes | None = None  # an attempt that this worker wrote down and has yet to send

    @property
    def order_id(self) -> str:
        """The id that service, ledger and provider share."""
        return self.command.order_id

    def settled_at(self, settling_time: timedelta) -> datetime:
        """When no copy of an attempt in doubt can be on its way any more: sent at the latest, and settled."""
        assert self.attempted_at is not None, "what is in doubt was written down"
        return self.attempted_at + SEND_WITHIN + settling_time

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
    source: Literal["answer", "record"]
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
    event: Event | None = None
