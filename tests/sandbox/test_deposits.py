"""Deposits: addresses, arrival, credit, records, loss and rescan."""

from decimal import Decimal
from typing import Any

import pytest

from worker.sandbox.ccpayment.addresses import SPELLINGS
from worker.sandbox.ccpayment.chains import CHAINS
from worker.sandbox.errors import InputError

from .caller import APP_ID, NOW
from .merchant import Merchant


def deposit_fields(**changes: object) -> dict[str, Any]:
    """2.5 USDT on TRX for alice1."""
    fields = {"userId": "alice1", "coinId": 1280, "chain": "TRX", "amount": "2.50", "txId": "tx-1"}
    return {**fields, **changes}


@pytest.fixture
def merchant() -> Merchant:
    return Merchant()


def record_of(merchant: Merchant, record_id: str) -> dict[str, Any]:
    record = merchant.data("getUserDepositRecord", recordId=record_id)["record"]
    assert isinstance(record, dict)
    return record


def test_a_deposit_is_credited_less_the_service_fee(merchant: Merchant) -> None:
    address = merchant.data("getOrCreateUserDepositAddress", userId="alice1", chain="TRX")
    answer = merchant.control("deposit", **deposit_fields())
    assert merchant.balance("alice1", 1280) == "2.4875"
    record = record_of(merchant, answer["recordId"])
    assert record == {
        "userId": "alice1",
        "recordId": answer["recordId"],
        "coinId": 1280,
        "coinSymbol": "USDT",
        "chain": "TRX",
        "contract": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
        "coinUSDPrice": "1",
        "fromAddress": record["fromAddress"],
        "toAddress": address["address"],
        "toMemo": "",
        "amount": "2.5",
        "serviceFee": "0.0125",
        "txId": "tx-1",
        "status": "Success",
        "arrivedAt": NOW,
        "isFlaggedAsRisky": False,
    }
    assert (len(record["fromAddress"]), record["fromAddress"][0]) == (34, "T")
    assert answer == {
        "recordId": record["recordId"],
        "toAddress": address["address"],
        "toMemo": "",
        "serviceFee": "0.0125",
    }
    assert merchant.data("getUserDepositRecordList", userId="alice1")["records"] == [record]


@pytest.mark.parametrize("owner", [{"referenceId": "ref-1"}, {"orderId": "ord-1"}])
def test_a_deposit_by_reference_or_order_is_the_merchants(merchant: Merchant, owner: dict[str, str]) -> None:
    fields = {"coinId": 1280, "chain": "TRX", "amount": "2", "txId": "tx-1", "txIndex": 3}
    record_id = merchant.control("deposit", **owner, **fields)["recordId"]
    assert merchant.balance(APP_ID, 1280) == "1.99"
    record = merchant.data("getAppDepositRecord", recordId=record_id)["record"]
    assert next(iter(record)) == next(iter(owner))
    assert (record["txIndex"], record["amount"], record["serviceFee"]) == (3, "2", "0.01")
    assert {"referenceId", "orderId"} & record.keys() == owner.keys()
    assert merchant.data("getAppDepositRecordList")["records"] == [record]
    assert merchant.code("getUserDepositRecord", recordId=record_id) == 11003


def test_a_users_deposit_is_none_of_the_merchants(merchant: Merchant) -> None:
    record_id = merchant.control("deposit", **deposit_fields())["recordId"]
    assert merchant.code("getAppDepositRecord", recordId=record_id) == 11003
    assert merchant.data("getAppDepositRecordList")["records"] == []


@pytest.mark.parametrize(
    ("more", "status", "arrived_at", "left"),
    [
        ({}, "Success", NOW + 30, "2.4875"),
        ({"fails": True}, "Failed", 0, "0"),
        ({"risky": True}, "Success", NOW + 30, "0"),
    ],
)
def test_a_deposit_can_be_under_way_for_a_while(
    merchant: Merchant, more: dict[str, object], status: str, arrived_at: int, left: str
) -> None:
    record_id = merchant.control("deposit", **deposit_fields(pendingSeconds=30, **more))["recordId"]
    merchant.clock.seconds += 29.9
    record = record_of(merchant, record_id)
    assert (record["status"], record["arrivedAt"]) == ("Processing", 0)
    assert merchant.balance("alice1", 1280) == "0"
    merchant.clock.seconds += 0.1
    record = record_of(merchant, record_id)
    assert (record["status"], record["arrivedAt"]) == (status, arrived_at)
    assert record["isFlaggedAsRisky"] is ("risky" in more)
    assert merchant.balance("alice1", 1280) == left


