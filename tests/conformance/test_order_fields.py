"""CCPayment's transfers and swaps: every field that the client reads is what the sandbox's books hold.

Each test here takes both ends and nothing else: `test_coverage` runs them all to see which routes are called.
"""

from decimal import Decimal
from typing import Any

from schemas.money import parse_record_amount
from tests.conformance.clock import at
from tests.conformance.ends import Ends
from tests.conformance.orders import ALICE, CONVERT, MOVE
from worker.providers.ccpayment.records import swap_records, transfer_records
from worker.providers.ccpayment.swaps import estimate
from worker.providers.ccpayment.wire import SwapRecord, TransferRecord, read_record
from worker.sandbox.ccpayment.coins import COINS
from worker.sandbox.ccpayment.quote import Quote
from worker.sandbox.ccpayment.records import Swap, Transfer

PAD = 24


def amounts_of(quote: Quote) -> dict[str, Decimal]:
    return {
        "amount_in": quote.amount_in,
        "amount_out": quote.amount_out,
        "net_amount_out": quote.net_amount_out,
        "fee": quote.fee,
        "extra_fee": quote.extra_fee,
        "swap_rate": quote.swap_rate,
        "fee_rate": quote.fee_rate,
    }


def transfer_fields(transfer: Transfer, remark: str) -> dict[str, Any]:
    return {
        "record_id": transfer.record_id,
        "coin_id": transfer.coin_id,
        "coin_symbol": "USDT",
        "order_id": transfer.order_id,
        "from_user_id": transfer.from_user_id,
        "to_user_id": transfer.to_user_id,
        "amount": format(transfer.amount, "f"),
        "status": "Success",
        "remark": remark,
    }


async def test_a_transfer(ends: Ends) -> None:
    await ends.attempt(MOVE)
    [transfer] = ends.sandbox.books.transfers()
    api = ends.ccpayment.api
    data = await api.read("getUserTransferRecord", {"orderId": transfer.order_id})
    record = read_record(TransferRecord, data)
    assert record is not None
    assert record.model_dump() == transfer_fields(transfer, "rent, café")
    assert data == await api.read("getUserTransferRecord", {"recordId": transfer.record_id})
    assert len(record.record_id) == 33
    # The list says nothing of the remark.
    listed = [record.model_dump() async for record in transfer_records(api, from_user_id=ALICE)]
    assert listed == [transfer_fields(transfer, "")]


def swap_fields(swap: Swap) -> dict[str, Any]:
    return {
        "record_id": swap.record_id,
        "order_id": swap.order_id,
        "user_id": swap.user_id,
        "coin_id_in": swap.coin_id_in,
        "coin_in_symbol": COINS[swap.coin_id_in].symbol,
        "coin_id_out": swap.coin_id_out,
        "coin_out_symbol": COINS[swap.coin_id_out].symbol,
        "status": "Success",
        "created_at": at(swap.at),
        "arrived_at": at(swap.done_at),
        "amount_out_minimum": swap.amount_out_minimum,
        "extra_fee_rate": swap.quote.extra_fee_rate,
        **amounts_of(swap.quote),
    }


def read_swap(record: SwapRecord) -> dict[str, Any]:
    """The record with its amounts as numbers, however they are padded."""
    fields = record.model_dump()
    texts = {*("amount_out_minimum", "extra_fee_rate", "amount_in", "amount_out", "net_amount_out")} | {
        *("fee", "extra_fee", "swap_rate", "fee_rate")
    }
    return {name: parse_record_amount(value) if name in texts else value for name, value in fields.items()}


async def test_a_swap(ends: Ends) -> None:
    ends.ask("ccpayment", "swaps", processingSeconds=10)
    await ends.attempt(CONVERT)
    ends.clock.go_on(20)
    [swap] = ends.sandbox.books.swaps()
    api = ends.ccpayment.api
    data = await api.read("getUserSwapRecord", {"orderId": swap.order_id})
    record = read_record(SwapRecord, data)
    assert record is not None
    assert read_swap(record) == swap_fields(swap)
    assert record.amount_in == "25.123456" + "0" * (PAD - 6)
    assert data == await api.read("getUserSwapRecord", {"recordId": swap.record_id})
    listed = [read_swap(record) async for record in swap_records(api, order_ids=[swap.order_id])]
    assert listed == [swap_fields(swap)]


async def test_a_swap_that_is_processing_has_not_arrived(ends: Ends) -> None:
    ends.ask("ccpayment", "swaps", processingSeconds=10)
    await ends.attempt(CONVERT)
    [record] = [record async for record in swap_records(ends.ccpayment.api, user_id=ALICE)]
    assert (record.status, record.arrived_at) == ("Processing", None)


async def test_an_estimate_is_what_the_swap_then_brings(ends: Ends) -> None:
    asked = {"coin_id_in": 1280, "amount_in": Decimal("25.123456"), "coin_id_out": 1329}
    quoted = await estimate(ends.ccpayment.api, **asked, extra_fee_rate=Decimal("0.01"))  # type: ignore[arg-type]
    assert ends.sandbox.books.swaps() == []
    await ends.attempt(CONVERT)
    [swap] = ends.sandbox.books.swaps()
    assert {name: getattr(quoted, name) for name in amounts_of(swap.quote)} == amounts_of(swap.quote)
