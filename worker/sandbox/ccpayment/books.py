"""The provider's books: what each user has, and the record of every transfer, swap and deposit."""

import time
from decimal import Decimal

from worker.sandbox.ccpayment.records import Deposit, Status, Swap, Transfer
from worker.sandbox.ccpayment.shelf import Shelf
from worker.sandbox.exact import add, subtract

ZERO = Decimal(0)

# Record ids end in an id of Twitter's kind: milliseconds since this moment, shifted by 22 bits.
# The documented samples decode to the very second that their first 14 digits name.
SNOWFLAKE_EPOCH_MILLISECONDS = 1288834974657


class Books:
    """Balances by user and coin, and a shelf for each kind of record."""

    def __init__(self) -> None:
        self.transfer_shelf: Shelf[Transfer] = Shelf()
        self.swap_shelf: Shelf[Swap] = Shelf()
        self.deposit_shelf: Shelf[Deposit] = Shelf()
        self._balances: dict[tuple[str, int], Decimal] = {}
        self._record_ids = 0

    def balance(self, user_id: str, coin_id: int) -> Decimal:
        """What the user can spend of this coin."""
        return self._balances.get((user_id, coin_id), ZERO)

    def balances(self) -> dict[tuple[str, int], Decimal]:
        """Every balance by (user id, coin id); one that was ever used stays, with zero."""
        return dict(self._balances)

    def transfers(self) -> list[Transfer]:
        """The transfers that moved money, in the order of their execution."""
        return [record for record in self.records() if record.status is Status.SUCCESS]

    def records(self) -> list[Transfer]:
        """Every transfer record, failed ones too, in the order of their making."""
        return list(self.transfer_shelf)

    def swaps(self) -> list[Swap]:
        """Every swap record, whatever became of it, in the order of their making."""
        return list(self.swap_shelf)

    def deposits(self) -> list[Deposit]:
        """Every deposit that the provider has noticed, in the order of their making."""
        return list(self.deposit_shelf)

    def is_used(self, order_id: str) -> bool:
        """Whether any transfer or swap has this order id. Not documented: assumed is one name
        space for all routes that move money, which is the stricter reading."""
        shelves = (self.transfer_shelf, self.swap_shelf)
        return any(shelf.by_order_id(order_id) is not None for shelf in shelves)

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
        """Money from outside arrives, or the provider hands some out."""
        self._balances[user_id, coin_id] = add(self.balance(user_id, coin_id), amount)

    def spend(self, user_id: str, coin_id: int, amount: Decimal) -> None:
        """Money leaves the user, who was found to have it."""
        left = subtract(self.balance(user_id, coin_id), amount)
        assert left >= ZERO, "nobody spends what they do not have"
        self._balances[user_id, coin_id] = left

    def write(self, transfer: Transfer) -> None:
        """Record a transfer and, unless it failed, move its money."""
        assert not self.is_used(transfer.order_id), "an order id is used once"
        if transfer.status is Status.SUCCESS:
            self.spend(transfer.from_user_id, transfer.coin_id, transfer.amount)
            self.fund(transfer.to_user_id, transfer.coin_id, transfer.amount)
        self.transfer_shelf.put(transfer, transfer.order_id)
