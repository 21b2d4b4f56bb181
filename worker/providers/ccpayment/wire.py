"""CCPayment's answers as they come over the wire, read with care: they are somebody else's data."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, StrictInt, StrictStr
from pydantic.alias_generators import to_camel

from worker.providers.ccpayment.fields import OptionalText, RecordId, UnixTime
from worker.providers.http import Answer
from worker.providers.protocol import Unreadable
from worker.providers.reading import Model, read_model


class Envelope(BaseModel):
    """`{code, msg, data}`. `msg` varies in case and is for people only."""

    code: StrictInt
    msg: str = ""
    data: Any = None


class Wire(BaseModel):
    """A part of an answer: camelCase names, unknown ones ignored."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class TransferReceipt(Wire):
    """`data` of userTransfer."""

    record_id: RecordId


class SwapReceipt(Wire):
    """`data` of userSwap, as far as it says anything final: there is no status in it."""

    record_id: RecordId


class TransferRecord(Wire):
    """`data.record` of getUserTransferRecord. There is no time in it."""

    record_id: RecordId
    coin_id: StrictInt
    coin_symbol: OptionalText = ""
    order_id: StrictStr
    from_user_id: StrictStr
    to_user_id: StrictStr
    amount: StrictStr
    status: StrictStr
    remark: OptionalText = ""


class SwapRecord(Wire):
    """`data.record` of getUserSwapRecord: amounts as text, `swaps.parse_swap_amounts` reads them.

    What is known only once the swap is done may be blank before; not documented whether it is.
    """

    record_id: RecordId
    order_id: StrictStr
    user_id: OptionalText = ""
    coin_id_in: StrictInt
    coin_in_symbol: OptionalText = ""
    coin_id_out: StrictInt
    coin_out_symbol: OptionalText = ""
    amount_in: StrictStr
    amount_out: OptionalText = ""
    net_amount_out: OptionalText = ""
    amount_out_minimum: OptionalText = ""
    swap_rate: OptionalText = ""
    fee_rate: OptionalText = ""
    fee: OptionalText = ""
    extra_fee_rate: OptionalText = ""
    extra_fee: OptionalText = ""
    status: StrictStr
    created_at: UnixTime = None
    arrived_at: UnixTime = None


def read_envelope(answer: Answer) -> Envelope:
    """The envelope, at any status below 500: errors come with 200, gateways use their own. Raises Unreadable."""
    if answer.status >= 500:
        raise Unreadable(f"HTTP status {answer.status}")
    try:
        envelope = Envelope.model_validate(json.loads(answer.body))
    except (ValueError, RecursionError):
        raise Unreadable(f"HTTP status {answer.status} without the provider's envelope") from None
    return envelope


def read_data(model: type[Model], data: object) -> Model:
    """`data` as the model. Raises Unreadable naming the first field that is wrong."""
    return read_model(model, data, "data")


def read_record(model: type[Model], data: object) -> Model | None:
    """`data.record`; None when there is none, which may also come as success with an empty one. Raises Unreadable.

    Something that cannot be read is not nothing: taken for absence, it would end in sending again, or in releasing
    what has been paid.
    """
    if data is None or data == {}:
        return None
    if not isinstance(data, dict) or "record" not in data:
        raise Unreadable("the answer's field record is missing")
    record = data["record"]
    if record is None or (isinstance(record, dict) and not any(record.values())):
        return None
    return read_data(model, record)
