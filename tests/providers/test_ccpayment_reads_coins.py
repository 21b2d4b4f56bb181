"""CCPayment's coins, prices, chains and balances, field by field from the provider's own samples."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.providers.test_ccpayment_reads import answering, changed, without
from worker.providers.ccpayment.api import Api, ReadFailed
from worker.providers.ccpayment.assets import Asset, app_asset, app_assets, user_asset, user_assets
from worker.providers.ccpayment.coins import Chain, Network, chains, coin, coin_list, prices

LINK_BSC: dict[str, Any] = {
    "chain": "BSC",
    "chainFullName": "Binance Smart Chain",
    "contract": "0xf8a0bf9cf54bb92f17374d9e9a321e6a111a51bd",
    "precision": 18,
    "canDeposit": True,
    "canWithdraw": True,
    "minimumDepositAmount": "0",
    "minimumWithdrawAmount": "0.025",
    "maximumWithdrawAmount": "0",
    "isSupportMemo": False,
}
LINK: dict[str, Any] = {
    "coinId": 1207,
    "symbol": "LINK",
    "coinFullName": "ChainLink Token",
    "logoUrl": "https://resource.cwallet.com/token/icon/link.png",
    "status": "Normal",
    "networks": {
        "BSC": LINK_BSC,
        "ETH": changed(LINK_BSC, chain="ETH", contract="0x514910771af9ca656af840dff83e8264ecf986ca"),
    },
}
MATIC_POLYGON = changed(LINK_BSC, chain="POLYGON", chainFullName="Polygon", contract="137")
MATIC: dict[str, Any] = {
    "coinId": 1329,
    "symbol": "MATIC",
    "coinFullName": "Matic Token",
    "logoUrl": "https://resource.cwallet.com/token/icon/matic.png",
    "status": "Normal",
    "networks": {"POLYGON": MATIC_POLYGON},
}

# ---------------------------------------------------------------- coins


async def test_the_coin_list_is_read_field_by_field() -> None:
    api, asked = answering({"coins": [LINK, MATIC]})
    link, matic = await coin_list(api)
    assert (asked.routes, asked.bodies) == (["getCoinList"], [b""])
    assert (link.coin_id, link.symbol, link.coin_full_name, link.status) == (
        1207,
        "LINK",
        "ChainLink Token",
        "Normal",
    )
    assert link.logo_url == "https://resource.cwallet.com/token/icon/link.png"
    assert link.price is None
    assert link.networks.keys() == {"BSC", "ETH"}
    assert link.networks["BSC"].model_dump() == {
        "chain": "BSC",
        "chain_full_name": "Binance Smart Chain",
        "contract": "0xf8a0bf9cf54bb92f17374d9e9a321e6a111a51bd",
        "precision": 18,
        "can_deposit": True,
        "can_withdraw": True,
        "minimum_deposit_amount": Decimal(0),
        "minimum_withdraw_amount": Decimal("0.025"),
        "maximum_withdraw_amount": Decimal(0),
        "needs_memo": False,
    }
    assert matic.networks["POLYGON"].contract == "137"


@pytest.mark.parametrize("given", [MATIC, [MATIC]], ids=["an object, as in the sample", "an array, as in the table"])
async def test_one_coin_is_an_object_or_an_array_of_one(given: object) -> None:
    api, asked = answering({"coin": given})
    found = await coin(api, 1329)
    assert (asked.routes, asked.bodies) == (["getCoin"], [b'{"coinId":1329}'])
    assert (found.coin_id, found.symbol) == (1329, "MATIC")
    assert isinstance(found.networks["POLYGON"], Network)


@pytest.mark.parametrize("given", [[], [MATIC, MATIC], None, {}, "MATIC", changed(MATIC, coinId=1330)])
async def test_anything_else_is_no_coin(given: object) -> None:
    api, _ = answering({"coin": given})
    with pytest.raises(ReadFailed, match=r"^getCoin: "):
        await coin(api, 1329)


@pytest.mark.parametrize("status", ["Normal", "Maintain", "Pre-delisting", "Delisted", "normal", "Frozen"])
async def test_a_coins_status_is_kept_as_text(status: str) -> None:
    api, _ = answering({"coin": changed(MATIC, status=status)})
    assert (await coin(api, 1329)).status == status


async def test_a_coin_may_have_a_price_and_no_networks() -> None:
    api, _ = answering({"coins": [changed(LINK, price="14.25", networks={}), changed(LINK, price="", networks=None)]})
    first, second = await coin_list(api)
    assert (first.price, first.networks) == (Decimal("14.25"), {})
    assert (second.price, second.networks) == (None, {})


WRONG_COINS: dict[str, tuple[object, str]] = {
    "no list": ({}, "coins"),
    "a map": ({"coins": {"1207": LINK}}, "coins"),
    "text": ({"coins": "LINK"}, "coins"),
    "an id as text": ({"coins": [changed(LINK, coinId="1207")]}, r"coins\.0\.coinId"),
    "an id of zero": ({"coins": [changed(LINK, coinId=0)]}, r"coins\.0\.coinId"),
    "an id that is true": ({"coins": [changed(LINK, coinId=True)]}, r"coins\.0\.coinId"),
    "no symbol": ({"coins": [LINK, without(LINK, "symbol")]}, r"coins\.1\.symbol"),
    "no networks": ({"coins": [without(LINK, "networks")]}, r"coins\.0\.networks"),
    "networks as an array": ({"coins": [changed(LINK, networks=[LINK_BSC])]}, r"coins\.0\.networks"),
    "a price that is a number": ({"coins": [changed(LINK, price=14.25)]}, r"coins\.0\.price"),
    "precision as text": (
        {"coins": [changed(LINK, networks={"BSC": changed(LINK_BSC, precision="18")})]},
        r"coins\.0\.networks\.BSC\.precision",
    ),
    "a flag as text": (
        {"coins": [changed(LINK, networks={"BSC": changed(LINK_BSC, canDeposit="true")})]},
        r"coins\.0\.networks\.BSC\.canDeposit",
    ),
    "no memo flag": (
        {"coins": [changed(LINK, networks={"BSC": without(LINK_BSC, "isSupportMemo")})]},
        r"coins\.0\.networks\.BSC\.isSupportMemo",
    ),
    "a limit with an exponent": (
        {"coins": [changed(LINK, networks={"BSC": changed(LINK_BSC, minimumWithdrawAmount="25e-3")})]},
        r"coins\.0\.networks\.BSC\.minimumWithdrawAmount",
    ),
}


@pytest.mark.parametrize(("data", "where"), WRONG_COINS.values(), ids=WRONG_COINS.keys())
async def test_a_malformed_coin_list_is_refused_with_the_first_wrong_field(data: object, where: str) -> None:
    api, _ = answering(data)
    with pytest.raises(ReadFailed, match=rf"^getCoinList: the answer's field {where} is missing or malformed$"):
        await coin_list(api)


# ---------------------------------------------------------------- prices


async def test_prices_come_by_coin_id() -> None:
    api, asked = answering({"prices": {"1329": "1.1683", "1864": "0.00002731"}})
    assert await prices(api, [1329, 1864]) == {1329: Decimal("1.1683"), 1864: Decimal("0.00002731")}
    assert (asked.routes, asked.bodies) == (["getCoinUSDTPrice"], [b'{"coinIds":[1329,1864]}'])


@pytest.mark.parametrize("given", [{}, None, {"1329": ""}, {"1329": None}])
async def test_a_price_that_is_not_known_is_left_out_and_never_zero(given: object) -> None:
    api, _ = answering({"prices": given})
    assert await prices(api, [1329]) == {}


@pytest.mark.parametrize(
    "data", [{}, {"prices": []}, {"prices": {"1329": 1.1683}}, {"prices": {"1329": "1,1"}}, {"prices": {"1330": "1"}}]
)
async def test_prices_of_another_kind_or_coin_are_refused(data: object) -> None:
    api, _ = answering(data)
    with pytest.raises(ReadFailed, match=r"^getCoinUSDTPrice: "):
        await prices(api, [1329])


# ---------------------------------------------------------------- chains

POLYGON: dict[str, Any] = {
    "chain": "POLYGON",
    "chainFullName": "Polygon",
    "explorer": "https://polygonscan.com",
    "logoUrl": "https://resource.cwallet.com/token/icon/matic.png",
    "status": "Normal",
    "baseUrl": "https://polygonscan.com/tx/%s",
    "isEVM": True,
    "supportMemo": False,
}


async def test_the_chains_are_read_field_by_field() -> None:
    api, asked = answering({"chains": [POLYGON]})
    [found] = await chains(api)
    assert (asked.routes, asked.bodies) == (["getChainList"], [b""])
    assert found.model_dump() == {
        "chain": "POLYGON",
        "chain_full_name": "Polygon",
        "explorer": "https://polygonscan.com",
        "logo_url": "https://resource.cwallet.com/token/icon/matic.png",
        "status": "Normal",
        "base_url": "https://polygonscan.com/tx/%s",
        "is_evm": True,
        "support_memo": False,
        "confirmations": None,
    }


@pytest.mark.parametrize("status", ["Normal", "Maintenance", "Maintain", "Asleep"])
async def test_a_chains_status_is_kept_as_text(status: str) -> None:
    api, asked = answering({"chains": [{"chain": "POLYGON", "status": status, "confirmations": 30}]})
    [found] = await chains(api, ["POLYGON"])
    assert found == Chain(chain="POLYGON", status=status, confirmations=30)
    assert asked.bodies == [b'{"chains":["POLYGON"]}']


# ---------------------------------------------------------------- balances

SHIB = {"coinId": 1864, "coinSymbol": "SHIB", "available": "12.5"}


async def test_the_merchants_balances_are_read() -> None:
    api, asked = answering({"assets": [SHIB, {"coinId": 1280, "coinSymbol": "USDT", "available": "0"}]})
    shib, usdt = await app_assets(api)
    assert (asked.routes, asked.bodies) == (["getAppCoinAssetList"], [b""])
    assert (shib.coin_id, shib.coin_symbol, shib.available) == (1864, "SHIB", Decimal("12.5"))
    assert usdt.available == 0


async def test_one_balance_of_the_merchant_is_read() -> None:
    api, asked = answering({"asset": SHIB})
    assert (await app_asset(api, 1864)).available == Decimal("12.5")
    assert (asked.routes, asked.bodies) == (["getAppCoinAsset"], [b'{"coinId":1864}'])


async def test_the_balances_of_a_user_are_read() -> None:
    api, asked = answering({"userId": "user-00001", "assets": [SHIB]})
    [asset] = await user_assets(api, "user-00001")
    assert asset.available == Decimal("12.5")
    assert (asked.routes, asked.bodies) == (["getUserCoinAssetList"], [b'{"userId":"user-00001"}'])


async def test_one_balance_of_a_user_is_read() -> None:
    api, asked = answering({"userId": "user-00001", "asset": SHIB})
    assert (await user_asset(api, "user-00001", 1864)).available == Decimal("12.5")
    assert (asked.routes, asked.bodies) == (["getUserCoinAsset"], [b'{"userId":"user-00001","coinId":1864}'])


@pytest.mark.parametrize(
    ("text", "available"),
    [
        ("", None),
        (None, None),
        ("0", Decimal(0)),
        ("0.000000000000000000000000", Decimal(0)),
        ("1.000000000000000000000001", Decimal("1.000000000000000000000001")),
        ("9" * 38 + "." + "9" * 24, Decimal("9" * 38 + "." + "9" * 24)),
    ],
)
async def test_a_balance_is_exact_and_a_blank_one_is_unknown(text: str | None, available: Decimal | None) -> None:
    api, _ = answering({"asset": changed(SHIB, available=text)})
    assert (await app_asset(api, 1864)).available == available


@pytest.mark.parametrize("available", [12.5, 12, "-1", "1e3", "NaN", " 1", "1." + "0" * 25, "１", True, []])
async def test_a_balance_that_is_no_decimal_text_is_refused(available: object) -> None:
    api, _ = answering({"asset": changed(SHIB, available=available)})
    with pytest.raises(ReadFailed, match=r"^getAppCoinAsset: the answer's field asset\.available is missing"):
        await app_asset(api, 1864)


async def test_a_balance_that_is_not_there_is_not_taken_for_a_blank_one() -> None:
    api, _ = answering({"asset": without(SHIB, "available")})
    with pytest.raises(ReadFailed, match="available"):
        await app_asset(api, 1864)


@pytest.mark.parametrize("given", [[], None])
async def test_no_balances_are_none(given: object) -> None:
    api, _ = answering({"assets": given})
    assert await app_assets(api) == ()


SOMEBODY_ELSES: dict[str, tuple[object, Callable[[Api], Awaitable[object]]]] = {
    "the merchant's of another coin": ({"asset": SHIB}, lambda api: app_asset(api, 1280)),
    "another user's": ({"userId": "user-00002", "assets": [SHIB]}, lambda api: user_assets(api, "user-00001")),
    "another user's of the coin": (
        {"userId": "user-00002", "asset": SHIB},
        lambda api: user_asset(api, "user-00001", 1864),
    ),
    "the user's of another coin": (
        {"userId": "user-00001", "asset": SHIB},
        lambda api: user_asset(api, "user-00001", 1280),
    ),
    "nobody's": ({"asset": SHIB}, lambda api: user_asset(api, "user-00001", 1864)),
    "no balance": ({"asset": None}, lambda api: app_asset(api, 1864)),
    "no list": ({}, app_assets),
}


@pytest.mark.parametrize(("data", "read"), SOMEBODY_ELSES.values(), ids=SOMEBODY_ELSES.keys())
async def test_a_balance_of_somebody_or_something_else_is_refused(
    data: object, read: Callable[[Api], Awaitable[object]]
) -> None:
    api, _ = answering(data)
    with pytest.raises(ReadFailed):
        await read(api)


async def test_words_that_cannot_be_stored_are_made_storable() -> None:
    api, _ = answering({"asset": changed(SHIB, coinSymbol="SH\x00IB\ud800")})
    assert await app_asset(api, 1864) == Asset(coinId=1864, coinSymbol="SH�IB�", available="12.5")
