"""Deposits on their way in: noticed or lost, confirmed, credited, and told of."""

from dataclasses import replace

from worker.sandbox.ccpayment.account import Account
from worker.sandbox.ccpayment.lost import LostDeposit
from worker.sandbox.ccpayment.records import Deposit, Status
from worker.sandbox.exact import subtract


def arrive(account: Account, deposit: Deposit, tells_processing: bool) -> None:
    """Record a deposit that the provider notices at `deposit.at`, and let it be done when it is."""
    account.books.deposit_shelf.put(deposit)
    if tells_processing and deposit.done_at > deposit.at:
        tell(account, deposit, deposit.at)
    account.agenda.add(deposit.done_at, lambda at: _settle(account, deposit, at))


def find_lost(account: Account, lost: LostDeposit, at: float) -> None:
    """A rescan at this unix time finds a deposit; its record appears after its own delay."""

    def notice(found_at: float) -> None:
        deposit = replace(
            lost.deposit,
            record_id=account.books.new_record_id(found_at),
            at=found_at,
            done_at=found_at + lost.pending_seconds,
        )
        arrive(account, deposit, lost.tells_processing)

    account.agenda.add(at + lost.found_after_seconds, notice)
    account.agenda.advance(at)


def is_known_output(account: Account, chain: str, tx_id: str, tx_index: int) -> bool:
    """Whether this output of this transaction is a deposit already, noticed or not."""
    asked = (chain, tx_id, tx_index)
    noticed = any(asked == (one.chain, one.tx_id, one.tx_index) for one in account.books.deposit_shelf)
    return noticed or account.lost.has_output(chain, tx_id, tx_index)


def _settle(account: Account, deposit: Deposit, at: float) -> None:
    """Credit what is left after the fee. Not documented whether the fee is taken from the user's
    credit: assumed it is. A deposit flagged as risky is documented to be credited to nobody."""
    if deposit.outcome is Status.SUCCESS and not deposit.is_risky:
        owner = account.app_id if deposit.user_id is None else deposit.user_id
        account.books.fund(owner, deposit.coin_id, subtract(deposit.amount, deposit.service_fee))
    tell(account, deposit, at)


def tell(account: Account, deposit: Deposit, at: float) -> None:
    """Say how it is now."""
    account.notices.tell(deposit, account.market.coins[deposit.coin_id].symbol, at)