def test_a_fee_beyond_18_decimals_is_rounded(merchant: Merchant) -> None:
    fields = {"coinId": 1329, "chain": "ETH", "amount": "0.000000000000000300"}
    assert merchant.control("deposit", **deposit_fields(**fields))["serviceFee"] == "0.000000000000000002"
    assert merchant.books.balance("alice1", 1329) == Decimal("2.98e-16")


def test_a_chain_with_many_payers_names_none_and_one_with_memos_names_the_owner(merchant: Merchant) -> None:
    on_btc = merchant.control("deposit", **deposit_fields(coinId=9001, chain="BTC"))["recordId"]
    assert "fromAddress" not in record_of(merchant, on_btc)
    on_xlm = merchant.control("deposit", **deposit_fields(coinId=9002, chain="XLM"))["recordId"]
    address = merchant.data("getOrCreateUserDepositAddress", userId="alice1", chain="XLM")
    record = record_of(merchant, on_xlm)
    assert {"address": record["toAddress"], "memo": record["toMemo"]} == address
    assert address["memo"].isdecimal()


def test_an_address_and_a_memo_may_be_given(merchant: Merchant) -> None:
    fields = deposit_fields(toAddress="T-somewhere", memo="109")
    record = record_of(merchant, merchant.control("deposit", **fields)["recordId"])
    assert (record["toAddress"], record["toMemo"]) == ("T-somewhere", "109")


def test_several_outputs_of_one_transaction_are_several_deposits(merchant: Merchant) -> None:
    merchant.control("deposit", **deposit_fields())
    merchant.control("deposit", **deposit_fields(txIndex=1))
    with pytest.raises(InputError) as refused:
        merchant.control("deposit", **deposit_fields(txIndex=1, userId="bob123"))
    assert refused.value.field == "txIndex"
    assert merchant.balance("alice1", 1280) == "4.975"


@pytest.mark.parametrize(
    ("route", "name", "owners"),
    [
        ("getOrCreateUserDepositAddress", "userId", ("alice1", "bob123")),
        ("getOrCreateAppDepositAddress", "referenceId", ("alice1", "ref-1")),
    ],
)
@pytest.mark.parametrize("chain", CHAINS)
def test_an_owner_has_one_address_for_ever(
    merchant: Merchant, route: str, name: str, owners: tuple[str, str], chain: str
) -> None:
    first, other = (merchant.data(route, **{name: owner}, chain=chain, notifyUrl="https://a.b/c") for owner in owners)
    assert first != other
    assert (first["address"] == other["address"]) is CHAINS[chain].needs_memo
    assert (first["memo"] != "") is CHAINS[chain].needs_memo
    again = Merchant()
    again.clock.seconds += 999
    assert again.data(route, **{name: owners[0]}, chain=chain) == first


def test_a_user_and_a_reference_of_one_name_are_two_owners(merchant: Merchant) -> None:
    user = merchant.data("getOrCreateUserDepositAddress", userId="alice1", chain="TRX")
    assert merchant.data("getOrCreateAppDepositAddress", referenceId="alice1", chain="TRX") != user


def test_evm_chains_share_an_address_and_every_chain_has_a_spelling(merchant: Merchant) -> None:
    chains = [chain.symbol for chain in CHAINS.values() if chain.is_evm]
    addresses = {
        merchant.data("getOrCreateUserDepositAddress", userId="alice1", chain=chain)["address"] for chain in chains
    }
    assert len(addresses) == 1
    assert len(addresses.pop()) == 42
    assert SPELLINGS.keys() == {"EVM", *(CHAINS.keys() - {*chains})}


