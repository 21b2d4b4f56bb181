"""CCPayment's coins, chains and balances: every field that the client reads is what the sandbox's books hold.

Each test here takes both ends and nothing else: `test_coverage` runs them all to see which routes are called.
"""

from decimal import Decimal
from typing import Any

from tests.conformance.ends import APP_ID, Ends, open_v1
from tests.conformance.orders import ALICE, BOB, CONVERT, MOVE
from worker.providers.ccpayment.assets import app_asset, app_assets, user_asset, user_assets
from worker.providers.ccpayment.coins import Coin as ListedCoin
from worker.providers.ccpayment.coins import chains, coin, coin_list, prices
from worker.sandbox.ccpayment.chains import CHAINS
from worker.sandbox.ccpayment.coins import COINS, Coin


def coin_fields(listed: Coin) -> dict[str, Any]:
    return {
        "coin_id": listed.coin_id,
        "symbol": listed.symbol,
        "coin_full_name": listed.name,
        "logo_url": listed.logo_url,
        "status": str(listed.status),
        "price": listed.price_usdt,
        "networks": {
            network.chain: {
                "chain": network.chain,
                "chain_full_name": CHAINS[network.chain].full_name,
                "contract": network.contract,
                "precision": network.precision,
                "can_deposit": True,
                "can_withdraw": True,
                "minimum_deposit_amount": network.minimum_deposit,
                "minimum_withdraw_amount": network.minimum_withdraw,
                "maximum_withdraw_amount": network.maximum_withdraw,
                "needs_memo": CHAINS[network.chain].needs_memo,
            }
            for network in listed.networks
        },
    }


async def test_every_coin(ends: Ends) -> None:
    api = ends.ccpayment.api
    listed = await coin_list(api)
    assert [each.model_dump() for each in listed] == [coin_fields(each) for each in COINS.values()]
    for coin_id, known in COINS.items():
        alone: ListedCoin = await coin(api, coin_id)
        assert alone.model_dump() == coin_fields(known)


async def test_every_price(ends: Ends) -> None:
    asked = await prices(ends.ccpayment.api, [*COINS])
    assert asked == {coin_id: each.price_usdt for coin_id, each in COINS.items()}


async def test_every_chain(ends: Ends) -> None:
    listed = await chains(ends.ccpayment.api)
    assert [(each.chain, each.chain_full_name, each.base_url, each.explorer) for each in listed] == [
        (each.symbol, each.full_name, each.base_url, each.explorer) for each in CHAINS.values()
    ]
    assert [(each.is_evm, each.support_memo, each.confirmations, each.status) for each in listed] == [
        (each.is_evm, each.needs_memo, each.confirmations, "Normal") for each in CHAINS.values()
    ]
    assert await chains(ends.ccpayment.api, ["XLM", "TRX"]) == tuple(
        next(each for each in listed if each.chain == symbol) for symbol in ("XLM", "TRX")
    )


# ---------------------------------------------------------------- balances


async def test_the_balances_of_users(ends: Ends) -> None:
    await ends.attempt(MOVE)
    await ends.attempt(CONVERT)
    api, books = ends.ccpayment.api, ends.sandbox.books
    for user_id in (ALICE, BOB):
        held = {coin_id: amount for (owner, coin_id), amount in books.balances().items() if owner == user_id}
        assert {asset.coin_id: asset.available for asset in await user_assets(api, user_id)} == held != {}
        for coin_id, amount in held.items():
            asset = await user_asset(api, user_id, coin_id)
            assert (asset.coin_symbol, asset.available) == (COINS[coin_id].symbol, amount)


async def test_the_balances_of_the_merchant_by_both_versions(ends: Ends) -> None:
    ends.sandbox.fund(APP_ID, 1280, "127.951400")
    ends.sandbox.fund(APP_ID, 9001, "0.00000001")
    api = ends.ccpayment.api
    held = {1280: Decimal("127.9514"), 9001: Decimal("0.00000001")}
    assert {asset.coin_id: asset.available for asset in await app_assets(api)} == held
    assert (await app_asset(api, 9001)).available == held[9001]
    async with open_v1(ends) as v1:
        listed = await v1.assets()
        assert [(each.coin_id, each.crypto, each.name, each.value, each.price, each.logo) for each in listed] == [
            (coin.uuid, coin.symbol, coin.name, held[coin.coin_id], coin.price_usdt, coin.logo_url)
            for coin in (COINS[1280], COINS[9001])
        ]
        assert await v1.assets(COINS[9001].uuid) == (listed[1],)


async def test_a_blank_balance_is_unknown(ends: Ends) -> None:
    ends.sandbox.fund(APP_ID, 1280, "1")
    ends.ask("ccpayment", "balances", blank=True)
    assert [asset.available for asset in await app_assets(ends.ccpayment.api)] == [None]
    async with open_v1(ends) as v1:
        assert [asset.value for asset in await v1.assets()] == [None]
