"""How withdrawals are to end, as somebody asked for: which ones, where, and how often."""

from dataclasses import dataclass
from decimal import Decimal

from worker.sandbox.coinqpay.records import Withdrawal, WithdrawalStatus


@dataclass(slots=True)
class Ending:
    """A wish for withdrawals that do not exist yet. A field that is None fits every one."""

    status: int
    coin: str | None = None
    amount: Decimal | None = None
    address: str | None = None
    times: int | None = None
    """How many it is still for; None is for all."""

    def fits(self, withdrawal: Withdrawal) -> bool:
        """Whether the withdrawal is one of those meant."""
        return (
            self.times != 0
            and self.coin in {None, withdrawal.coin}
            and self.amount in {None, withdrawal.amount}
            and self.address in {None, withdrawal.address}
        )


def ending_of(withdrawal: Withdrawal, wishes: list[Ending]) -> int:
    """Where a new withdrawal will go: the first wish that fits is used, else it succeeds."""
    wish = next((wish for wish in wishes if wish.fits(withdrawal)), None)
    if wish is None:
        return WithdrawalStatus.SUCCESS
    if wish.times is not None:
        wish.times -= 1
    return wish.status


def after(withdrawal: Withdrawal) -> int | None:
    """The next status of a withdrawal on its way, None when it is at its end.

    Approval fails and a risk is found before processing, a failure before the transaction is sent;
    every other ending comes after confirming.
    """
    status, ending = withdrawal.status, withdrawal.ending
    match status:
        case WithdrawalStatus.WAIT_APPROVE:
            is_early = ending in {WithdrawalStatus.APPROVE_FAILED, WithdrawalStatus.RISK}
            return ending if is_early else WithdrawalStatus.PROCESSING
        case WithdrawalStatus.PROCESSING:
            return ending if ending == WithdrawalStatus.FAILED else WithdrawalStatus.CONFIRMING
        case WithdrawalStatus.CONFIRMING:
            return ending
        case _:
            return None
