"""Webhooks about deposits: when there is one, what is in it, and its signature."""

import hashlib
import hmac
from typing import Any

import pytest

from worker.sandbox.ccpayment.api import CCPayment

from .caller import APP_ID, APP_SECRET, NOW
from .merchant import Merchant

DEPOSIT: dict[str, Any] = {"coinId": 1280, "chain": "TRX", "amount": "2.50", "txId": "tx-1"}


@pytest.fixture
def merchant() -> Merchant:
    return Merchant()


@pytest.mark.parametrize(
    ("owner", "kind", "more"),
    [
        ({"userId": "alice1"}, "UserDeposit", {"amount": "2.5"}),
        ({"referenceId": "ref-1"}, "DirectDeposit", {}),
        ({"orderId": "ord-1"}, "ApiDeposit", {}),
    ],
)
def test_a_webhook_has_the_documented_fields(
    merchant: Merchant, owner: dict[str, Any], kind: str, more: dict[str, str]
) -> None:
    record_id = merchant.control("deposit", **owner, **DEPOSIT)["recordId"]
    [message] = merchant.mailbox.messages()
    assert message == {
        "type": kind,
        "msg": {
            "recordId": record_id,
            **owner,
            "coinId": 1280,
            "coinSymbol": "USDT",
            **more,
            "status": "Success",
            "isFlaggedAsRisky": False,
        },
    }


def test_a_webhook_is_signed_like_a_request_at_the_moment_it_tells_of(merchant: Merchant) -> None:
    merchant.control("deposit", userId="alice1", **DEPOSIT, pendingSeconds=30)
    merchant.clock.seconds += 100
    merchant.provider.advance(merchant.clock.seconds)
    assert [(sent.kind, sent.at) for sent in merchant.mailbox.sent] == [("ccpayment", NOW), ("ccpayment", NOW + 30)]
    for sent in merchant.mailbox.sent:
        assert sent.headers["Content-Type"] == "application/json"
        assert (sent.headers["Appid"], sent.headers["Timestamp"]) == (APP_ID, str(int(sent.at)))
        text = APP_ID.encode() + sent.headers["Timestamp"].encode() + sent.body
        assert sent.headers["Sign"] == hmac.new(APP_SECRET.encode(), text, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("more", "statuses"),
    [
        ({}, ["Success"]),
        ({"fails": True}, ["Failed"]),
        ({"risky": True}, ["Success"]),
        ({"pendingSeconds": 30}, ["Processing", "Success"]),
        ({"pendingSeconds": 30, "fails": True}, ["Processing", "Failed"]),
        ({"pendingSeconds": 30, "processingWebhook": False}, ["Success"]),
        ({"lost": True}, []),
    ],
)
def test_a_webhook_tells_of_every_status_that_it_is_asked_to(
    merchant: Merchant, more: dict[str, Any], statuses: list[str]
) -> None:
    merchant.control("deposit", userId="alice1", **DEPOSIT, **more)
    merchant.clock.seconds += 30
    merchant.provider.advance(merchant.clock.seconds)
    messages = merchant.mailbox.messages()
    assert [message["msg"]["status"] for message in messages] == statuses
    assert {message["msg"]["isFlaggedAsRisky"] for message in messages} <= {"risky" in more}


def test_a_found_deposit_is_told_of_when_it_is_found_and_when_it_is_done(merchant: Merchant) -> None:
    lost = {"lost": True, "foundAfterSeconds": 10, "pendingSeconds": 30}
    address = merchant.control("deposit", userId="alice1", **DEPOSIT, **lost)["toAddress"]
    merchant.clock.seconds += 1000
    merchant.data("rescanLostTransaction", chain="TRX", toAddress=address, txId="tx-1")
    merchant.clock.seconds += 1000
    merchant.provider.advance(merchant.clock.seconds)
    assert [sent.at for sent in merchant.mailbox.sent] == [NOW + 1010, NOW + 1040]
    [record] = merchant.data("getUserDepositRecordList", userId="alice1")["records"]
    assert {message["msg"]["recordId"] for message in merchant.mailbox.messages()} == {record["recordId"]}


def test_transfers_and_swaps_have_no_webhooks(merchant: Merchant) -> None:
    merchant.provider.fund("alice1", 1280, "100")
    fields = {"fromUserId": "alice1", "toUserId": "bob123", "coinId": 1280, "amount": "2", "orderId": "ord-1"}
    assert merchant.code("userTransfer", **fields) == 10000
    swap = {"userId": "alice1", "coinIdIn": 1280, "amountIn": "50", "coinIdOut": 1482, "orderId": "ord-2"}
    assert merchant.code("userSwap", **swap) == 10000
    assert merchant.mailbox.sent == []


def test_without_a_carrier_there_are_no_webhooks() -> None:
    provider = CCPayment(APP_ID, APP_SECRET)
    assert provider.controls["deposit"]({"userId": "alice1", **DEPOSIT}, NOW)["recordId"] is not None