def test_addresses_are_limited_for_each_of_the_two_routes(merchant: Merchant) -> None:
    for number in range(1000):
        merchant.data("getOrCreateUserDepositAddress", userId=f"user-{number}", chain="TRX")
    assert merchant.code("getOrCreateUserDepositAddress", userId="user-1000", chain="TRX") == 15001
    assert merchant.code("getOrCreateUserDepositAddress", userId="user-0", chain="ETH") == 15001
    assert merchant.code("getOrCreateUserDepositAddress", userId="user-0", chain="TRX") == 10000
    assert merchant.code("getOrCreateAppDepositAddress", referenceId="user-1000", chain="TRX") == 10000


def rescan(merchant: Merchant, **changes: object) -> dict[str, Any]:
    address = merchant.data("getOrCreateUserDepositAddress", userId="alice1", chain="TRX")["address"]
    fields = {"chain": "TRX", "toAddress": address, "txId": "tx-1", **changes}
    return merchant.data("rescanLostTransaction", **fields)


def listed(merchant: Merchant) -> list[dict[str, Any]]:
    records = merchant.data("getUserDepositRecordList", userId="alice1")["records"]
    assert isinstance(records, list)
    return records


def test_a_lost_deposit_appears_after_a_rescan(merchant: Merchant) -> None:
    fields = deposit_fields(lost=True, foundAfterSeconds=20, pendingSeconds=30)
    assert merchant.control("deposit", **fields)["recordId"] is None
    merchant.clock.seconds += 5000
    assert (listed(merchant), merchant.balance("alice1", 1280)) == ([], "0")
    text = "The deposit has been rescanned. Please wait for the transaction to be credited."
    assert rescan(merchant) == {"description": text}
    merchant.clock.seconds += 19.9
    assert listed(merchant) == []
    merchant.clock.seconds += 0.1
    [record] = listed(merchant)
    assert (record["status"], record["txId"]) == ("Processing", "tx-1")
    merchant.clock.seconds += 30
    [record] = listed(merchant)
    assert (record["status"], record["arrivedAt"]) == ("Success", NOW + 5050)
    assert merchant.balance("alice1", 1280) == "2.4875"


def test_a_rescan_may_be_repeated_and_may_be_in_vain(merchant: Merchant) -> None:
    merchant.control("deposit", **deposit_fields(lost=True))
    merchant.control("deposit", **deposit_fields(lost=True, txIndex=1))
    answers = [rescan(merchant) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2] == rescan(merchant, txId="tx-9", toAddress="nowhere")
    assert len(listed(merchant)) == 2
    assert merchant.balance("alice1", 1280) == "4.975"


def test_a_rescan_finds_a_hash_in_either_case_and_another_id_in_its_own_alone(merchant: Merchant) -> None:
    merchant.control("deposit", **deposit_fields(lost=True, txId="0xAB12"))
    merchant.control("deposit", **deposit_fields(lost=True, txId="Tx-2"))
    rescan(merchant, txId="0xab12")
    rescan(merchant, txId="tx-2")
    assert [record["txId"] for record in listed(merchant)] == ["0xAB12"]


def test_a_rescan_finds_by_the_exact_address_and_by_the_memo_if_there_is_one(merchant: Merchant) -> None:
    merchant.control("deposit", **deposit_fields(lost=True, toAddress="G-common", memo="109"))
    rescan(merchant, toAddress="G-other")
    rescan(merchant, toAddress="G-common", memo="110")
    rescan(merchant, toAddress="G-common", chain="ETH")
    assert listed(merchant) == []
    rescan(merchant, toAddress="G-common", memo="109")
    assert len(listed(merchant)) == 1


def test_a_lost_output_cannot_be_deposited_again(merchant: Merchant) -> None:
    merchant.control("deposit", **deposit_fields(lost=True))
    with pytest.raises(InputError):
        merchant.control("deposit", **deposit_fields())


