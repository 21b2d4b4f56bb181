"""The coins that the simulated account knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType


class CoinStatus(StrEnum):
    """Documented states of a coin; none of them stops a transfer between users."""

    NORMAL = "Normal"
    MAINTAIN = "Maintain"
    PRE_DELISTING = "Pre-delisting"
    DELISTED = "Delisted"


@dataclass(frozen=True, slots=True)
class Coin:
    """One coin.

    `precision` is the smallest among its chains: a transfer names no chain, so only what every
    chain can carry is safe. `price_usdt` values one coin.
    """

    coin_id: int
    symbol: str
    name: str
    precision: int
    price_usdt: Decimal
    status: CoinStatus = CoinStatus.NORMAL


_LISTED = (
    Coin(1207, "LINK", "Chainlink", 18, Decimal("14.25")),
    Coin(1280, "USDT", "Tether", 6, Decimal(1)),
    Coin(1329, "MATIC", "Polygon", 18, Decimal("1.1683")),
    Coin(1482, "TRX", "TRON", 6, Decimal("0.1254")),
    Coin(1864, "SHIB", "Shiba Inu", 18, Decimal("0.00002731")),
    Coin(1891, "TETH", "Test Ether", 18, Decimal("3412.5")),
)

COINS: Mapping[int, Coin] = MappingProxyType({coin.coin_id: coin for coin in _LISTED})
