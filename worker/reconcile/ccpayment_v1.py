"""CCPayment's version 1 against its version 2: two interfaces to one merchant's balances must agree."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from decimal import Decimal

from schemas.money import total
from worker.providers.ccpayment.assets import Asset, app_assets
from worker.providers.ccpayment.provider import CCPayment
from worker.providers.ccpayment.v1 import ApiV1
from worker.providers.protocol import ReadFailed
from worker.reconcile.balances import Figures
from worker.reconcile.ccpayment_users import MERCHANT
from worker.reconcile.findings import Findings, Passed


class VersionBalances:
    """By symbol: version 1 has ids of its own. The figure beside version 1's is version 2's, not the ledger's."""

    what = "v1 balance"

    def __init__(self, provider: CCPayment, version_1: ApiV1, findings: Findings) -> None:
        self._provider = provider
        self._version_1 = version_1
        self._findings = findings

    async def accounts(self) -> AsyncIterator[str]:
        """The merchant: version 1 knows nobody else."""
        yield MERCHANT

    async def read(self, accounts: Mapping[str, Collection[str] | None]) -> Mapping[str, Mapping[str, Figures]]:
        """Version 2, version 1, and version 2 once more. Not every account has version 1: then it is skipped."""
        return {account: await self._read(again) for account, again in accounts.items()}

    async def _read(self, again: Collection[str] | None) -> Mapping[str, Figures]:
        before = _by_symbol((asset.coin_symbol, asset.available) for asset in await self._assets())
        try:
            listed = await self._version_1.assets()
        except ReadFailed as error:
            self._findings.skipped.add(Passed(self.what, MERCHANT, None, str(error)))
            return {}
        theirs = _by_symbol((asset.crypto, asset.value) for asset in listed)
        after = _by_symbol((asset.coin_symbol, asset.available) for asset in await self._assets())
        symbols = before.keys() | after.keys() | theirs.keys() if again is None else again
        return {symbol: _figures(symbol, before, after, theirs) for symbol in sorted(symbols)}

    async def _assets(self) -> Collection[Asset]:
        return await app_assets(self._provider.api)


_Sums = Mapping[str, Decimal | None]


def _by_symbol(balances: Iterable[tuple[str, Decimal | None]]) -> _Sums:
    """The sum of the coins of one symbol; None when one of them is blank."""
    sums: dict[str, Decimal | None] = {}
    for symbol, balance in balances:
        known = sums.get(symbol, Decimal(0))
        sums[symbol] = None if known is None or balance is None else total([known, balance])
    return sums


def _figures(symbol: str, before: _Sums, after: _Sums, theirs: _Sums) -> Figures:
    nothing = Decimal(0)
    earlier, later, version_1 = (sums.get(symbol, nothing) for sums in (before, after, theirs))
    if earlier is None or later is None or version_1 is None:
        return Figures(nothing, nothing, None)
    message = "version 1 of the interface says another balance than version 2"
    return Figures(later, later, version_1, is_busy=earlier != later, message=message)
