"""Balances: a figure of the provider against one of ours, looked at until nothing moves in between."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from worker.clock import Clock
from worker.ledger import Difference
from worker.reconcile.findings import Findings, Passed

# So often an account is looked at within a run, with this much time for its orders to end.
TRIES = 3
PAUSE_SECONDS = 3.0
# Of those that are to be looked at again; the others are told as busy.
AGAIN_MAX = 10_000
# Accounts that are looked at together. While they are, the books of each must stand still: with more of them more are
# busy, with fewer the database reads all open orders more often.
PAGE = 20


@dataclass(frozen=True, slots=True)
class Figures:
    """What there is of a coin by our books, between `low` and `high`, and by the provider's.

    A range: a payment may or may not have been made. `theirs` is None where the provider does not say. Busy: our
    books have changed while the provider was asked, or an open order may have changed the provider's.
    """

    low: Decimal
    high: Decimal
    theirs: Decimal | None
    is_busy: bool = False
    message: str = "the balances differ"


class Balances(Protocol):
    """Figures to compare, by account."""

    what: str

    def accounts(self) -> AsyncIterator[str]:
        """Whose there are. The iterator raises ReadFailed."""
        ...

    async def read(self, accounts: Mapping[str, Collection[str] | None]) -> Mapping[str, Mapping[str, Figures]]:
        """Of each coin of each account; or of these, which have differed. Raises ReadFailed."""
        ...


_Left = Mapping[str, Figures | None]  # what has differed when it was last looked at, by coin; None: it was busy


async def compare_balances(balances: Balances, findings: Findings, clock: Clock) -> None:
    """Compare all; what differs must differ by the same twice. Raises ReadFailed."""
    left: dict[str, _Left] = {}
    async for page in _in_pages(balances.accounts()):
        for account, again in (await _look(balances, dict.fromkeys(page), findings)).items():
            if len(left) < AGAIN_MAX:
                left[account] = again
            else:
                _tell_busy(balances.what, account, again, findings)
    for _ in range(TRIES - 1):
        if left:
            await clock.sleep(PAUSE_SECONDS)
        looked_at, left = left, {}
        async for page in _in_pages(_each(looked_at)):
            left |= await _look(balances, {account: looked_at[account] for account in page}, findings)
    for account, before in left.items():
        _tell_busy(balances.what, account, before, findings)


async def _in_pages(accounts: AsyncIterator[str]) -> AsyncIterator[list[str]]:
    """Some at a time, for which the books are asked once; the merchant by itself, because it moves most."""
    page: list[str] = []
    async for account in accounts:
        if account == "merchant":
            yield [account]
            continue
        page.append(account)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


async def _each(accounts: Iterable[str]) -> AsyncIterator[str]:
    for account in accounts:
        yield account


async def _look(balances: Balances, accounts: Mapping[str, _Left | None], findings: Findings) -> dict[str, _Left]:
    """Compare some accounts' coins; what is to be looked at again."""
    read = await balances.read(
        {account: None if before is None else before.keys() for account, before in accounts.items()}
    )
    left = {
        account: await _compare(balances.what, account, read[account], before, findings)
        for account, before in accounts.items()
    }
    return {account: again for account, again in left.items() if again}


async def _compare(
    what: str, account: str, read: Mapping[str, Figures], before: _Left | None, findings: Findings
) -> _Left:
    again: dict[str, Figures | None] = {}
    for coin, figures in read.items():
        if figures.theirs is None:
            message = "the provider leaves it blank"
            findings.skipped.add(Passed(what, account, coin, message))
        elif figures.is_busy or (figures.low != figures.high and figures.low <= figures.theirs <= figures.high):
            again[coin] = None
        elif figures.low == figures.high == figures.theirs:
            await findings.add(what, f"{account} {coin}", "equal")
        elif before is None or before.get(coin) != figures:
            again[coin] = figures
        else:
            await findings.add(what, f"{account} {coin}", _difference(what, account, coin, figures))
    return again


def _difference(what: str, account: str, coin: str, figures: Figures) -> Difference:
    return Difference(
        subject=f"{what} {account} {coin}",
        what=what,
        account=account,
        coin=coin,
        ledger_amount=figures.high,
        provider_amount=figures.theirs,
        order_id=None,
        record_id=None,
        message=figures.message,
    )


def _tell_busy(what: str, account: str, left: _Left, findings: Findings) -> None:
    for coin in left:
        message = "an order or a deposit is under way, or the balance has not stood still"
        findings.busy.add(Passed(what, account, coin, message))
