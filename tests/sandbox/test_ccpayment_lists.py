"""Lists of records: filters, the window of time, pages, and the cursor that is tied to its filters."""

from collections.abc import Callable
from typing import Any

import pytest

from .caller import NOW, Caller, answer_of, code_of, transfer_fields
from .merchant import Merchant

DAY = 24 * 3600


def do_transfer(merchant: Merchant, number: int) -> None:
    user = "bob123" if number % 2 else "carol5"
    coin_id = 1482 if number % 3 == 0 else 1280
    fields = transfer_fields(orderId=f"ord-{number}", toUserId=user, coinId=coin_id, amount="1", remark="r")
    assert merchant.code("userTransfer", **fields) == 10000


def do_swap(merchant: Merchant, number: int) -> None:
    coin_ids = (1280, 1329) if number % 2 else (1482, 1280)
    user_id = "alice1" if number % 3 else "bob123"
    fields = {"coinIdIn": coin_ids[0], "coinIdOut": coin_ids[1], "amountIn": "20", "userId": user_id}
    assert merchant.code("userSwap", orderId=f"ord-{number}", **fields) == 10000


def do_user_deposit(merchant: Merchant, number: int) -> None:
    chain = "TRX" if number % 2 else "BSC"
    user_id = "alice1" if number % 3 else "bob123"
    merchant.control("deposit", userId=user_id, coinId=1280, chain=chain, amount="2", txId=f"tx-{number}")


def do_app_deposit(merchant: Merchant, number: int) -> None:
    owner = {"referenceId": f"ref-{number}"} if number % 2 else {"orderId": f"ord-{number}"}
    coin_id, chain = (1482, "TRX") if number % 3 else (1280, "ETH")
    merchant.control("deposit", **owner, coinId=coin_id, chain=chain, amount="2", txId=f"tx-{number}")


# The list, what makes its records, and the least that has to be asked.
LISTS: dict[str, tuple[Callable[[Merchant, int], None], dict[str, object]]] = {
    "getUserTransferRecordList": (do_transfer, {"fromUserId": "alice1"}),
    "getUserSwapRecordList": (do_swap, {}),
    "getUserDepositRecordList": (do_user_deposit, {"userId": "alice1"}),
    "getAppDepositRecordList": (do_app_deposit, {}),
}
EVERY_LIST = pytest.mark.parametrize("route", LISTS)


def filled(route: str, count: int, step_seconds: float = 10) -> Merchant:
    """An account with so many records, one every few seconds from NOW on."""
    merchant = Merchant()
    for user_id in ("alice1", "bob123"):
        for coin_id in (1280, 1482):
            merchant.provider.fund(user_id, coin_id, "10000")
    make, _ = LISTS[route]
    for number in range(count):
        make(merchant, number)
        merchant.clock.seconds += step_seconds
    return merchant


def pages(merchant: Merchant, route: str, **fields: object) -> list[list[dict[str, Any]]]:
    """Every page of a list."""
    found: list[list[dict[str, Any]]] = []
    next_id = ""
    while True:
        data = merchant.data(route, **fields, nextId=next_id)
        assert data.keys() == {"records", "nextId"}
        found.append(data["records"])
        next_id = data["nextId"]
        if next_id == "":
            return found