@pytest.mark.parametrize(
    ("route", "fields", "code"),
    [
        ("getUserDepositRecord", {}, 11000),
        ("getUserDepositRecord", {"recordId": 5}, 11000),
        ("getUserDepositRecord", {"recordId": ""}, 11000),
        ("getUserDepositRecord", {"recordId": "1" * 33}, 11003),
        ("getAppDepositRecord", {}, 11000),
        ("getAppDepositRecord", {"recordId": "1" * 33}, 11003),
        ("getOrCreateUserDepositAddress", {"chain": "TRX"}, 11000),
        ("getOrCreateUserDepositAddress", {"userId": "abcd", "chain": "TRX"}, 11000),
        ("getOrCreateUserDepositAddress", {"userId": "alice1"}, 11000),
        ("getOrCreateUserDepositAddress", {"userId": "alice1", "chain": 5}, 11000),
        ("getOrCreateUserDepositAddress", {"userId": "alice1", "chain": "TRX", "notifyUrl": "ftp://x"}, 11000),
        (
            "getOrCreateUserDepositAddress",
            {"userId": "alice1", "chain": "TRX", "notifyUrl": "https://" + "x" * 143},
            11000,
        ),
        ("getOrCreateUserDepositAddress", {"userId": "alice1", "chain": "TRC20"}, 13001),
        ("getOrCreateAppDepositAddress", {"referenceId": "ab", "chain": "TRX"}, 11000),
        ("getOrCreateAppDepositAddress", {"referenceId": "ref-1", "chain": "TRC20"}, 13001),
        ("rescanLostTransaction", {"toAddress": "T1", "txId": "tx-1"}, 11000),
        ("rescanLostTransaction", {"chain": "TRX", "txId": "tx-1"}, 11000),
        ("rescanLostTransaction", {"chain": "TRX", "toAddress": "T1", "txId": ""}, 11000),
        ("rescanLostTransaction", {"chain": "TRX", "toAddress": "T1", "txId": "tx-1", "memo": 109}, 11000),
        ("rescanLostTransaction", {"chain": "TRC20", "toAddress": "T1", "txId": "tx-1"}, 13001),
    ],
)
def test_what_is_refused(merchant: Merchant, route: str, fields: dict[str, object], code: int) -> None:
    assert merchant.code(route, **fields) == code


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"userId": "abcd"}, "userId"),
        ({"referenceId": "ref-1"}, "userId"),
        ({"coinId": "1280"}, "coinId"),
        ({"coinId": 9}, "coinId"),
        ({"chain": "XLM"}, "chain"),
        ({"amount": 2}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "0.0000001"}, "amount"),
        ({"txId": ""}, "txId"),
        ({"txIndex": -1}, "txIndex"),
        ({"risky": "yes"}, "risky"),
        ({"pendingSeconds": -1}, "pendingSeconds"),
        ({"foundAfterSeconds": 5}, "foundAfterSeconds"),
        ({"user": "alice1"}, "user"),
    ],
)
def test_a_deposit_that_makes_no_sense_is_refused(merchant: Merchant, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as refused:
        merchant.control("deposit", **deposit_fields(**changes))
    assert refused.value.field == field
    assert merchant.books.deposits() == []


def test_a_flag_that_is_lifted_makes_money_of_a_deposit_and_one_that_is_set_takes_what_is_left(
    merchant: Merchant,
) -> None:
    record_id = merchant.control("deposit", **deposit_fields(risky=True))["recordId"]
    assert merchant.balance("alice1", 1280) == "0"
    lifted = merchant.control("change-deposit", recordId=record_id, risky=False)
    assert lifted == {"status": "Success", "risky": False}
    assert (merchant.balance("alice1", 1280), record_of(merchant, record_id)["isFlaggedAsRisky"]) == ("2.4875", False)
    merchant.control("change-deposit", recordId=record_id, fails=True)
    assert (merchant.balance("alice1", 1280), record_of(merchant, record_id)["status"]) == ("0", "Failed")
    merchant.control("change-deposit", recordId=record_id, fails=False, amount="3")
    assert (merchant.balance("alice1", 1280), record_of(merchant, record_id)["amount"]) == ("2.9875", "3")


def test_a_deposit_that_is_under_way_does_not_change(merchant: Merchant) -> None:
    record_id = merchant.control("deposit", **deposit_fields(pendingSeconds=5))["recordId"]
    for changed in (record_id, "nobody's"):
        with pytest.raises(InputError, match="recordId"):
            merchant.control("change-deposit", recordId=changed, fails=True)
    merchant.clock.seconds += 5
    with pytest.raises(InputError, match="amount"):
        merchant.control("change-deposit", recordId=record_id, amount="0.01")
