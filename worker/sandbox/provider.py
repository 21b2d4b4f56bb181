"""What the sandbox asks of a simulated provider: the seam where the next provider goes in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from worker.sandbox.message import Request, Response

Parameters = Mapping[str, object]

Control = Callable[[Mapping[str, Any], float], Mapping[str, object]]
"""A control of a provider: camelCase JSON fields and the unix time in, a JSON answer out.

Raises `InputError` under the name that the field came with."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose route is known; nothing in it has been checked yet."""

    route: str
    moves_money: bool
    order_id: str | None
    parameters: Parameters | None
    """None when the body is not what the provider can read."""
    request: Request
    lists: bool = False
    """It asks for all records of a kind."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the provider suffers from while it executes one call, by order of a fault."""

    fails: bool = False
    """A money movement that would succeed is recorded as failed, and moves nothing."""
    lag_seconds: float = 0.0
    """Lookups do not see records younger than this."""
    keep: int | None = None
    """Lists have only so many of the newest records; None is all of them."""


class Provider(Protocol):
    """One simulated provider. Times are unix seconds and come from the caller."""

    @property
    def controls(self) -> Mapping[str, Control]:
        """What the control routes may ask of this provider, by the action's name."""
        ...

    @property
    def beginning(self) -> Response:
        """The start of a success, for an answer that is cut though there is none to cut."""
        ...

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

    def advance(self, at: float) -> None:
        """Let happen what was due by the clock without any call: a status that changes by itself."""
        ...

    def record_age(self, call: Call, at: float) -> float | None:
        """For a lookup: seconds since the youngest record it asks for was made; None without one."""
        ...

    def error(self, code: int) -> Response:
        """An answer with this error code, in the provider's own envelope."""
        ...
