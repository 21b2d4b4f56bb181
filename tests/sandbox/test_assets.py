"""Balances of the merchant and of users, and the provider's habit of printing them blank."""

from typing import Any

import pytest

from worker.sandbox.errors import InputError

from .caller import APP_ID
from .merchant import Merchant


@pytest.fixture
def merchant() -> Merchant:
    merchant = Merchant()
    merchant.provider.fund(APP_ID, 1864, "7.50")
    merchant.provider.fund(APP_ID, 1280, "3")
    merchant.provider.fund("alice1", 1280, "2")
    return merchant


def asset(coin_id: int, symbol: str, available: str) -> dict[str, object]:
    return {"coinId": coin_id, "coinSymbol": symbol, "available": available}


def test_the_merchant_has_what_its_app_id_has(merchant: Merchant) -> None:
    assert merchant.data("getAppCoinAssetList") == {"assets": [asset(1280, "USDT", "3"), asset(1864, "SHIB", "7.5")]}
    assert merchant.data("getAppCoinAsset", coinId=1864) == {"asset": asset(1864, "SHIB", "7.5")}
    assert merchant.data("getAppCoinAsset", coinId=1329) == {"asset": asset(1329, "MATIC", "0")}


def test_a_users_coin_stays_listed_when_it_is_spent(merchant: Merchant) -> None:
    fields = {"fromUserId": "alice1", "toUserId": "bob123", "coinId": 1280, "amount": "2", "orderId": "ord-1"}
    merchant.send("userTransfer", **fields)
    assert merchant.data("getUserCoinAssetList", userId="alice1") == {
        "userId": "alice1",
        "assets": [asset(1280, "USDT", "0")],
    }
    assert merchant.data("getUserCoinAsset", userId="bob123", coinId=1280) == {
        "userId": "bob123",
        "asset": asset(1280, "USDT", "2"),
    }


def test_somebody_unknown_has_nothing(merchant: Merchant) -> None:
    assert merchant.data("getUserCoinAssetList", userId="nobody") == {"userId": "nobody", "assets": []}
    assert merchant.balance("nobody", 1280) == "0"


def test_the_merchants_balances_can_be_blank_and_its_users_are_not(merchant: Merchant) -> None:
    assert merchant.control("balances", blank=True) == {"blank": True}
    assert merchant.data("getAppCoinAsset", coinId=1280)["asset"]["available"] == ""
    assert {listed["available"] for listed in merchant.data("getAppCoinAssetList")["assets"]} == {""}
    assert merchant.balance("alice1", 1280) == "2"
    merchant.control("balances", blank=False)
    assert merchant.data("getAppCoinAsset", coinId=1280)["asset"]["available"] == "3"


@pytest.mark.parametrize(
    ("route", "fields", "code"),
    [
        ("getAppCoinAsset", {}, 11000),
        ("getAppCoinAsset", {"coinId": "1280"}, 11000),
        ("getAppCoinAsset", {"coinId": 9}, 13000),
        ("getUserCoinAssetList", {}, 11000),
        ("getUserCoinAssetList", {"userId": "abcd"}, 11000),
        ("getUserCoinAsset", {"coinId": 1280}, 11000),
        ("getUserCoinAsset", {"userId": "alice1"}, 11000),
        ("getUserCoinAsset", {"userId": 12345, "coinId": 1280}, 11000),
        ("getUserCoinAsset", {"userId": "alice1", "coinId": 9}, 13000),
    ],
)
def test_what_is_refused(merchant: Merchant, route: str, fields: dict[str, object], code: int) -> None:
    assert merchant.code(route, **fields) == code


@pytest.mark.parametrize(("fields", "field"), [({}, "blank"), ({"blank": 1}, "blank"), ({"x": True}, "x")])
def test_a_control_that_makes_no_sense_is_refused(merchant: Merchant, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as refused:
        merchant.control("balances", **fields)
    assert refused.value.field == field
