"""The narrow waist: what commands ask of a provider, and what a provider may answer. Both unions are closed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

# ---------------------------------------------------------------- what is asked


@dataclass(frozen=True, slots=True)
class Move:
    """Move an amount of one coin from one user to another inside the provider."""

    order_id: str
    from_user_id: str
    to_user_id: str
    coin_id: int
    amount: str
    remark: str | None


Instruction = Move

# ---------------------------------------------------------------- what is answered


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Done, final; the provider's id of it."""

    provider_ref: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Definitely not done, and trying the same again is pointless.

    As an answer to an attempt it speaks of that attempt alone. With `by_record` it is the provider's own record
    of the order, which speaks of every attempt.
    """

    code: str
    message: str
    provider_code: str | None = None
    by_record: bool = False


@dataclass(frozen=True, slots=True)
class Deferred:
    """Definitely not done this time; the same may be tried later."""

    code: str
    message: str
    provider_code: str | None = None


@dataclass(frozen=True, slots=True)
class Processing:
    """The provider has it under an id, and its outcome is not final."""

    provider_ref: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """May or may not have been done: no answer, an unreadable one, or one that promises nothing."""

    code: str
    message: str
    provider_code: str | None = None


@dataclass(frozen=True, slots=True)
class Disputed:
    """The provider has something under this order's id that differs from the order: a person must look."""

    message: str
    provider_ref: str | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """A look-up found nothing. Proof only once no copy of a request can still be on its way."""


Outcome = Succeeded | Refused | Deferred | Processing | Unknown | Disputed
Finding = Outcome | Absent


class Provider(Protocol):
    """One payment provider."""

    name: str
    # The user id by which the provider means the merchant itself.
    merchant_user_id: str
    # How long after an attempt a copy of it may still take effect, or its record be missing from look-ups.
    settling_time: timedelta

    def encode(self, instruction: Instruction) -> bytes:
        """The exact body of the request, to be written down before it is sent."""
        ...

    async def execute(self, instruction: Instruction, body: bytes, at: datetime) -> Outcome:
        """Sign the body for this moment and send it, once.

        The moment is the caller's: one that was stopped since then sends what the provider no longer accepts.
        """
        ...

    async def look_up(self, instruction: Instruction) -> Finding:
        """Ask what became of the order, and compare every field of the record with the instruction."""
        ...
