"""The provider's books: what each user has, and the record of every transfer."""

import time
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from worker.sandbox.exact import add, subtract

ZERO = Decimal(0)

# Record ids end in an id of Twitter's kind: milliseconds since this moment, shifted by 22 bits.
# The documented samples decode to the very second that their first 14 digits name.
SNOWFLAKE_EPOCH_MILLISECONDS = 1288834974657


class Status(StrEnum):
    """The two states of a transfer record; both are final."""

    SUCCESS = "Success"
    FAILED = "Failed"


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


class Books:
    """Balances by user and coin, and transfers by order id and by record id."""

    def __init__(self) -> None:
        self._balances: dict[tuple[str, int], Decimal] = {}
        self._by_order_id: dict[str, Transfer] = {}
        self._by_record_id: dict[str, Transfer] = {}
        self._record_ids = 0

    def balance(self, user_id: str, coin_id: int) -> Decimal:
        """What the user can spend of this coin."""
        return self._balances.get((user_id, coin_id), ZERO)

    def balances(self) -> dict[tuple[str, int], Decimal]:
        """Every balance by (user id, coin id)."""
        return dict(self._balances)

    def transfers(self) -> list[Transfer]:
        """The transfers that moved money, in the order of their execution."""
        return [record for record in self.records() if record.status is Status.SUCCESS]

    def records(self) -> list[Transfer]:
        """Every transfer record, failed ones too, in the order of their making."""
        return list(self._by_order_id.values())

    def by_order_id(self, order_id: str) -> Transfer | None:
        """The transfer that used this order id."""
        return self._by_order_id.get(order_id)

    def by_record_id(self, record_id: str) -> Transfer | None:
        """The transfer with the provider's own id."""
        return self._by_record_id.get(record_id)

    def new_record_id(self, at: float) -> str:
        """33 digits as in the documentation: the second in UTC, then a unique number.

        The count rather than a sequence within the millisecond keeps ids unique even under a
        clock that stands still or goes back.
        """
        self._record_ids += 1
        milliseconds = max(0, int(at * 1000) - SNOWFLAKE_EPOCH_MILLISECONDS)
        second = time.strftime("%Y%m%d%H%M%S", time.gmtime(at))
        return f"{second}{(milliseconds << 22) + self._record_ids:019d}"

    def fund(self, user_id: str, coin_id: int, amount: Decimal) -> None:
        """Money from outside arrives."""
        self._balances[user_id, coin_id] = add(self.balance(user_id, coin_id), amount)

    def write(self, transfer: Transfer) -> None:
        """Record a transfer and, unless it failed, move its money."""
        assert transfer.order_id not in self._by_order_id, "an order id is used once"
        if transfer.status is Status.SUCCESS:
            self._move(transfer)
        self._by_order_id[transfer.order_id] = transfer
        self._by_record_id[transfer.record_id] = transfer

    def _move(self, transfer: Transfer) -> None:
        payer = (transfer.from_user_id, transfer.coin_id)
        left = subtract(self.balance(*payer), transfer.amount)
        assert left >= ZERO, "nobody spends what they do not have"
        self._balances[payer] = left
        self.fund(transfer.to_user_id, transfer.coin_id, transfer.amount)
