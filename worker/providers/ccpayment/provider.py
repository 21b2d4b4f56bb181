"""CCPayment as a provider: transfers and swaps of its users, each with the look-up that tells what became of it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from worker.providers import protocol
from worker.providers.ccpayment.api import Api, ReadFailed, encode
from worker.providers.ccpayment.assets import app_assets
from worker.providers.ccpayment.coins import Coin as ListedCoin
from worker.providers.ccpayment.coins import coin_list, prices
from worker.providers.ccpayment.errors import NOT_FOUND, SUCCESS, meaning_of
from worker.providers.ccpayment.judge import judge_code, judge_swap, judge_transfer
from worker.providers.ccpayment.source import CCPaymentDeposits
from worker.providers.ccpayment.v1 import ApiV1
from worker.providers.ccpayment.wire import (
    Envelope,
    SwapReceipt,
    SwapRecord,
    TransferReceipt,
    TransferRecord,
    read_data,
    read_record,
)
from worker.providers.http import NoAnswer, NotSent
from worker.providers.protocol import (
    Absent,
    Coin,
    Convert,
    DepositSource,
    Finding,
    Instruction,
    Move,
    Outcome,
    Prepared,
    Processing,
    Succeeded,
    Trail,
    Unknown,
    Unreadable,
)
from worker.providers.reading import clean_message
from worker.providers.refusal import judge_unanswered

# A signature is valid for two minutes, by a clock that may differ from ours.
SIGNATURE_VALIDITY = timedelta(seconds=120)
CLOCK_SKEW = timedelta(seconds=30)
# Nobody says how long a record may be missing after its order was accepted. Minutes have not been seen; five are
# taken, for an order that is proven absent may be sent again, or fail.
LOOK_UP_LAG = timedelta(seconds=300)

# Its coins are neither deposited nor withdrawn any more, so nobody should be given more of them.
DELISTED = "Delisted"


class CCPayment:
    """One merchant account."""

    name = "ccpayment"
    settling_time = SIGNATURE_VALIDITY + CLOCK_SKEW + LOOK_UP_LAG
    bound_addresses: Mapping[str, str] = {}

    def __init__(self, api: Api, app_id: str, now: Callable[[], datetime], version_1: ApiV1 | None = None) -> None:
        self.merchant_user_id = app_id
        self.api = api
        self.version_1 = version_1
        self.deposits: DepositSource | None = CCPaymentDeposits(api, app_id)
        self._now = now

    def prepare(self, instruction: Instruction, at: datetime) -> Prepared:
        """The body of userTransfer or userSwap, signed."""
        body = encode(_fields(instruction))
        return Prepared(body, at, self.api.sign(body, at))

    async def execute(self, instruction: Instruction, prepared: Prepared, send_by: datetime) -> Outcome:
        """Call it once. A transfer's success is final; what a swap brought, its record says."""
        try:
            envelope = await self.api.send(
                _route(instruction),
                prepared.body,
                prepared.signed_at,
                prepared.signature,
                lambda: self._now() > send_by,
            )
            if envelope.code != SUCCESS:
                return judge_code(envelope)
            if isinstance(instruction, Move):
                return Succeeded(read_data(TransferReceipt, envelope.data).record_id)
            receipt = read_data(SwapReceipt, envelope.data)
        except (NotSent, NoAnswer, Unreadable) as error:
            return judge_unanswered(error)
        found = await self.look_up(instruction, Trail(receipt.record_id, prepared.signed_at))
        # Not to be seen yet, or the look-up failed: the provider has it all the same.
        return Processing(receipt.record_id) if isinstance(found, Absent | Unknown) else found

    async def look_up(self, instruction: Instruction, _trail: Trail) -> Finding:
        """Ask by the order id alone: what the provider does with both ids is not documented."""
        body = encode({"orderId": instruction.order_id})
        await self.api.line.turn()
        try:
            envelope = await self.api.call(_look_up_route(instruction), body, self._now())
            if envelope.code == NOT_FOUND:
                return Absent()
            if envelope.code != SUCCESS:
                return _unreadable_look_up(envelope)
            return _judge_record(envelope, instruction)
        except (NotSent, NoAnswer, Unreadable) as error:
            return Unknown("look_up_failed", str(error))

    async def coins(self) -> Sequence[Coin]:
        """The merchant's token list, with prices. Raises ReadFailed."""
        listed = await coin_list(self.api)
        without = [coin.coin_id for coin in listed if coin.price is None]
        asked = await prices(self.api, without) if without else {}
        return [_coin(coin, asked) for coin in listed]

    def is_signed(self, app_id: str, timestamp: str, body: bytes, signature: str) -> bool:
        """Whether a webhook comes from this merchant's account."""
        return self.api.is_signed(app_id, timestamp, body, signature)

    async def check(self) -> None:
        """Ask for the merchant's balances. Raises ReadFailed."""
        try:
            await app_assets(self.api)
        except ReadFailed as error:
            raise protocol.ReadFailed(f"{_WRONG.get(error.code, 'not accepted')} ({error})") from None


