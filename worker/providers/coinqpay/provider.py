"""CoinQ Pay as a provider: payments out of it, which carry no order id, and pay orders into it, which do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from worker.providers import protocol
from worker.providers.coinqpay.api import Api, ReadFailed
from worker.providers.coinqpay.judge import (
    differing_fields,
    judge_created,
    judge_failure,
    judge_pay_order,
    judge_withdrawal,
)
from worker.providers.coinqpay.records import (
    Confirmation,
    CreatedPayOrder,
    CreatedWithdrawal,
    SupportedCoin,
    Withdrawal,
)
from worker.providers.coinqpay.wire import Result, read_result
from worker.providers.http import NoAnswer, NotSent
from worker.providers.protocol import (
    Absent,
    Candidates,
    Coin,
    Collect,
    DepositSource,
    Disputed,
    Finding,
    Instruction,
    Outcome,
    Prepared,
    Send,
    Trail,
    Unknown,
    Unreadable,
)
from worker.providers.refusal import judge_unanswered
from worker.providers.shared import Shared


@dataclass(frozen=True, slots=True)
class Patience:
    """What is assumed of the provider, where nothing is documented; an operator may know better."""

    # For how long after its time a signed request may still be accepted.
    validity: timedelta
    # By how much its clock and ours may differ.
    skew: timedelta
    # How long a new withdrawal may be missing from the list of them.
    list_lag: timedelta


class CoinQPay:
    """One merchant account."""

    name = "coinqpay"
    # Its users are the merchant's own affair: no user id means the merchant.
    merchant_user_id = ""
    # What is paid in is paid for a pay order.
    deposits: DepositSource | None = None

    def __init__(
        self, api: Api, bound_addresses: Mapping[str, str], patience: Patience, now: Callable[[], datetime]
    ) -> None:
        self.api = api
        self._now = now
        self.bound_addresses = bound_addresses
        self._patience = patience
        # It is all that there ever were: a hundred payments in doubt must not each have it sent and read.
        self._listed = Shared(api.withdraws)
        self.settling_time = patience.validity + patience.skew + patience.list_lag

    def prepare(self, instruction: Instruction, at: datetime) -> Prepared:
        """The body of payout, withdraw or pay_order, signed."""
        body, _, signature = self.api.prepare(_route(instruction), _fields(instruction), at)
        return Prepared(body, at, signature)

    async def execute(self, instruction: Instruction, prepared: Prepared, send_by: datetime) -> Outcome:
        """Call it once. What comes back is never final: a payment waits for approval, a pay order for the payer."""
        try:
            envelope = await self.api.post(
                _route(instruction),
                prepared.body,
                self.api.timestamp(prepared.signed_at),
                prepared.signature,
                lambda: self._now() > send_by,
            )
            if not isinstance(envelope, Result):
                return judge_failure(envelope)
            if isinstance(instruction, Collect):
                return judge_created(read_result(CreatedPayOrder, envelope.result), instruction)
            assert isinstance(instruction, Send)
            return judge_withdrawal(read_result(CreatedWithdrawal, envelope.result), instruction)
        except (NotSent, NoAnswer, Unreadable) as error:
            return judge_unanswered(error)

    async def look_up(self, instruction: Instruction, trail: Trail) -> Finding | Candidates:
        """A pay order by its order id, a payment by the provider's id; without that, those that it may be."""
        try:
            if isinstance(instruction, Collect):
                found = await self.api.pay_order(instruction.order_id)
                return Absent() if found is None else judge_pay_order(found, instruction)
            assert isinstance(instruction, Send)
            if trail.provider_ref is None:
                assert trail.attempted_at is not None, "only what was sent is looked for"
                return self._candidates(await self._listed(), instruction, trail.attempted_at)
            listed = await self.api.withdraws(trail.provider_ref)
            if not listed:
                return Absent()
            if trail.claimed and not self.is_in_time(listed[0], trail.attempted_at):
                return Disputed("the provider's record was not made while our request could be carried out")
            return judge_withdrawal(listed[0], instruction)
        except ReadFailed as error:
            return Unknown("look_up_failed", str(error))

    async def withdrawal(self, withdrawal_id: str) -> Withdrawal | None:
        """The provider's own record of a withdrawal. Raises ReadFailed."""
        listed = await self.api.withdraws(withdrawal_id)
        return listed[0] if listed else None

    def is_in_time(self, record: Confirmation, signed_at: datetime | None) -> bool:
        """Whether it was created while a request that was signed then could be carried out."""
        if signed_at is None:
            return False
        since, until = self._window(signed_at)
        return since <= record.create_time <= until

    async def coins(self) -> Sequence[Coin]:
        """The supported coins, with prices. Raises ReadFailed."""
        prices = {price.coin: price.price for price in await self.api.coin_prices("USD")}
        return [_coin(coin, prices) for coin in await self.api.supported_coins()]

    async def check(self) -> None:
        """Ask for the balances. Raises ReadFailed."""
        try:
            await self.api.coin_balances()
        except ReadFailed as error:
            raise protocol.ReadFailed(f"{_WRONG.get(error.code, 'not accepted')} ({error})") from None

    def _candidates(self, listed: Sequence[Withdrawal], instruction: Send, signed_at: datetime) -> Candidates:
        """Those created while a request of this attempt could be carried out, and equal to what was asked for."""
        like = [
            record
            for record in listed
            if self.is_in_time(record, signed_at) and not differing_fields(record, instruction)
        ]
        strict = replace(instruction, rebound=None)
        equal = [
            (record.id, judge_withdrawal(record, strict)) for record in like if not differing_fields(record, strict)
        ]
        # By the address that is bound now they may as well be other orders', which were signed for that one.
        others = [(record.id, Disputed(f"{record.id} goes to the address that is bound now")) for record in like]
        return Candidates(tuple(equal or others), _covers(listed, *self._window(signed_at)))

    def _window(self, signed_at: datetime) -> tuple[datetime, datetime]:
        """When a request signed then could be carried out, by the provider's clock, whose seconds are cut."""
        skew = self._patience.skew
        return signed_at - skew - timedelta(seconds=1), signed_at + self._patience.validity + skew


