"""The coins of one account with their prices and states of the moment."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from worker.sandbox.ccpayment.coins import COINS, Coin, CoinStatus


class Market:
    """Every coin by its id. Symbols, chains and precisions never change."""

    def __init__(self) -> None:
        self._coins = dict(COINS)

    @property
    def coins(self) -> Mapping[int, Coin]:
        """All coins, ordered by id."""
        return self._coins

    def change(self, coin_id: int, price: Decimal | None, status: CoinStatus | None, can_swap: bool | None) -> Coin:
        """Give a coin a price in USDT, a state, or a halt of its trade; None leaves it as it is."""
        coin = self._coins[coin_id]
        self._coins[coin_id] = replace(
            coin,
            price_usdt=coin.price_usdt if price is None else price,
            status=coin.status if status is None else status,
            can_swap=coin.can_swap if can_swap is None else can_swap,
        )
        return self._coins[coin_id]
