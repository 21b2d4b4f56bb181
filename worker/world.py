"""What the flow works with: the ports, built once at start, and the numbers that an operator sets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from worker.clock import Clock
from worker.coins import Coins
from worker.ledger import Ledger, Stored
from worker.message import Outgoing
from worker.metrics import Metrics
from worker.providers.line import Line
from worker.providers.protocol import Provider


class Publisher(Protocol):
    """What the flow and the relay ask of the broker."""

    async def publish(self, message: Outgoing) -> None:
        """Return when the broker has confirmed. Raises Unroutable, BrokerRefused or BrokerAway."""
        ...

    async def ready(self) -> None:
        """Wait until there is a connection, and the broker takes messages."""
        ...


class RenewablePublisher(Publisher, Protocol):
    """What the relay asks of it beside."""

    @property
    def is_ready(self) -> bool:
        """Whether `ready` would return at once."""
        ...

    def renew(self) -> None:
        """Give up this connection, on which no confirm comes. What is in flight on it raises BrokerAway."""
        ...


class Handover(Protocol):
    """Where what was just written to the outbox goes at once, so that it need not be searched for."""

    def offer(self, event: Stored) -> None:
        """Publish this soon. It may be dropped: the outbox has it."""
        ...

    def wake(self) -> None:
        """Look into the outbox soon."""
        ...


FREE = Line()


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient the worker is, in seconds."""

    poll_seconds: float
    review_after_seconds: float
    # Whether a payment without an order id may be sent again once its absence is proven, or a person decides.
    resend_payments: bool = False
    # The first interval of a rescan, and when one is given up.
    rescan_seconds: float = 60
    rescan_give_up_seconds: float = 604_800


@dataclass(frozen=True, slots=True)
class World:
    """Everything the flow touches outside itself."""

    ledger: Ledger
    publisher: Publisher
    relay: Handover
    providers: Mapping[str, Provider]
    coins: Coins
    clock: Clock
    policy: Policy
    metrics: Metrics = field(default_factory=Metrics)
    # To each provider; one that is not named is never held up.
    lines: Mapping[str, Line] = field(default_factory=dict)

    def line(self, provider: str) -> Line:
        """The way to a provider: whether it is there, and how fast it may be asked."""
        return self.lines.get(provider, FREE)
