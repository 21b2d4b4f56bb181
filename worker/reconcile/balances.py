"""Balances: a figure of the provider against one of ours, looked at until nothing moves in between."""

from collections.abc import AsyncIterator, Collection, Mapping
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

    async def read(self, account: str, again: Collection[str] | None) -> Mapping[str, Figures]:
        """Of each coin; or of these, which have differed. Raises ReadFailed."""
        ...


_Left = Mapping[str, Figures | None]  # what has differed when it was last looked at, by coin; None: it was busy


async def compare_balances(balances: Balances, findings: Findings, clock: Clock) -> None:
    """Compare all; what differs must differ by the same twice. Raises ReadFailed."""
    left: dict[str, _Left] = {}
    async for account in balances.accounts():
        again = await _look(balances, account, None, findings)
        if again and len(left) < AGAIN_MAX:
            left[account] = again
        elif again:
            _tell_busy(balances.what, account, again, findings)
    for _ in range(TRIES - 1):
        if left:
            await clock.sleep(PAUSE_SECONDS)
        for account, before in list(left.items()):
            left[account] = await _look(balances, account, before, findings)
            if not left[account]:
                del left[account]
    for account, before in left.items():
        _tell_busy(balances.what, account, before, findings)


async def _look(balances: Balances, account: str, before: _Left | None, findings: Findings) -> _Left:
    """Compare an account's coins; what is to be looked at again."""
    read = await balances.read(account, None if before is None else before.keys())
    again: dict[str, Figures | None] = {}
    for coin, figures in read.items():
        if figures.theirs is None:
            message = "the provider leaves it blank"
            findings.skipped.append(Passed(balances.what, account, coin, message))
        elif figures.is_busy or (figures.low != figures.high and figures.low <= figures.theirs <= figures.high):
            again[coin] = None
        elif figures.low == figures.high == figures.theirs:
            await findings.add(balances.what, f"{account} {coin}", "equal")
        elif before is None or before.get(coin) != figures:
            again[coin] = figures
        else:
            await findings.add(balances.what, f"{account} {coin}", _difference(balances.what, account, coin, figures))
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
        findings.busy.append(Passed(what, account, coin, message))
