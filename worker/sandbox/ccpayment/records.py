"""The records that the provider keeps: a transfer, a swap, a deposit, and their states."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from worker.sandbox.ccpayment.quote import Quote


class Status(StrEnum):
    """The states of a record. A transfer is never Processing; the other two are final."""

    SUCCESS = "Success"
    PROCESSING = "Processing"
    FAILED = "Failed"


class Recorded(Protocol):
    """What every record has; `at` is the unix time of its making."""

    @property
    def record_id(self) -> str: ...
    @property
    def at(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Transfer:
    """The record of one transfer; `at` is unix seconds and never shown to callers."""

    record_id: str
    order_id: str
    coin_id: int
    from_user_id: str
    to_user_id: str
    amount: Decimal
    remark: str | None
    status: Status
    at: float


@dataclass(frozen=True, slots=True)
class Swap:
    """The record of one swap: Processing until `done_at`, then what `outcome` says for good."""

    record_id: str
    order_id: str
    user_id: str
    coin_id_in: int
    coin_id_out: int
    quote: Quote
    amount_out_minimum: Decimal | None
    outcome: Status
    at: float
    done_at: float

    def status(self, at: float) -> Status:
        """What the record says at this unix time."""
        return Status.PROCESSING if at < self.done_at else self.outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """The record of one deposit, of a user or, by reference or order, of the merchant.

    Amounts and fee are in the coin; the owner gets amount - service fee, if the deposit succeeds
    and is not risky. One transaction can pay several outputs, which `tx_index` tells apart.
    """

    record_id: str
    user_id: str | None
    reference_id: str | None
    order_id: str | None
    coin_id: int
    chain: str
    contract: str
    price: Decimal
    """In USDT, at the time of the deposit."""
    from_address: str | None
    to_address: str
    memo: str
    amount: Decimal
    service_fee: Decimal
    tx_id: str
    tx_index: int
    is_risky: bool
    outcome: Status
    at: float
    done_at: float

    def status(self, at: float) -> Status:
        """What the record says at this unix time."""
        return Status.PROCESSING if at < self.done_at else self.outcome
