"""A provider at its port: what it is asked is written down, and what it answers is told beforehand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from worker.providers.protocol import (
    Absent,
    Candidates,
    Coin,
    Finding,
    Instruction,
    Outcome,
    Prepared,
    ReadFailed,
    Trail,
    Unknown,
)

MERCHANT = "merchant-0001"


@dataclass
class StandIn:
    """A provider that answers everything in the same way."""

    name: str = "ccpayment"
    merchant_user_id: str = MERCHANT
    bound_addresses: Mapping[str, str] = field(default_factory=dict)
    settling_time: timedelta = timedelta(seconds=450)
    outcome: Outcome = field(default_factory=lambda: Unknown("no_answer", "silence"))
    found: Finding | Candidates = field(default_factory=Absent)
    listed: Sequence[Coin] | None = None  # None: it cannot be asked
    prepared: list[Instruction] = field(default_factory=list)
    sent: list[tuple[Instruction, Prepared, datetime]] = field(default_factory=list)
    looked_up: list[tuple[Instruction, Trail]] = field(default_factory=list)
    coins_asked: int = 0

    def prepare(self, instruction: Instruction, at: datetime) -> Prepared:
        self.prepared.append(instruction)
        return Prepared(repr(instruction).encode(), at, f"signature {len(self.prepared)}")

    async def execute(self, instruction: Instruction, prepared: Prepared, send_by: datetime) -> Outcome:
        self.sent.append((instruction, prepared, send_by))
        return self.outcome

    async def look_up(self, instruction: Instruction, trail: Trail) -> Finding | Candidates:
        self.looked_up.append((instruction, trail))
        return self.found

    async def coins(self) -> Sequence[Coin]:
        self.coins_asked += 1
        if self.listed is None:
            raise ReadFailed("coins: no answer")
        return self.listed

    async def check(self) -> None:
        raise ReadFailed("it is only a stand-in")
