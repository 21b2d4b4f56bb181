"""What the sandbox asks of a simulated provider: the seam where the next provider goes in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from worker.sandbox.message import Request, Response

Parameters = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose route is known; nothing in it has been checked yet."""

    route: str
    moves_money: bool
    order_id: str | None
    parameters: Parameters | None
    """None when the body is not what the provider can read."""
    request: Request


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the provider suffers from while it executes one call, by order of a fault."""

    fails: bool = False
    """A money movement that would succeed is recorded as failed, and moves nothing."""
    lag_seconds: float = 0.0
    """Lookups do not see records younger than this."""


class Provider(Protocol):
    """One simulated provider. Times are unix seconds and come from the caller."""

    @property
    def routes(self) -> frozenset[str]:
        """The names of the routes that a fault may be bound to."""
        ...

    def read(self, request: Request) -> Call | None:
        """Which route this is, with its order id; None when it is not a route of this provider."""
        ...

    def gate(self, call: Call, at: float) -> Response | None:
        """The refusal when headers, account, clock, signature or body are wrong, else None."""
        ...

    def execute(self, call: Call, at: float, conditions: Conditions) -> Response:
        """Parameters and business: the only step that changes the books."""
        ...

    def record_age(self, call: Call, at: float) -> float | None:
        """For a lookup: seconds since the record it asks for was made; None when there is none."""
        ...

    def error(self, code: int) -> Response:
        """An answer with this error code, in the provider's own envelope."""
        ...
