"""Coins, prices and chains: what is listed, what a control changes, what is refused."""

from typing import Any

import pytest

from worker.sandbox.ccpayment.chains import CHAINS
from worker.sandbox.ccpayment.coins import COINS
from worker.sandbox.errors import InputError

from .merchant import Merchant


@pytest.fixture
def merchant() -> Merchant:
    return Merchant()


def test_a_coin_is_an_object_and_its_networks_a_map_by_chain(merchant: Merchant) -> None:
    coin = merchant.data("getCoin", coinId=1329)["coin"]
    polygon = coin["networks"].pop("POLYGON")
    assert [*coin["networks"]] == ["BSC", "ETH"]
    assert {name: value for name, value in coin.items() if name != "networks"} == {
        "coinId": 1329,
        "symbol": "MATIC",
        "coinFullName": "Matic Token",
        "logoUrl": "https://resource.cwallet.com/token/icon/matic.png",
        "status": "Normal",
        "price": "1.1683",
    }
    assert polygon == {
        "chain": "POLYGON",
        "chainFullName": "Polygon",
        "contract": "137",
        "precision": 18,
        "canDeposit": True,
        "canWithdraw": True,
        "minimumDepositAmount": "0",
        "minimumWithdrawAmount": "0.025",
        "maximumWithdrawAmount": "0",
        "isSupportMemo": False,
    }


def test_every_coin_is_listed_as_it_is_alone(merchant: Merchant) -> None:
    listed = merchant.data("getCoinList")["coins"]
    assert [coin["coinId"] for coin in listed] == [*COINS]
    assert listed == [merchant.data("getCoin", coinId=coin_id)["coin"] for coin_id in COINS]


def test_every_network_is_of_a_chain_and_the_memo_is_the_chains_matter(merchant: Merchant) -> None:
    for coin in merchant.data("getCoinList")["coins"]:
        for chain, network in coin["networks"].items():
            assert network["chain"] == chain
            assert network["isSupportMemo"] is CHAINS[chain].needs_memo
    assert merchant.data("getCoin", coinId=9002)["coin"]["networks"]["XLM"]["isSupportMemo"] is True


@pytest.mark.parametrize(
    ("status", "can_deposit", "can_withdraw"),
    [
        ("Normal", True, True),
        ("Maintain", True, False),
        ("Pre-delisting", False, True),
        ("Delisted", False, False),
    ],
)
def test_a_coins_status_says_what_is_suspended(
    merchant: Merchant, status: str, can_deposit: bool, can_withdraw: bool
) -> None:
    assert merchant.control("coin", coinId=1280, status=status)["status"] == status
    coin = merchant.data("getCoin", coinId=1280)["coin"]
    assert coin["status"] == status
    flags = {(network["canDeposit"], network["canWithdraw"]) for network in coin["networks"].values()}
    assert flags == {(can_deposit, can_withdraw)}
    assert merchant.data("getCoin", coinId=1207)["coin"]["status"] == "Normal"


def test_prices_are_texts_by_the_text_of_the_id(merchant: Merchant) -> None:
    assert merchant.data("getCoinUSDTPrice", coinIds=[1329, 1280]) == {"prices": {"1329": "1.1683", "1280": "1"}}


def test_a_price_can_be_changed_and_values_transfers_too(merchant: Merchant) -> None:
    answer = merchant.control("coin", coinId=1482, priceUsdt="2.50")
    assert answer == {"coinId": 1482, "priceUsdt": "2.5", "status": "Normal", "canSwap": True}
    assert merchant.data("getCoinUSDTPrice", coinIds=[1482])["prices"] == {"1482": "2.5"}
    assert merchant.data("getCoin", coinId=1482)["coin"]["price"] == "2.5"
    merchant.provider.fund("alice1", 1482, "1")
    fields = {"fromUserId": "alice1", "toUserId": "bob123", "coinId": 1482, "orderId": "ord-1"}
    assert merchant.code("userTransfer", **fields, amount="0.000399") == 14005
    assert merchant.code("userTransfer", **fields, amount="0.0004") == 10000


def test_chains_are_listed_all_or_by_symbol(merchant: Merchant) -> None:
    assert [chain["chain"] for chain in merchant.data("getChainList")["chains"]] == [*CHAINS]
    assert [*merchant.data("getChainList", chains=[])["chains"]] == merchant.data("getChainList")["chains"]
    [chain] = merchant.data("getChainList", chains=["XLM"])["chains"]
    assert chain == {
        "chain": "XLM",
        "chainFullName": "Stellar",
        "explorer": "https://stellarchain.io",
        "logoUrl": "https://resource.cwallet.com/chain/icon/xlm.png",
        "status": "Normal",
        "baseUrl": "https://stellarchain.io/transactions/%s",
        "isEVM": False,
        "supportMemo": True,
        "confirmations": 1,
    }


@pytest.mark.parametrize(
    ("route", "fields", "code"),
    [
        ("getCoin", {}, 11000),
        ("getCoin", {"coinId": "1280"}, 11000),
        ("getCoin", {"coinId": True}, 11000),
        ("getCoin", {"coinId": None}, 11000),
        ("getCoin", {"coinId": 9}, 13000),
        ("getCoinUSDTPrice", {}, 11000),
        ("getCoinUSDTPrice", {"coinIds": []}, 11000),
        ("getCoinUSDTPrice", {"coinIds": 1280}, 11000),
        ("getCoinUSDTPrice", {"coinIds": ["1280"]}, 11000),
        ("getCoinUSDTPrice", {"coinIds": [1280, None]}, 11000),
        ("getCoinUSDTPrice", {"coinIds": [1280, 9]}, 13000),
        ("getCoinUSDTPrice", {"coinIds": [1280] * 100}, 10000),
        ("getCoinUSDTPrice", {"coinIds": [1280] * 101}, 11010),
        ("getChainList", {"chains": "TRX"}, 11000),
        ("getChainList", {"chains": [5]}, 11000),
        ("getChainList", {"chains": ["TRX", "TRC20"]}, 13001),
    ],
)
def test_what_is_refused(merchant: Merchant, route: str, fields: dict[str, object], code: int) -> None:
    assert merchant.code(route, **fields) == code


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "coinId"),
        ({"coinId": 9}, "coinId"),
        ({"coinId": "1280"}, "coinId"),
        ({"coinId": 1280, "status": "normal"}, "status"),
        ({"coinId": 1280, "status": 1}, "status"),
        ({"coinId": 1280, "status": ["Normal"]}, "status"),
        ({"coinId": 1280, "priceUsdt": "0"}, "priceUsdt"),
        ({"coinId": 1280, "priceUsdt": 1}, "priceUsdt"),
        ({"coinId": 1280, "priceUsdt": "1" * 41}, "priceUsdt"),
        ({"coinId": 1280, "canSwap": "no"}, "canSwap"),
        ({"coinId": 1280, "price": "1"}, "price"),
    ],
)
def test_a_control_that_makes_no_sense_is_refused(merchant: Merchant, fields: dict[str, Any], field: str) -> None:
    before = merchant.data("getCoinList")
    with pytest.raises(InputError) as refused:
        merchant.control("coin", **fields)
    assert refused.value.field == field
    assert merchant.data("getCoinList") == before
