"""CCPayment's deposits: the lists of every user that the ledger knows, and the merchant's."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from worker.commands.accounts import CUSTODY, pair
from worker.ledger import Booked, ReconcileLedger
from worker.providers.ccpayment.api import ReadFailed
from worker.providers.ccpayment.deposits import (
    AppDeposit,
    UserDeposit,
    app_deposit,
    app_deposits,
    user_deposit,
    user_deposits,
)
from worker.providers.ccpayment.provider import CCPayment
from worker.providers.protocol import account_of
from worker.reconcile.ccpayment_users import MERCHANT, account_names, is_unknown, user_id_of
from worker.reconcile.compare import Record
from worker.reconcile.records import PAGE, Span

Found = UserDeposit | AppDeposit


class Deposits:
    """Compared by the provider's record id."""

    what = "deposit"
    is_listed = True

    def __init__(self, provider: CCPayment, books: ReconcileLedger, settled_until: datetime) -> None:
        """What has arrived since then is left to the next run: the ledger may be about to credit it."""
        self._provider = provider
        self._books = books
        self._settled_until = settled_until

    async def listed(self, span: Span) -> AsyncIterator[Record]:
        """The merchant's and each user's, as far as settled. Raises ReadFailed."""
        async for account in account_names(self._provider.name, self._books):
            async for found in self.of_account(account, span):
                if not self.is_young(found):
                    yield self.record(found)

    async def look_up(self, key: str) -> Record | None:
        """By the record id; whose it is only the answer says. Raises ReadFailed."""
        found: Found | None = await user_deposit(self._provider.api, key)
        if found is None:
            found = await app_deposit(self._provider.api, key)
        return None if found is None else self.record(found)

    async def booked(self, keys: Sequence[str]) -> Mapping[str, Booked]:
        """The deposits."""
        return await self._books.booked_deposits(self._provider.name, keys)

    async def ended(self, span: Span) -> AsyncIterator[list[str]]:
        """Those that were credited."""
        after = ""
        while page := await self._books.credited_in(self._provider.name, span.since, span.until, after, PAGE):
            yield page
            after = page[-1]

    async def of_account(self, account: str, span: Span) -> AsyncIterator[Found]:
        """Those of one account, newest first. Raises ReadFailed."""
        api = self._provider.api
        try:
            if account == MERCHANT:
                async for to_merchant in app_deposits(api, start_at=span.since, end_at=span.until):
                    yield to_merchant
                return
            user_id = user_id_of(account, self._provider.merchant_user_id)
            async for to_user in user_deposits(api, user_id, start_at=span.since, end_at=span.until):
                yield to_user
        except ReadFailed as error:
            if not is_unknown(error):
                raise

    def is_young(self, found: Found) -> bool:
        """It has just arrived."""
        return found.arrived_at is not None and found.arrived_at > self._settled_until

    def record(self, found: Found) -> Record:
        """Money is what succeeded and is not flagged."""
        is_done = found.status == "Success" and not found.is_flagged_as_risky and bool(found.amount)
        account = MERCHANT
        if isinstance(found, UserDeposit):
            account = account_of(found.user_id, self._provider.merchant_user_id)
        amount, fee = found.amount or Decimal(0), found.service_fee or Decimal(0)
        coin = str(found.coin_id)
        return Record(
            key=found.record_id,
            record_id=found.record_id,
            order_id=None,
            status=f"{found.status}, flagged as risky" if found.is_flagged_as_risky else found.status,
            is_done=is_done,
            lines=(
                *pair(CUSTODY, account, coin, amount, "deposit"),
                *pair(account, CUSTODY, coin, fee, "provider_fee"),
            ),
        )
