"""CCPayment's balances: the merchant's and every user's, coin by coin; custody is what they make together."""

from collections.abc import AsyncIterator, Collection, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from worker.ledger import Position, ReconcileLedger
from worker.providers.ccpayment.api import ReadFailed
from worker.providers.ccpayment.assets import Asset, app_asset, app_assets, user_asset, user_assets
from worker.providers.ccpayment.provider import CCPayment
from worker.reconcile.balances import Figures
from worker.reconcile.ccpayment_deposits import Deposits
from worker.reconcile.ccpayment_users import MERCHANT, account_names, is_unknown, user_id_of
from worker.reconcile.records import PAGE, Span, first_of

NOTHING = Position(Decimal(0), 0, is_busy=False)
# A deposit that the ledger is about to credit was made within this time.
DEPOSITS_BACK = timedelta(days=1)
# Those that arrive while a run goes on count too.
RUN_AT_MOST = timedelta(days=1)


class AccountBalances:
    """The ledger's figure is what is posted: the provider has no figure for what is held."""

    what = "balance"

    def __init__(
        self,
        provider: CCPayment,
        books: ReconcileLedger,
        deposits: Deposits,
        others: Mapping[str, Collection[str]],
        now: datetime,
    ) -> None:
        """`others` are accounts that are in the provider's records, or have differed, each with the coins of which:
        the ledger may lack them.
        """
        self._provider = provider
        self._books = books
        self._deposits = deposits
        self._others = others
        self._now = now

    async def accounts(self) -> AsyncIterator[str]:
        """All that the ledger has, then the others."""
        others = set(self._others)
        async for account in account_names(self._provider.name, self._books):
            others.discard(account)
            yield account
        for account in sorted(others):
            yield account

    async def read(self, accounts: Mapping[str, Collection[str] | None]) -> Mapping[str, Mapping[str, Figures]]:
        """Ours, theirs, and ours once more: what has changed in between is busy. Raises ReadFailed."""
        # First of all: what is credited after this was asked is seen as a change of ours.
        late = {
            account: await self._coins_of_late_deposits(account)
            for account, again in accounts.items()
            if again is not None
        }
        before = await self._positions(accounts)
        theirs = {account: await self._read(account, again) for account, again in accounts.items()}
        after = await self._positions(accounts)
        return {
            account: {
                coin: _figures(
                    before[account].get(coin, NOTHING),
                    after[account].get(coin, NOTHING),
                    theirs[account].get(coin, Decimal(0)),
                    is_late=coin in late.get(account, ()),
                )
                for coin in sorted(
                    again or {*before[account], *after[account], *theirs[account], *self._others.get(account, ())}
                )
            }
            for account, again in accounts.items()
        }

    async def _positions(self, accounts: Collection[str]) -> Mapping[str, Mapping[str, Position]]:
        return await self._books.positions(self._provider.name, accounts, self._provider.merchant_user_id)

    async def _read(self, account: str, again: Collection[str] | None) -> Mapping[str, Decimal | None]:
        """All coins in one answer; one by one those that have differed. A user who is not known has nothing."""
        try:
            if again is None:
                listed = await self._all(account)
            else:
                # In the books a coin may have any name; the provider's are numbers.
                listed = [await self._one(account, int(coin)) for coin in again if coin.isdecimal()]
        except ReadFailed as error:
            if is_unknown(error):
                return {}
            raise
        return {str(asset.coin_id): asset.available for asset in listed}

    async def _all(self, account: str) -> Collection[Asset]:
        if account == MERCHANT:
            return await app_assets(self._provider.api)
        return await user_assets(self._provider.api, user_id_of(account, self._provider.merchant_user_id))

    async def _one(self, account: str, coin_id: int) -> Asset:
        try:
            if account == MERCHANT:
                return await app_asset(self._provider.api, coin_id)
            user_id = user_id_of(account, self._provider.merchant_user_id)
            return await user_asset(self._provider.api, user_id, coin_id)
        except ReadFailed as error:
            if is_unknown(error):
                return Asset(coinId=coin_id, coinSymbol="", available="0")
            raise

    async def _coins_of_late_deposits(self, account: str) -> set[str]:
        """Coins of which something has arrived that the ledger is about to credit."""
        coins: set[str] = set()
        span = Span(self._now - DEPOSITS_BACK, self._now + RUN_AT_MOST)
        page = await first_of(self._deposits.of_account(account, span), PAGE)
        booked = await self._deposits.booked([deposit.record_id for deposit in page])
        for deposit in page:
            known = booked.get(deposit.record_id)
            is_awaited = self._deposits.is_young(deposit) if known is None else known.is_open
            if self._deposits.record(deposit).is_done and is_awaited:
                coins.add(str(deposit.coin_id))
        return coins


def _figures(before: Position, after: Position, theirs: Decimal | None, *, is_late: bool) -> Figures:
    is_busy = is_late or before.is_busy or after.is_busy or before.version != after.version
    return Figures(after.posted, after.posted, theirs, is_busy)
