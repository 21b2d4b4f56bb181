"""Deposits at CCPayment: what has come in for its users and for the merchant."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Self, TypeVar

from pydantic import Field, StrictBool, StrictInt, model_validator

from worker.providers.ccpayment.api import Api, ReadFailed
from worker.providers.ccpayment.fields import (
    CoinId,
    KnownAmount,
    OptionalText,
    RecordId,
    Text,
    UnixTime,
    without_blanks,
)
from worker.providers.ccpayment.pages import read_pages
from worker.providers.ccpayment.wire import Wire


class Deposit(Wire):
    """One deposit. `amount` is what was received, before `service_fee`; both are known once it succeeded.

    Only Success is money, and only without the risk flag: what is flagged is not credited by the provider either.
    Processing and Failed are the other documented states; any other is kept as it is, and is not final.
    """

    record_id: RecordId
    coin_id: CoinId
    coin_symbol: OptionalText = ""
    chain: Text
    contract: OptionalText = ""
    coin_usd_price: KnownAmount = Field(default=None, alias="coinUSDPrice")
    # Absent on chains where a payment has no one sender.
    from_address: OptionalText = ""
    to_address: OptionalText = ""
    to_memo: OptionalText = ""
    amount: KnownAmount = None
    service_fee: KnownAmount = None
    tx_id: OptionalText = ""
    # One transaction may pay several times: its id alone does not tell deposits apart.
    tx_index: StrictInt | None = None
    status: Text
    arrived_at: UnixTime = None
    # Required: were it missing, a flagged deposit would be credited.
    is_flagged_as_risky: StrictBool

    @model_validator(mode="after")
    def _check_amounts(self) -> Self:
        if self.status == "Success" and (self.amount is None or self.service_fee is None):
            raise ValueError("a deposit that succeeded has its amount and its fee")
        return self


class UserDeposit(Deposit):
    """A deposit to a user's own address."""

    user_id: Text


class AppDeposit(Deposit):
    """A deposit to the merchant: to an address of a reference, or for an order."""

    reference_id: OptionalText = ""
    order_id: OptionalText = ""


Kind = TypeVar("Kind", bound=Deposit)


async def user_deposit(api: Api, record_id: str) -> UserDeposit | None:
    """The deposit with this id, None when there is none. Raises ReadFailed."""
    return await _read_deposit(api, "getUserDepositRecord", record_id, UserDeposit)


async def app_deposit(api: Api, record_id: str) -> AppDeposit | None:
    """The deposit with this id, None when there is none. Raises ReadFailed."""
    return await _read_deposit(api, "getAppDepositRecord", record_id, AppDeposit)


def user_deposits(
    api: Api,
    user_id: str,
    *,
    coin_id: int | None = None,
    chain: str | None = None,
    to_address: str | None = None,
    start_at: datetime | None = None,
    end_at: datetime | None = None,
) -> AsyncIterator[UserDeposit]:
    """A user's deposits, newest first. The iterator raises ReadFailed.

    Not documented whether the ends of the range are inside it: overlap ranges, and know a deposit by its id.
    """
    filters = without_blanks(
        userId=user_id, coinId=coin_id, chain=chain, toAddress=to_address, startAt=start_at, endAt=end_at
    )
    return read_pages(api, "getUserDepositRecordList", filters, UserDeposit)


def app_deposits(
    api: Api,
    *,
    coin_id: int | None = None,
    reference_id: str | None = None,
    order_id: str | None = None,
    chain: str | None = None,
    to_address: str | None = None,
    start_at: datetime | None = None,
    end_at: datetime | None = None,
) -> AsyncIterator[AppDeposit]:
    """The merchant's deposits, newest first; of a reference or of an order, never both.

    The iterator raises ReadFailed. Some accounts are known to get 11000 for `reference_id` and `order_id`, or without
    a range of time.
    """
    assert reference_id is None or order_id is None, "the provider takes one of the two"
    filters = without_blanks(
        coinId=coin_id,
        referenceId=reference_id,
        orderId=order_id,
        chain=chain,
        toAddress=to_address,
        startAt=start_at,
        endAt=end_at,
    )
    return read_pages(api, "getAppDepositRecordList", filters, AppDeposit)


async def _read_deposit(api: Api, route: str, record_id: str, model: type[Kind]) -> Kind | None:
    deposit = await api.read_one(model, route, {"recordId": record_id})
    if deposit is not None and deposit.record_id != record_id:
        raise ReadFailed(route, "the answer is about another deposit")
    return deposit