# What an operator has to look at, by the code of a refused request.
_WRONG: Mapping[int | None, str] = MappingProxyType(
    {
        11001: "a header is wrong",
        11005: "LEDGER_CCPAYMENT_APP_SECRET is wrong: the signature is refused",
        11006: "this machine's clock is wrong: the request has expired",
        11014: "this machine's address is banned",
        12000: "the merchant account is disabled",
        12001: "LEDGER_CCPAYMENT_APP_ID is wrong: there is no such merchant",
        12002: "this machine's address is not in the merchant's whitelist",
        12003: "the merchant is not verified for the API",
        None: "no usable answer",
    }
)


def _route(instruction: Instruction) -> str:
    match instruction:
        case Move():
            return "userTransfer"
        case Convert():
            return "userSwap"
        case _:
            raise TypeError(f"CCPayment does not execute {type(instruction).__name__}")


def _look_up_route(instruction: Instruction) -> str:
    return "getUserTransferRecord" if isinstance(instruction, Move) else "getUserSwapRecord"


def _fields(instruction: Instruction) -> dict[str, object]:
    match instruction:
        case Move():
            fields: dict[str, object] = {
                "coinId": instruction.coin_id,
                "fromUserId": instruction.from_user_id,
                "toUserId": instruction.to_user_id,
                "orderId": instruction.order_id,
                "amount": instruction.amount,
            }
            optional = {"remark": instruction.remark}
        case Convert():
            fields = {
                "orderId": instruction.order_id,
                "userId": instruction.user_id,
                "coinIdIn": instruction.coin_id_in,
                "amountIn": instruction.amount_in,
                "coinIdOut": instruction.coin_id_out,
            }
            optional = {
                "extraFeeRate": instruction.extra_fee_rate,
                "amountOutMinimum": instruction.amount_out_minimum,
            }
        case _:
            raise TypeError(f"CCPayment does not execute {type(instruction).__name__}")
    return fields | {name: value for name, value in optional.items() if value is not None}


def _judge_record(envelope: Envelope, instruction: Instruction) -> Finding:
    """What the record says; a success with an empty one is no record. Raises Unreadable."""
    if isinstance(instruction, Move):
        transfer = read_record(TransferRecord, envelope.data)
        return Absent() if transfer is None else judge_transfer(transfer, instruction)
    assert isinstance(instruction, Convert)
    swap = read_record(SwapRecord, envelope.data)
    return Absent() if swap is None else judge_swap(swap, instruction)


def _unreadable_look_up(envelope: Envelope) -> Unknown:
    _, name = meaning_of(envelope.code)
    return Unknown("look_up_failed", f"{name}: {clean_message(envelope.msg)}", str(envelope.code))


def _coin(coin: ListedCoin, asked: Mapping[int, Decimal]) -> Coin:
    """As many decimals as the chain with the fewest: a transfer between users names no chain."""
    return Coin(
        coin=str(coin.coin_id),
        symbol=coin.symbol,
        decimals=min((network.precision for network in coin.networks.values()), default=18),
        enabled=coin.status != DELISTED,
        minimum=None,
        price_usd=coin.price if coin.price is not None else asked.get(coin.coin_id),
    )
