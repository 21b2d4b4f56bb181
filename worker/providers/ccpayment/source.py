"""CCPayment as a source of deposits: to its users' own addresses, and to the merchant's."""

from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal

from schemas.fields import one_spelling
from worker.providers.address import normal_address
from worker.providers.ccpayment.api import Api, ReadFailed
from worker.providers.ccpayment.deposits import (
    AppDeposit,
    UserDeposit,
    app_deposit,
    app_deposits,
    user_deposit,
    user_deposits,
)
from worker.providers.ccpayment.errors import UNKNOWN_USER
from worker.providers.ccpayment.rescan import rescan
from worker.providers.protocol import Deposit, account_of

# The kinds of its webhooks that are about deposits, and which record each means.
USER_KINDS = frozenset({"UserDeposit", "user"})
APP_KINDS = frozenset({"DirectDeposit", "ApiDeposit", "app"})


class CCPaymentDeposits:
    """Reads deposits; credits nothing."""

    name = "ccpayment"

    def __init__(self, api: Api, app_id: str) -> None:
        self._api = api
        self._app_id = app_id

    def tells(self, kind: str) -> bool:
        """Whether webhooks of this kind are about deposits."""
        return kind in USER_KINDS | APP_KINDS

    async def deposit(self, kind: str, record_id: str) -> Deposit | None:
        """One record, of a webhook's kind or of our own. Raises ReadFailed."""
        if kind in USER_KINDS:
            found: UserDeposit | AppDeposit | None = await user_deposit(self._api, record_id)
        elif kind in APP_KINDS:
            found = await app_deposit(self._api, record_id)
        else:
            return None
        return None if found is None else self._read(found)

    async def deposits(
        self,
        user_id: str,
        since: datetime,
        until: datetime | None = None,
        *,
        chain: str | None = None,
        to_address: str | None = None,
    ) -> AsyncIterator[Deposit]:
        """Those of a user, or of the merchant (""), newest first. Raises ReadFailed, or TooMuchAtOnce."""
        if user_id in ("", self._app_id):
            async for to_merchant in app_deposits(
                self._api, start_at=since, end_at=until, chain=chain, to_address=to_address
            ):
                yield self._read(to_merchant)
            return
        try:
            async for to_user in user_deposits(
                self._api, user_id, start_at=since, end_at=until, chain=chain, to_address=to_address
            ):
                yield self._read(to_user)
        except ReadFailed as error:
            # It has accounts of ours, and has never been seen at the provider: that is an answer.
            if error.code != UNKNOWN_USER:
                raise

    async def rescan(self, chain: str, to_address: str, tx_id: str, memo: str | None) -> str:
        """Have it look for a transaction again; its words on that. Raises ReadFailed."""
        return await rescan(self._api, chain=chain, to_address=to_address, tx_id=tx_id, memo=memo)

    def _read(self, record: UserDeposit | AppDeposit) -> Deposit:
        is_user = isinstance(record, UserDeposit)
        state, note = "pending", f"the provider says {record.status}"
        match record.status:
            case "Success" if record.is_flagged_as_risky:
                state, note = "risky", "flagged as risky: the provider does not credit it"
            case "Success" if not record.amount or (record.service_fee or 0) > record.amount:
                state, note = "failed", "the provider says Success, of nothing, or of less than its fee"
            case "Success":
                state, note = "final", ""
            case "Failed":
                state, note = "failed", "the provider says Failed"
        return Deposit(
            provider=self.name,
            record_id=record.record_id,
            kind="user" if is_user else "app",
            state=state,  # type: ignore[arg-type]  # one of the literals above
            account=account_of(record.user_id, self._app_id) if isinstance(record, UserDeposit) else "merchant",
            coin=str(record.coin_id),
            amount=record.amount,
            fee=record.service_fee or Decimal(0),
            chain=record.chain,
            tx_id=one_spelling(record.tx_id) or None,
            output=record.tx_index,
            address=normal_address(record.to_address) if record.to_address else None,
            memo=record.to_memo or None,
            note=note or None,
        )
