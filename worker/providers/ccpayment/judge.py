"""What CCPayment's codes and records say of an order: pure, by the tables of its documentation."""

from schemas.money import parse_record_amount
from worker.providers.ccpayment.errors import meaning_of
from worker.providers.ccpayment.swaps import parse_swap_amounts
from worker.providers.ccpayment.wire import Envelope, SwapRecord, TransferRecord
from worker.providers.protocol import (
    Convert,
    Converted,
    Disputed,
    Move,
    Outcome,
    Processing,
    Receipt,
    Refused,
    Succeeded,
    Unreadable,
)
from worker.providers.reading import clean_message
from worker.providers.refusal import judge_meaning


def judge_code(envelope: Envelope) -> Outcome:
    """What an error code says of the attempt it answers."""
    meaning, name = meaning_of(envelope.code)
    return judge_meaning(meaning, name, clean_message(envelope.msg) or name, str(envelope.code))


def judge_transfer(record: TransferRecord, instruction: Move) -> Outcome:
    """What the record of a transfer says, if it is a record of this order at all."""
    pairs: dict[str, tuple[object, object]] = {
        "orderId": (record.order_id, instruction.order_id),
        "coinId": (record.coin_id, instruction.coin_id),
        "fromUserId": (record.from_user_id, instruction.from_user_id),
        "toUserId": (record.to_user_id, instruction.to_user_id),
    }
    differing = _differing(pairs, amount=(record.amount, instruction.amount))
    return _judge(record, differing, None)


def judge_swap(record: SwapRecord, instruction: Convert) -> Outcome:
    """What the record of a swap says. What it brought must add up to the last decimal before it is believed."""
    pairs: dict[str, tuple[object, object]] = {
        "orderId": (record.order_id, instruction.order_id),
        "userId": (record.user_id or instruction.user_id, instruction.user_id),
        "coinIdIn": (record.coin_id_in, instruction.coin_id_in),
        "coinIdOut": (record.coin_id_out, instruction.coin_id_out),
    }
    ours = instruction.extra_fee_rate or "0"
    differing = _differing(
        pairs,
        amountIn=(record.amount_in, instruction.amount_in),
        extraFeeRate=(record.extra_fee_rate or ours, ours),
    )
    receipt = None
    if record.status == "Success":
        try:
            amounts = parse_swap_amounts(record)
        except Unreadable as error:
            return Disputed(f"the provider's record cannot be booked: {error}", record.record_id)
        receipt = Converted(amounts.amount_out, amounts.fee, amounts.extra_fee)
    return _judge(record, differing, receipt)


def _judge(record: TransferRecord | SwapRecord, differing: list[str], receipt: Receipt | None) -> Outcome:
    ref = record.record_id
    says = _judge_status(record.status, ref, receipt)
    if differing:
        # Of a success only what was asked for could be posted, and that is not what was done.
        apart = says if isinstance(says, Refused) and "orderId" not in differing else None
        return Disputed(f"the provider's record differs in {', '.join(differing)}", ref, tuple(differing), apart)
    return says


def _judge_status(status: str, ref: str, receipt: Receipt | None) -> Outcome:
    match status:
        case "Success":
            return Succeeded(ref) if receipt is None else Succeeded(ref, receipt)
        case "Failed":
            return Refused("failed", "the provider's record says Failed", by_record=True, provider_ref=ref)
        case _:  # a status that is not documented is not final
            return Processing(ref)


def _differing(pairs: dict[str, tuple[object, object]], **amounts: tuple[str, str]) -> list[str]:
    """The fields in which record and order differ; amounts as numbers, for records pad to 24 decimals."""
    return [
        *(name for name, (theirs, ours) in pairs.items() if theirs != ours),
        *(name for name, (theirs, ours) in amounts.items() if not _same_amount(theirs, ours)),
    ]


def _same_amount(theirs: str, ours: str) -> bool:
    try:
        return parse_record_amount(theirs) == parse_record_amount(ours)
    except ValueError:
        return False
