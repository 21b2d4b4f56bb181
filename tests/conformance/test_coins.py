"""`coins()` of each provider: every coin as the sandbox has it, also after somebody has changed it there."""

from decimal import Decimal

import pytest

from tests.conformance.ends import Ends
from worker.providers.protocol import Coin
from worker.sandbox.ccpayment.coins import COINS, CoinStatus
from worker.sandbox.coinqpay.coins import COINS as COINQPAY_COINS


def of_the_market(ends: Ends) -> list[Coin]:
    """CCPayment's coins, as a worker must see them: the fewest decimals, for a transfer names no chain."""
    return [
        Coin(
            coin=str(coin.coin_id),
            symbol=coin.symbol,
            decimals=min(network.precision for network in coin.networks),
            enabled=coin.status is not CoinStatus.DELISTED,
            minimum=None,
            price_usd=coin.price_usdt,
        )
        for coin in ends.sandbox._ccpayment._account.market.coins.values()
    ]


async def test_every_coin_of_ccpayment(ends: Ends) -> None:
    coins = await ends.ccpayment.coins()
    assert list(coins) == of_the_market(ends)
    assert {coin.coin for coin in coins} == {str(coin_id) for coin_id in COINS}
    assert {coin.coin: coin.decimals for coin in coins}["1280"] == 6


async def test_every_coin_of_coinq_pay(ends: Ends) -> None:
    assert list(await ends.coinqpay.coins()) == [
        Coin(
            coin=coin.name,
            symbol=coin.name,
            decimals=coin.decimals,
            enabled=True,
            minimum=coin.minimum_pay_amount,
            price_usd=coin.prices["USD"],
        )
        for coin in COINQPAY_COINS.values()
    ]


@pytest.mark.parametrize("status", CoinStatus)
@pytest.mark.parametrize("price", ["0.998", "67250.123456789012345678", "0.00000000000000000001"])
async def test_a_coin_that_was_changed_is_seen_changed(ends: Ends, status: CoinStatus, price: str) -> None:
    await ends.ccpayment.coins()
    ends.ask("ccpayment", "coin", coinId=1280, priceUsdt=price, status=status)
    coins = list(await ends.ccpayment.coins())
    assert coins == of_the_market(ends)
    changed = next(coin for coin in coins if coin.coin == "1280")
    assert (changed.price_usd, changed.enabled) == (Decimal(price), status is not CoinStatus.DELISTED)


async def test_a_coin_that_is_unavailable_for_a_while_is_still_one_that_is_supported(ends: Ends) -> None:
    before = await ends.coinqpay.coins()
    ends.ask("coinqpay", "coin", coin="ETH", available=False)
    assert await ends.coinqpay.coins() == before
