"""The rows of the ledger's tables, as the store keeps them in memory."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from schemas.command import Command
from worker.ledger import Stored
from worker.order import Decision, Order, State
from worker.providers.protocol import Prepared

AccountKey = tuple[str, str, str]  # provider, coin, name


@dataclass
class Balance:
    """What an account has; `floor` is None where it may go below zero without end."""

    floor: Decimal | None
    posted: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    version: int = 0


@dataclass(frozen=True)
class Entry:
    """One line of a journal."""

    account: AccountKey
    version: int
    journal: str
    amount: Decimal
    purpose: str
    balance_after: Decimal


@dataclass(frozen=True)
class Evidence:
    """What was learned about an order, and from where."""

    order_id: str
    attempt: int
    source: str
    verdict: str
    provider_code: str | None
    message: str | None


@dataclass
class OutboxRow:
    """An event, and who is publishing it."""

    event: Stored
    order_id: str | None
    sequence: int
    terminal: bool
    created_at: datetime
    lease_token: object | None
    lease_until: datetime
    published_at: datetime | None = None


@dataclass
class OrderRow:
    """A row of ledger.orders with its attempts."""

    order_id: str
    type: str
    command: Command | None  # None: a manual journal
    provider: str
    fingerprint: bytes
    state: State
    created_at: datetime
    due_at: datetime | None = None
    hold: tuple[AccountKey, Decimal] | None = None
    payee: str | None = None
    revision: int = 1
    doubtful: tuple[int, ...] = ()
    polls: int = 0
    doubt_since: datetime | None = None
    absent_at: datetime | None = None
    provider_ref: str | None = None
    error_code: str | None = None
    events: int = 0
    correlation_id: str | None = None
    traceparent: str | None = None
    app_id: str | None = None
    prepared: list[Prepared] = field(default_factory=list)  # attempt 1 first

    @property
    def is_in_doubt(self) -> bool:
        """An open payment without an order id that may have been made and is not bound: one per payee."""
        return (
            self.payee is not None and self.provider_ref is None and self.due_at is not None and self.doubtful != ()
        )

    def read(self) -> Order:
        """As ledger.read_orders shows it."""
        assert self.command is not None
        return Order(
            command=self.command,
            provider=self.provider,
            state=self.state,
            revision=self.revision,
            attempts=len(self.prepared),
            doubtful=self.doubtful,
            polls=self.polls,
            due_at=self.due_at,
            doubt_since=self.doubt_since,
            absent_at=self.absent_at,
            attempted_at=max((self.prepared[number - 1].signed_at for number in self.doubtful), default=None),
            provider_ref=self.provider_ref,
            error_code=self.error_code,
            events=self.events,
            correlation_id=self.correlation_id,
            traceparent=self.traceparent,
            app_id=self.app_id,
            payee=self.payee,
            created_at=self.created_at,
        )


@dataclass(frozen=True)
class Commit:
    """One transaction: for whoever watches."""

    function: str
    order_id: str | None
    provider_ref: str | None
    before: Order | None  # of the order; None where there was none
    decision: Decision | None
    result: object
    road: str