# What an operator has to look at, by the code of a refused request.
_RECIPE = "the signing recipe is wrong (LEDGER_COINQPAY_SIGNATURE_…)"
_WRONG: Mapping[int | None, str] = MappingProxyType(
    {
        1004: "this machine's clock is wrong, or the recipe's time unit: the request has expired",
        1005: "the request was taken for a repeated one",
        12000: f"{_RECIPE}: a header is missing",
        12001: f"LEDGER_COINQPAY_PRIVATE_KEY or {_RECIPE}: the signature is refused",
        12003: "the key lacks permission",
        12005: "the key is not registered, or lacks permission",
        12006: "this machine's address is not allowed",
        12010: "the account is frozen",
        None: "no usable answer",
    }
)


def _covers(listed: Sequence[Withdrawal], since: datetime, until: datetime) -> bool:
    """Whether the list shows by itself that nothing in this time is missing.

    It has no pages and no promised order or length, and may be cut at either end. Newest first, it reaches back
    beyond the time when it ends with something older; oldest first, it must begin before the time and end after it.
    """
    times = [record.create_time for record in listed]
    if len(times) < 2 or times[0] == times[-1]:
        return False  # in which order it is cannot be seen
    if times == sorted(times, reverse=True):
        return times[-1] < since
    return times == sorted(times) and times[0] < since and times[-1] > until


def _route(instruction: Instruction) -> str:
    match instruction:
        case Send(bound=True):
            return "withdraw"
        case Send():
            return "payout"
        case Collect():
            return "pay_order"
        case _:
            raise TypeError(f"CoinQ Pay does not execute {type(instruction).__name__}")


def _fields(instruction: Instruction) -> dict[str, str]:
    match instruction:
        case Send(bound=True):
            return {"coin": instruction.coin, "amount": instruction.amount}
        case Send():
            return {"coin": instruction.coin, "address": instruction.address, "amount": instruction.amount}
        case Collect():
            return {"coin": instruction.coin, "order_id": instruction.order_id, "amount": instruction.amount}
        case _:
            raise TypeError(f"CoinQ Pay does not execute {type(instruction).__name__}")


def _coin(coin: SupportedCoin, prices: Mapping[str, Decimal]) -> Coin:
    return Coin(
        coin=coin.coin,
        symbol=coin.coin,
        decimals=coin.decimals,
        enabled=coin.can_pay,
        minimum=coin.minimum_pay_amount,
        price_usd=prices.get(coin.coin),
    )
