"""CCPayment's lists in pages, records of transfers, swaps and deposits, and the rescan of a lost transaction."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, TypeVar

import httpx
import pytest

from tests.providers.test_ccpayment_reads import answering, api_with, changed, envelope, without
from tests.providers.test_ccpayment_reads_swaps import RECORD as SWAP
from worker.providers.ccpayment.api import Api, ReadFailed
from worker.providers.ccpayment.deposits import app_deposit, app_deposits, user_deposit, user_deposits
from worker.providers.ccpayment.pages import PAGES_MAX
from worker.providers.ccpayment.records import swap_records, transfer_records
from worker.providers.ccpayment.rescan import rescan

TRANSFER: dict[str, Any] = {
    "recordId": "202403130959411767853027680587776",
    "coinId": 1891,
    "coinSymbol": "TETH",
    "orderId": "6322820357488929",
    "fromUserId": "6322718677975328",
    "toUserId": "6322820357488928",
    "amount": "0.001",
    "status": "Success",
}
DEPOSIT: dict[str, Any] = {
    "recordId": "20240313121919xxxxxxxxxxxxxxxxxx",
    "coinId": 1280,
    "coinSymbol": "USDT",
    "chain": "POLYGON",
    "contract": "0xc2132d05d31c914a87c6611c10748aeb04b58e8f",
    "coinUSDPrice": "1.0006",
    "fromAddress": "0x12438F04093EBc87f0Ba629bbe93F2451711d967",
    "toAddress": "0xD5aC5D7d6ba0e5bBF0ec13F4bBa5Ae7FA7b9a7a1",
    "toMemo": "",
    "amount": "0.5",
    "serviceFee": "0.0025",
    "txId": "0xc7c07c7e3d5f",
    "status": "Success",
    "arrivedAt": 1709021102,
    "isFlaggedAsRisky": False,
}
USER_DEPOSIT = changed(DEPOSIT, userId="1709021102608")
APP_DEPOSIT = changed(DEPOSIT, referenceId="reference-1", txIndex=2)

T = TypeVar("T")


def page(*records: object, next_id: str = "") -> dict[str, object]:
    return {"records": list(records), "nextId": next_id}


async def every(records: AsyncIterator[T]) -> list[T]:
    return [record async for record in records]


# ---------------------------------------------------------------- pages


async def test_every_page_is_asked_for_with_the_same_filters() -> None:
    first, second, third = (changed(TRANSFER, recordId=f"r-{number}") for number in (1, 2, 3))
    api, asked = answering(page(first, second, next_id="a"), page(next_id="b"), page(third))
    found = await every(transfer_records(api, from_user_id="6322718677975328", coin_id=1891))
    assert [record.record_id for record in found] == ["r-1", "r-2", "r-3"]
    assert set(asked.routes) == {"getUserTransferRecordList"}
    assert [json.loads(body) for body in asked.bodies] == [
        {"coinId": 1891, "fromUserId": "6322718677975328"},
        {"coinId": 1891, "fromUserId": "6322718677975328", "nextId": "a"},
        {"coinId": 1891, "fromUserId": "6322718677975328", "nextId": "b"},
    ]


async def test_without_filters_the_first_body_is_empty() -> None:
    api, asked = answering(page(SWAP, next_id="a"), page())
    await every(swap_records(api))
    assert asked.bodies == [b"", b'{"nextId":"a"}']


async def test_a_page_is_asked_for_only_when_it_is_wanted() -> None:
    api, asked = answering(page(TRANSFER, next_id="a"))
    records = transfer_records(api)
    assert (await anext(records)).record_id == TRANSFER["recordId"]
    assert len(asked.requests) == 1


@pytest.mark.parametrize("last", [{"records": []}, {"records": [], "nextId": None}, {"records": None, "nextId": ""}])
async def test_the_last_page_has_no_cursor(last: object) -> None:
    api, _ = answering(last)
    assert await every(transfer_records(api)) == []


@pytest.mark.parametrize("cursors", [["a", "a"], ["a", "b", "a"]])
async def test_a_cursor_that_comes_twice_ends_the_reading(cursors: list[str]) -> None:
    api, asked = answering(*(page(TRANSFER, next_id=cursor) for cursor in cursors))
    with pytest.raises(ReadFailed, match=r"^getUserTransferRecordList: the same nextId came twice$"):
        await every(transfer_records(api))
    assert len(asked.requests) == len(cursors)


async def test_pages_without_end_are_given_up() -> None:
    asked: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.content)
        return httpx.Response(200, json=envelope(10000, page(next_id=str(len(asked)))))

    with pytest.raises(ReadFailed, match=f"more than {PAGES_MAX} pages"):
        await every(transfer_records(api_with(answer)))
    assert len(asked) == PAGES_MAX


async def test_a_failing_page_is_not_taken_for_the_end() -> None:
    answers = [envelope(10000, page(TRANSFER, next_id="a")), envelope(11004, None, "slow down")]
    api = api_with(lambda _: httpx.Response(200, json=answers.pop(0)))
    records = transfer_records(api)
    assert (await anext(records)).order_id == TRANSFER["orderId"]
    with pytest.raises(ReadFailed) as failed:
        await anext(records)
    assert failed.value.code == 11004


WRONG_PAGES: dict[str, tuple[object, str]] = {
    "no data": (None, "field data"),
    "no records": ({"nextId": ""}, "field records"),
    "records of another name": ({"list": [TRANSFER]}, "field records"),
    "a map of records": ({"records": {"0": TRANSFER}}, "field records"),
    "a record as text": (page("gone"), "of a record, the answer's field data"),
    "a record of null": (page(None), "of a record, the answer's field data"),
    "a cursor that is a number": ({"records": [], "nextId": 5}, "field nextId"),
    "a record without an id": (page(without(TRANSFER, "recordId")), "of a record, the answer's field recordId"),
    "an id that is a number": (page(changed(TRANSFER, recordId=5)), "of a record, the answer's field recordId"),
    "no status": (page(without(TRANSFER, "status")), "of a record, the answer's field status"),
    "an amount that is a number": (page(changed(TRANSFER, amount=0.001)), "of a record, the answer's field amount"),
    "a blank amount": (page(changed(TRANSFER, amount="")), "of a record, the answer's field amount"),
    "a negative amount": (page(changed(TRANSFER, amount="-1")), "of a record, the answer's field amount"),
}


@pytest.mark.parametrize(("data", "message"), WRONG_PAGES.values(), ids=WRONG_PAGES.keys())
async def test_a_page_that_cannot_be_read_is_not_an_empty_one(data: object, message: str) -> None:
    api, _ = answering(data)
    with pytest.raises(ReadFailed, match=rf"^getUserTransferRecordList: .*{message}"):
        await every(transfer_records(api))


# ---------------------------------------------------------------- transfers and swaps


async def test_a_transfer_record_is_read_field_by_field() -> None:
    api, _ = answering(page(TRANSFER, changed(TRANSFER, remark="tea\x00", status="Odd")))
    first, second = await every(transfer_records(api))
    assert first.model_dump() == {
        "record_id": "202403130959411767853027680587776",
        "coin_id": 1891,
        "coin_symbol": "TETH",
        "order_id": "6322820357488929",
        "from_user_id": "6322718677975328",
        "to_user_id": "6322820357488928",
        "amount": "0.001",
        "status": "Success",
        "remark": "",
    }
    assert (second.remark, second.status) == ("tea�", "Odd")


async def test_a_range_of_time_is_sent_in_whole_seconds_of_any_zone() -> None:
    api, asked = answering(page())
    start = datetime(2023, 12, 31, 16, 47, 41, 999_999, tzinfo=UTC)
    end = datetime(2024, 2, 22, 10, 6, 33, tzinfo=timezone(timedelta(hours=4)))
    await every(transfer_records(api, start_at=start, end_at=end, to_user_id="1709021101247"))
    assert json.loads(asked.bodies[0]) == {
        "toUserId": "1709021101247",
        "startAt": 1704041261,
        "endAt": 1708581993,
    }


async def test_swaps_are_asked_for_by_all_that_the_provider_takes() -> None:
    api, asked = answering(page(SWAP))
    [record] = await every(
        swap_records(
            api,
            record_ids=["20240722021342166923068583059456"],
            order_ids=["1721614421267"],
            user_id="user-swap1",
            coin_id_in=1280,
            coin_id_out=1329,
            start_at=datetime(2024, 7, 22, tzinfo=UTC),
            end_at=datetime(2024, 7, 23, tzinfo=UTC),
        )
    )
    assert (record.order_id, record.coin_out_symbol) == ("1721614421267", "MATIC")
    assert asked.routes == ["getUserSwapRecordList"]
    assert json.loads(asked.bodies[0]) == {
        "recordIds": ["20240722021342166923068583059456"],
        "orderIds": ["1721614421267"],
        "userId": "user-swap1",
        "coinIdIn": 1280,
        "coinIdOut": 1329,
        "startAt": 1721606400,
        "endAt": 1721692800,
    }


@pytest.mark.parametrize("status", ["Processing", "Failed", "success", "Odd"])
async def test_a_swap_without_success_may_be_without_amounts(status: str) -> None:
    api, _ = answering(page(changed(SWAP, status=status, amountOut="", netAmountOut="", fee="")))
    [record] = await every(swap_records(api))
    assert (record.status, record.amount_out) == (status, "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("amountIn", value) for value in ("", "-1", "x")],
        *[
            (name, value)
            for name in ("amountOut", "netAmountOut", "fee")
            for value in ("", "-1", "x", "0.000000000000000000000001")
        ],
        ("extraFee", "0.000000000000000000000001"),
    ],
)
async def test_a_swap_with_success_has_amounts_that_add_up(name: str, value: str) -> None:
    api, _ = answering(page(changed(SWAP, **{name: value})))
    with pytest.raises(ReadFailed, match=r"^getUserSwapRecordList: of a record, "):
        await every(swap_records(api))


# ---------------------------------------------------------------- deposits


async def test_a_deposit_of_a_user_is_read_field_by_field() -> None:
    api, asked = answering({"record": USER_DEPOSIT})
    deposit = await user_deposit(api, DEPOSIT["recordId"])
    assert deposit is not None
    assert asked.routes == ["getUserDepositRecord"]
    assert asked.bodies == [b'{"recordId":"20240313121919xxxxxxxxxxxxxxxxxx"}']
    assert deposit.model_dump() == {
        "record_id": "20240313121919xxxxxxxxxxxxxxxxxx",
        "coin_id": 1280,
        "coin_symbol": "USDT",
        "chain": "POLYGON",
        "contract": "0xc2132d05d31c914a87c6611c10748aeb04b58e8f",
        "coin_usd_price": Decimal("1.0006"),
        "from_address": "0x12438F04093EBc87f0Ba629bbe93F2451711d967",
        "to_address": "0xD5aC5D7d6ba0e5bBF0ec13F4bBa5Ae7FA7b9a7a1",
        "to_memo": "",
        "amount": Decimal("0.5"),
        "service_fee": Decimal("0.0025"),
        "tx_id": "0xc7c07c7e3d5f",
        "tx_index": None,
        "status": "Success",
        "arrived_at": datetime(2024, 2, 27, 8, 5, 2, tzinfo=UTC),
        "is_flagged_as_risky": False,
        "user_id": "1709021102608",
    }


async def test_a_deposit_of_the_merchant_is_read() -> None:
    api, asked = answering({"record": APP_DEPOSIT}, {"record": changed(DEPOSIT, orderId="order-1")})
    by_reference = await app_deposit(api, DEPOSIT["recordId"])
    by_order = await app_deposit(api, DEPOSIT["recordId"])
    assert by_reference is not None
    assert by_order is not None
    assert set(asked.routes) == {"getAppDepositRecord"}
    assert (by_reference.reference_id, by_reference.order_id, by_reference.tx_index) == ("reference-1", "", 2)
    assert (by_order.reference_id, by_order.order_id, by_order.tx_index) == ("", "order-1", None)


@pytest.mark.parametrize(
    ("given", "arrived_at"),
    [
        (1709021102, datetime(2024, 2, 27, 8, 5, 2, tzinfo=UTC)),
        (1709021102123, datetime(2024, 2, 27, 8, 5, 2, 123_000, tzinfo=UTC)),
        (10**11, datetime(5138, 11, 16, 9, 46, 40, tzinfo=UTC)),
        (10**11 + 1, datetime(1973, 3, 3, 9, 46, 40, 1_000, tzinfo=UTC)),
        (0, None),
        ("", None),
        (None, None),
    ],
)
async def test_a_time_is_in_seconds_or_in_milliseconds_by_its_size(
    given: object, arrived_at: datetime | None
) -> None:
    api, _ = answering({"record": changed(USER_DEPOSIT, arrivedAt=given)})
    deposit = await user_deposit(api, DEPOSIT["recordId"])
    assert deposit is not None
    assert deposit.arrived_at == arrived_at


ABSENT = {
    "not found": envelope(11003),
    "no data": {"code": 10000, "msg": "success"},
    "data empty": envelope(10000, {}),
    "record null": envelope(10000, {"record": None}),
    "record empty": envelope(10000, {"record": {}}),
    "record of empty fields": envelope(10000, {"record": {**dict.fromkeys(USER_DEPOSIT, ""), "coinId": 0}}),
}


@pytest.mark.parametrize("body", ABSENT.values(), ids=ABSENT.keys())
async def test_no_deposit_is_said_in_these_ways(body: object) -> None:
    api = api_with(lambda _: httpx.Response(200, json=body))
    assert await user_deposit(api, "r-1") is None
    assert await app_deposit(api, "r-1") is None


WRONG_DEPOSITS: dict[str, object] = {
    "no record": {"records": [USER_DEPOSIT]},
    "an array of one": {"record": [USER_DEPOSIT]},
    "another deposit": {"record": changed(USER_DEPOSIT, recordId="r-2")},
    "no user": {"record": DEPOSIT},
    "no flag": {"record": without(USER_DEPOSIT, "isFlaggedAsRisky")},
    "a flag of null": {"record": changed(USER_DEPOSIT, isFlaggedAsRisky=None)},
    "a flag as text": {"record": changed(USER_DEPOSIT, isFlaggedAsRisky="false")},
    "a flag of zero": {"record": changed(USER_DEPOSIT, isFlaggedAsRisky=0)},
    "success without an amount": {"record": changed(USER_DEPOSIT, amount="")},
    "success without a fee": {"record": without(USER_DEPOSIT, "serviceFee")},
    "an amount that is a number": {"record": changed(USER_DEPOSIT, amount=0.5)},
    "an amount with a sign": {"record": changed(USER_DEPOSIT, amount="+0.5")},
    "no status": {"record": without(USER_DEPOSIT, "status")},
    "a coin as text": {"record": changed(USER_DEPOSIT, coinId="1280")},
    "a time as text": {"record": changed(USER_DEPOSIT, arrivedAt="1709021102")},
    "a time with a fraction": {"record": changed(USER_DEPOSIT, arrivedAt=1709021102.5)},
    "a time that is true": {"record": changed(USER_DEPOSIT, arrivedAt=True)},
    "a time before all": {"record": changed(USER_DEPOSIT, arrivedAt=-1)},
    "a time after all": {"record": changed(USER_DEPOSIT, arrivedAt=10**30)},
}


@pytest.mark.parametrize("data", WRONG_DEPOSITS.values(), ids=WRONG_DEPOSITS.keys())
async def test_a_deposit_that_cannot_be_believed_is_neither_one_nor_none(data: object) -> None:
    api, _ = answering(data)
    with pytest.raises(ReadFailed, match=r"^getUserDepositRecord: "):
        await user_deposit(api, DEPOSIT["recordId"])


@pytest.mark.parametrize("code", [10001, 11002, 11005, 12002, 13000, 19999])
async def test_no_other_refusal_means_that_there_is_no_deposit(code: int) -> None:
    api = api_with(lambda _: httpx.Response(200, json=envelope(code)))
    with pytest.raises(ReadFailed) as failed:
        await user_deposit(api, "r-1")
    assert failed.value.code == code


@pytest.mark.parametrize("status", ["Processing", "Failed", "Pending", "success"])
async def test_a_deposit_that_is_not_a_success_may_be_without_amounts(status: str) -> None:
    api, _ = answering({"record": changed(USER_DEPOSIT, status=status, amount="", serviceFee="", fromAddress=None)})
    deposit = await user_deposit(api, DEPOSIT["recordId"])
    assert deposit is not None
    assert (deposit.status, deposit.amount, deposit.service_fee, deposit.from_address) == (status, None, None, "")


async def test_one_payers_words_do_not_make_the_others_deposits_unreadable() -> None:
    odd = changed(USER_DEPOSIT, recordId="r-1", toMemo="\x00\ud800'); --")
    api, _ = answering(page(odd, USER_DEPOSIT))
    first, second = await every(user_deposits(api, "1709021102608"))
    assert first.to_memo == "��'); --"
    assert second.record_id == DEPOSIT["recordId"]


LISTS: dict[str, tuple[Callable[[Api], AsyncIterator[Any]], str, dict[str, object], dict[str, object]]] = {
    "of a user": (
        lambda api: user_deposits(
            api,
            "1709021102608",
            coin_id=1280,
            chain="POLYGON",
            to_address="0xD5",
            start_at=datetime(2024, 7, 22, tzinfo=UTC),
            end_at=datetime(2024, 7, 23, tzinfo=UTC),
        ),
        "getUserDepositRecordList",
        {
            "userId": "1709021102608",
            "coinId": 1280,
            "chain": "POLYGON",
            "toAddress": "0xD5",
            "startAt": 1721606400,
            "endAt": 1721692800,
        },
        USER_DEPOSIT,
    ),
    "of a reference": (
        lambda api: app_deposits(api, reference_id="reference-1", coin_id=1280, chain="BSC", to_address="0xD5"),
        "getAppDepositRecordList",
        {"coinId": 1280, "referenceId": "reference-1", "chain": "BSC", "toAddress": "0xD5"},
        APP_DEPOSIT,
    ),
    "of an order": (
        lambda api: app_deposits(
            api,
            order_id="order-1",
            start_at=datetime(2024, 7, 22, tzinfo=UTC),
            end_at=datetime(2024, 7, 23, tzinfo=UTC),
        ),
        "getAppDepositRecordList",
        {"orderId": "order-1", "startAt": 1721606400, "endAt": 1721692800},
        APP_DEPOSIT,
    ),
}


@pytest.mark.parametrize(("read", "route", "filters", "sample"), LISTS.values(), ids=LISTS.keys())
async def test_a_list_of_deposits_is_read_to_its_last_page(
    read: Callable[[Api], AsyncIterator[Any]],
    route: str,
    filters: dict[str, object],
    sample: dict[str, object],
) -> None:
    api, asked = answering(page(sample, next_id="a"), page(changed(sample, recordId="r-2")))
    found = await every(read(api))
    assert [deposit.record_id for deposit in found] == [DEPOSIT["recordId"], "r-2"]
    assert set(asked.routes) == {route}
    assert [json.loads(body) for body in asked.bodies] == [filters, {**filters, "nextId": "a"}]


async def test_a_reference_and_an_order_are_never_asked_for_together() -> None:
    api, asked = answering()
    with pytest.raises(AssertionError):
        await every(app_deposits(api, reference_id="reference-1", order_id="order-1"))
    assert asked.requests == []


# ---------------------------------------------------------------- rescans


async def test_a_rescan_asks_for_one_transaction_and_passes_the_providers_words_on() -> None:
    words = "The deposit has been rescanned. Please wait for the transaction to be credited."
    api, asked = answering({"description": words}, {"description": "a\nb\x00" + "x" * 1000})
    address = "GBSCAK4DTAS4TUNZJUQ5QO5FCJBEXVH7JSMZNZLRTSIZGIDS3H7CWE7O"
    said = await rescan(api, chain="XLM", to_address=address, tx_id="9f1597024ca2", memo="109")
    cut = await rescan(api, chain="XLM", to_address=address, tx_id="9f1597024ca2")
    assert said == words
    assert cut == "ab" + "x" * 298
    assert set(asked.routes) == {"rescanLostTransaction"}
    assert [json.loads(body) for body in asked.bodies] == [
        {"chain": "XLM", "toAddress": address, "txId": "9f1597024ca2", "memo": "109"},
        {"chain": "XLM", "toAddress": address, "txId": "9f1597024ca2"},
    ]


@pytest.mark.parametrize("data", [None, {}, {"description": None}, {"description": 1}])
async def test_a_rescan_without_words_has_failed(data: object) -> None:
    api, _ = answering(data)
    with pytest.raises(ReadFailed, match=r"^rescanLostTransaction: "):
        await rescan(api, chain="XLM", to_address="G", tx_id="9f")