@EVERY_LIST
@pytest.mark.parametrize(("count", "sizes"), [(0, [0]), (1, [1]), (20, [20]), (21, [20, 1]), (45, [20, 20, 5])])
def test_a_page_has_twenty_records_newest_first(route: str, count: int, sizes: list[int]) -> None:
    _, least = LISTS[route]
    merchant = filled(route, count if "userId" not in least else count * 3 // 2 + 1)
    found = pages(merchant, route, **least)
    if "userId" not in least:
        assert [len(page) for page in found] == sizes
    ids = [record["recordId"] for page in found for record in page]
    assert ids == sorted({*ids}, reverse=True)
    assert all(len(page) == 20 for page in found[:-1])


@EVERY_LIST
def test_a_cursor_goes_with_its_filters_only(route: str) -> None:
    merchant = filled(route, 65)
    _, least = LISTS[route]
    next_id = merchant.data(route, **least)["nextId"]
    assert next_id != ""
    for wrong in (next_id[:-1], "x", next_id.partition("-")[0], f"{'1' * 33}-{next_id.partition('-')[2]}"):
        assert merchant.code(route, **least, nextId=wrong) == 11000
    assert merchant.code(route, **least, startAt=NOW, nextId=next_id) == 11000
    assert merchant.code(route, **least, nextId=next_id) == 10000


@EVERY_LIST
def test_records_made_between_two_pages_move_nothing(route: str) -> None:
    merchant = filled(route, 65)
    make, least = LISTS[route]
    first = merchant.data(route, **least)
    expected = merchant.data(route, **least, nextId=first["nextId"])["records"]
    for number in range(65, 70):
        make(merchant, number)
    assert merchant.data(route, **least, nextId=first["nextId"])["records"] == expected


@EVERY_LIST
def test_both_ends_of_a_window_are_inside(route: str) -> None:
    merchant = filled(route, 9)
    _, least = LISTS[route]
    everything = merchant.data(route, **least)["records"]
    inside = merchant.data(route, **least, startAt=NOW + 10, endAt=NOW + 70)["records"]
    assert inside == [record for record in everything if record in everything and record in inside]
    times = {record.record_id: record.at for record in _all(merchant)}
    assert {record["recordId"] for record in inside} == {
        record["recordId"] for record in everything if NOW + 10 <= times[record["recordId"]] <= NOW + 70
    }
    assert len(inside) >= 4
    assert merchant.data(route, **least, startAt=NOW + 1000)["records"] == []
    assert merchant.data(route, **least, endAt=NOW - 1)["records"] == []


def _all(merchant: Merchant) -> list[Any]:
    books = merchant.books
    return [*books.records(), *books.swaps(), *books.deposits()]


@EVERY_LIST
def test_without_a_start_the_last_ninety_days_are_listed(route: str) -> None:
    merchant = filled(route, 2, step_seconds=DAY)
    _, least = LISTS[route]
    merchant.clock.seconds = NOW + DAY + 90 * DAY
    assert len(merchant.data(route, **least)["records"]) == 1
    merchant.clock.seconds += 1
    assert merchant.data(route, **least)["records"] == []


WRONG_WINDOWS: list[dict[str, object]] = [
    {"startAt": NOW * 1000},
    {"startAt": str(NOW)},
    {"startAt": float(NOW)},
    {"startAt": True},
    {"startAt": None},
    {"endAt": -1},
    {"startAt": NOW, "endAt": NOW - 1},
    {"nextId": 5},
    {"nextId": None},
    {"coinId": "1280", "coinIdIn": "1280"},
]


@EVERY_LIST
@pytest.mark.parametrize("wrong", WRONG_WINDOWS)
def test_a_malformed_filter_is_refused(route: str, wrong: dict[str, object]) -> None:
    _, least = LISTS[route]
    assert Merchant().code(route, **{**least, **wrong}) == 11000


ONLY: list[tuple[str, dict[str, object], Callable[[dict[str, Any]], bool]]] = [
    ("getUserTransferRecordList", {"toUserId": "bob123"}, lambda record: record["toUserId"] == "bob123"),
    ("getUserTransferRecordList", {"fromUserId": "alice1", "coinId": 1482}, lambda record: record["coinId"] == 1482),
    (
        "getUserTransferRecordList",
        {"fromUserId": "alice1", "toUserId": "carol5"},
        lambda record: record["toUserId"] == "carol5",
    ),
    (
        "getUserTransferRecordList",
        {"fromUserId": "alice1", "toUserId": "", "orderIds": ["ord-1", "ord-4", "other"]},
        lambda record: record["orderId"] in {"ord-1", "ord-4"},
    ),
    ("getUserSwapRecordList", {"userId": "bob123"}, lambda record: record["userId"] == "bob123"),
    ("getUserSwapRecordList", {"coinIdIn": 1280}, lambda record: record["coinIdIn"] == 1280),
    ("getUserSwapRecordList", {"coinIdOut": 1280}, lambda record: record["coinIdOut"] == 1280),
    ("getUserSwapRecordList", {"orderIds": ["ord-3"]}, lambda record: record["orderId"] == "ord-3"),
    ("getUserSwapRecordList", {"orderIds": [], "recordIds": []}, lambda record: True),
    (
        "getUserSwapRecordList",
        {"orderIds": ["ord-1", "ord-2", "ord-3"], "userId": "bob123"},
        lambda record: record["orderId"] == "ord-3",
    ),
    ("getUserDepositRecordList", {"userId": "alice1", "chain": "TRX"}, lambda record: record["chain"] == "TRX"),
    ("getUserDepositRecordList", {"userId": "bob123", "coinId": 1280}, lambda record: record["userId"] == "bob123"),
    ("getAppDepositRecordList", {"coinId": 1280}, lambda record: record["coinId"] == 1280),
    ("getAppDepositRecordList", {"chain": "ETH"}, lambda record: record["chain"] == "ETH"),
    ("getAppDepositRecordList", {"referenceId": "ref-3"}, lambda record: record.get("referenceId") == "ref-3"),
    ("getAppDepositRecordList", {"orderId": "ord-4"}, lambda record: record.get("orderId") == "ord-4"),
    ("getAppDepositRecordList", {"referenceIds": ["ref-1"]}, lambda record: record.get("referenceId") == "ref-1"),
    ("getAppDepositRecordList", {"orderIds": ["ord-4"]}, lambda record: record.get("orderId") == "ord-4"),
]


@pytest.mark.parametrize(("route", "fields", "passes"), ONLY)
def test_a_filter_lets_pass_what_it_says(
    route: str, fields: dict[str, object], passes: Callable[[dict[str, Any]], bool]
) -> None:
    merchant = filled(route, 9)
    everything = [record for _, least in [LISTS[route]] for record in merchant.data(route, **least)["records"]]
    if "bob123" in fields.values() and route == "getUserDepositRecordList":
        everything = merchant.data(route, userId="bob123")["records"]
    found = merchant.data(route, **fields)["records"]
    assert found == [record for record in everything if passes(record)]
    assert found


@pytest.mark.parametrize("route", ["getUserSwapRecordList", "getAppDepositRecordList"])
def test_a_list_by_record_ids_has_those_only(route: str) -> None:
    merchant = filled(route, 5)
    everything = merchant.data(route)["records"]
    ids = [everything[3]["recordId"], everything[1]["recordId"], "other"]
    assert merchant.data(route, recordIds=ids)["records"] == [everything[1], everything[3]]


@pytest.mark.parametrize("route", ["getUserDepositRecordList", "getAppDepositRecordList"])
def test_a_list_by_address_has_the_deposits_to_it_only(route: str) -> None:
    merchant = filled(route, 5)
    _, least = LISTS[route]
    address = merchant.data(route, **least)["records"][1]["toAddress"]
    found = merchant.data(route, **least, toAddress=address)["records"]
    assert {record["toAddress"] for record in found} == {address}


REFUSED: list[tuple[str, dict[str, object], int]] = [
    ("getUserTransferRecordList", {}, 11000),
    ("getUserTransferRecordList", {"coinId": 1280}, 11000),
    ("getUserTransferRecordList", {"fromUserId": "", "toUserId": ""}, 11000),
    ("getUserTransferRecordList", {"fromUserId": "sys12"}, 11000),
    ("getUserTransferRecordList", {"fromUserId": "alice1", "orderIds": "ord-1"}, 11000),
    ("getUserTransferRecordList", {"fromUserId": "alice1", "orderIds": [5]}, 11000),
    ("getUserTransferRecordList", {"fromUserId": "alice1", "orderIds": ["ord-1"] * 100}, 10000),
    ("getUserTransferRecordList", {"fromUserId": "alice1", "orderIds": ["ord-1"] * 101}, 11010),
    ("getUserSwapRecordList", {"userId": "abc"}, 11000),
    ("getUserSwapRecordList", {"coinIdOut": 0}, 11000),
    ("getUserSwapRecordList", {"orderIds": ["ab"]}, 11000),
    ("getUserSwapRecordList", {"recordIds": [""]}, 11000),
    ("getUserSwapRecordList", {"orderIds": ["ord-1"] * 20, "recordIds": ["1"] * 20}, 10000),
    ("getUserSwapRecordList", {"orderIds": ["ord-1"] * 21}, 11010),
    ("getUserSwapRecordList", {"recordIds": ["1"] * 21}, 11010),
    ("getUserSwapRecordList", {"startAt": NOW - 92 * DAY, "endAt": NOW}, 10000),
    ("getUserSwapRecordList", {"startAt": NOW - 92 * DAY - 1, "endAt": NOW}, 11008),
    ("getUserSwapRecordList", {"startAt": NOW - 93 * DAY}, 11008),
    ("getUserDepositRecordList", {}, 11000),
    ("getUserDepositRecordList", {"coinId": 1280}, 11000),
    ("getUserDepositRecordList", {"userId": "alice1", "chain": 5}, 11000),
    ("getUserDepositRecordList", {"userId": "alice1", "startAt": 0}, 10000),
    ("getAppDepositRecordList", {"referenceId": "ref-1", "orderId": "ord-1"}, 11000),
    ("getAppDepositRecordList", {"referenceIds": ["ref-1"] * 50}, 10000),
    ("getAppDepositRecordList", {"referenceIds": ["ref-1"] * 51}, 11010),
    ("getAppDepositRecordList", {"orderIds": ["ord-1"] * 51}, 11010),
    ("getAppDepositRecordList", {"recordIds": ["1"] * 51}, 11010),
    ("getAppDepositRecordList", {"limit": 0}, 11000),
    ("getAppDepositRecordList", {"limit": 101}, 11000),
    ("getAppDepositRecordList", {"limit": "20"}, 11000),
    ("getAppDepositRecordList", {"limit": 100}, 10000),
]


@pytest.mark.parametrize(("route", "fields", "code"), REFUSED)
def test_what_a_list_refuses(route: str, fields: dict[str, object], code: int) -> None:
    assert Merchant().code(route, **fields) == code


def test_the_merchant_may_say_how_long_a_page_is() -> None:
    merchant = filled("getAppDepositRecordList", 30)
    assert [len(page) for page in pages(merchant, "getAppDepositRecordList", limit=100)] == [30]
    assert [len(page) for page in pages(merchant, "getAppDepositRecordList", limit=12)] == [12, 12, 6]
    assert len(merchant.data("getUserSwapRecordList", limit="ignored")["records"]) == 0


def test_listed_transfers_have_no_remark_and_include_failed_ones(caller: Caller) -> None:
    caller.sandbox.add_fault("failed_record", times=1)
    caller.transfer(remark="thanks")
    record = answer_of(caller.lookup())["data"]["record"]
    listed = answer_of(caller.send("getUserTransferRecordList", {"toUserId": "bob123"}))["data"]["records"]
    assert record.pop("remark") == "thanks"
    assert listed == [record]
    assert listed[0]["status"] == "Failed"


def test_a_lagging_list_lacks_the_young_records_and_the_fault_counts_only_then(caller: Caller) -> None:
    caller.sandbox.add_fault("lag", seconds=10)
    fields = {"fromUserId": "alice1"}
    assert code_of(caller.send("getUserTransferRecordList", fields)) == 10000
    assert [fault.fired for fault in caller.sandbox.faults()] == [0]
    caller.transfer()
    caller.clock.seconds += 8
    caller.transfer(orderId="ord-2")
    caller.clock.seconds += 2
    listed = answer_of(caller.send("getUserTransferRecordList", fields))["data"]["records"]
    assert [record["orderId"] for record in listed] == ["ord-1"]
    assert [fault.fired for fault in caller.sandbox.faults()] == [1]
    assert code_of(caller.send("getUserTransferRecordList", {"fromUserId": 5})) == 11000


def test_a_truncated_list_has_only_the_newest_records(caller: Caller) -> None:
    caller.sandbox.add_fault("truncated_list", keep=1)
    for number in range(3):
        caller.transfer(orderId=f"ord-{number}")
    listed = answer_of(caller.send("getUserTransferRecordList", {"fromUserId": "alice1"}))["data"]
    assert [record["orderId"] for record in listed["records"]] == ["ord-2"]
    assert listed["nextId"] == ""
