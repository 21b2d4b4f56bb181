"""CCPayment as a provider: userTransfer, and getUserTransferRecord to learn what became of it."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import httpx

from schemas.money import parse_record_amount
from worker.providers.ccpayment.auth import CCPaymentAuth
from worker.providers.ccpayment.errors import CODES, NOT_FOUND, SUCCESS, Meaning
from worker.providers.ccpayment.wire import (
    Envelope,
    TransferReceipt,
    TransferRecord,
    Unreadable,
    clean_message,
    read_data,
    read_envelope,
)
from worker.providers.http import NoAnswer, NotSent, ask
from worker.providers.protocol import (
    Absent,
    Deferred,
    Disputed,
    Finding,
    Instruction,
    Move,
    Outcome,
    Processing,
    Refused,
    Succeeded,
    Unknown,
)

# A signature is valid for two minutes, by a clock that may differ from ours.
SIGNATURE_VALIDITY = timedelta(seconds=120)
CLOCK_SKEW = timedelta(seconds=30)
# Nobody says how long a record may be missing after its order was accepted. Minutes have not been seen; five are
# taken, for an order that is proven absent may be sent again, or fail.
LOOK_UP_LAG = timedelta(seconds=300)


class CCPayment:
    """One merchant account, over HTTP. The client is closed by whoever opened it."""

    name = "ccpayment"
    settling_time = SIGNATURE_VALIDITY + CLOCK_SKEW + LOOK_UP_LAG

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        base_url: str,
        app_id: str,
        app_secret: str,
        timeout_seconds: float,
        now: Callable[[], datetime],
    ) -> None:
        self.merchant_user_id = app_id
        self._client = client
        self._now = now
        # Held by a closure: in an attribute, the secret would be in a repr.
        self._auth_at = _signer(app_id, app_secret)
        self._routes = base_url.rstrip("/") + "/ccpayment/v2/"
        self._timeout_seconds = timeout_seconds

    def encode(self, instruction: Instruction) -> bytes:
        """The body of userTransfer."""
        fields: dict[str, object] = {
            "coinId": instruction.coin_id,
            "fromUserId": instruction.from_user_id,
            "toUserId": instruction.to_user_id,
            "orderId": instruction.order_id,
            "amount": instruction.amount,
        }
        if instruction.remark is not None:
            fields["remark"] = instruction.remark
        return _dump(fields)

    async def execute(self, instruction: Instruction, body: bytes, at: datetime) -> Outcome:
        """Call userTransfer once. Its success is final: the provider sends nothing more about it."""
        try:
            envelope = await self._call(_route(instruction), body, at)
            if envelope.code == SUCCESS:
                return Succeeded(read_data(TransferReceipt, envelope.data).record_id)
        except NotSent as error:
            return Deferred("provider_unreachable", str(error))
        except (NoAnswer, Unreadable) as error:
            return Unknown("no_answer", str(error))
        return _judge(envelope)

    async def look_up(self, instruction: Instruction) -> Finding:
        """Call getUserTransferRecord with the order id alone: what it does with both ids is not documented."""
        try:
            envelope = await self._call(
                "getUserTransferRecord", _dump({"orderId": instruction.order_id}), self._now()
            )
            if envelope.code == NOT_FOUND:
                return Absent()
            if envelope.code != SUCCESS:
                return _unreadable_look_up(envelope)
            record = _find_record(envelope)
        except (NotSent, NoAnswer, Unreadable) as error:
            return Unknown("look_up_failed", str(error))
        if record is None:
            return Absent()
        return _judge_record(record, instruction)

    async def _call(self, route: str, body: bytes, at: datetime) -> Envelope:
        request = self._client.build_request(
            "POST",
            self._routes + route,
            content=body,
            headers={"Content-Type": "application/json"},
        )
        return read_envelope(await ask(self._client, request, self._auth_at(at), self._timeout_seconds))


def _signer(app_id: str, app_secret: str) -> Callable[[datetime], httpx.Auth]:
    def auth_at(at: datetime) -> httpx.Auth:
        return CCPaymentAuth(app_id, app_secret, at)

    return auth_at


def _route(instruction: Instruction) -> str:
    match instruction:
        case Move():
            return "userTransfer"


def _judge(envelope: Envelope) -> Outcome:
    """What an error code says of the attempt it answers."""
    provider_code = str(envelope.code)
    meaning, code = CODES.get(envelope.code, (Meaning.UNCERTAIN, "unlisted_code"))
    message = clean_message(envelope.msg) or code
    match meaning:
        case Meaning.REFUSED:
            return Refused(code, message, provider_code)
        case Meaning.LATER | Meaning.OPERATOR:
            return Deferred(code, message, provider_code)
        case Meaning.UNCERTAIN | Meaning.DUPLICATE:
            return Unknown(code, message, provider_code)


def _unreadable_look_up(envelope: Envelope) -> Unknown:
    _, code = CODES.get(envelope.code, (Meaning.UNCERTAIN, "unlisted_code"))
    return Unknown("look_up_failed", f"{code}: {clean_message(envelope.msg)}", str(envelope.code))


def _find_record(envelope: Envelope) -> TransferRecord | None:
    """The record; None when there is none, which may also come as success with an empty one. Raises Unreadable.

    Something that cannot be read is not nothing: taken for absence, it would end in sending again, or in releasing
    what has been paid.
    """
    if envelope.data is None or envelope.data == {}:
        return None
    if not isinstance(envelope.data, dict) or "record" not in envelope.data:
        raise Unreadable("the answer's field record is missing")
    record = envelope.data["record"]
    if record is None or (isinstance(record, dict) and not any(record.values())):
        return None
    return read_data(TransferRecord, record)


def _judge_record(record: TransferRecord, instruction: Move) -> Finding:
    """What the provider's record of the order says, if it is a record of this order at all."""
    differing = _differing_fields(record, instruction)
    if differing:
        return Disputed(f"the provider's record differs in {', '.join(differing)}", record.record_id)
    match record.status:
        case "Success":
            return Succeeded(record.record_id)
        case "Failed":
            return Refused("failed", "the provider's record says Failed", by_record=True)
        case _:  # a status that is not documented is not final
            return Processing(record.record_id)


def _differing_fields(record: TransferRecord, instruction: Move) -> list[str]:
    pairs: dict[str, tuple[object, object]] = {
        "orderId": (record.order_id, instruction.order_id),
        "coinId": (record.coin_id, instruction.coin_id),
        "fromUserId": (record.from_user_id, instruction.from_user_id),
        "toUserId": (record.to_user_id, instruction.to_user_id),
    }
    differing = [name for name, (theirs, ours) in pairs.items() if theirs != ours]
    try:
        # As numbers: records pad to 24 decimals.
        same_amount = parse_record_amount(record.amount) == parse_record_amount(instruction.amount)
    except ValueError:
        same_amount = False
    return differing if same_amount else [*differing, "amount"]


def _dump(fields: dict[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
