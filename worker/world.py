"""What the flow works with: the ports, built once at start, and the numbers that an operator sets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from worker.clock import Clock
from worker.ledger import Ledger, Stored
from worker.message import Outgoing
from worker.providers.protocol import Provider


class Publisher(Protocol):
    """What the flow and the relay ask of the broker."""

    async def publish(self, message: Outgoing) -> None:
        """Return when the broker has confirmed. Raises Unroutable, BrokerRefused or BrokerAway."""
        ...

    async def ready(self) -> None:
        """Wait until there is a connection."""
        ...


class Handover(Protocol):
    """Where what was just written to the outbox goes at once, so that it need not be searched for."""

    def offer(self, event: Stored) -> None:
        """Publish this soon. It may be dropped: the outbox has it."""
        ...

    def wake(self) -> None:
        """Look into the outbox soon."""
        ...


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient the worker is, in seconds."""

    poll_seconds: float
    review_after_seconds: float


@dataclass(frozen=True, slots=True)
class World:
    """Everything the flow touches outside itself."""

    ledger: Ledger
    publisher: Publisher
    relay: Handover
    providers: Mapping[str, Provider]
    clock: Clock
    policy: Policy
