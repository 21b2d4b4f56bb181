"""The coins that the simulated account knows, as they are before anybody changes them."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType


class CoinStatus(StrEnum):
    """Documented states of a coin; none of them stops a transfer between users."""

    NORMAL = "Normal"
    MAINTAIN = "Maintain"
    """Withdrawals are suspended."""
    PRE_DELISTING = "Pre-delisting"
    """Deposits are suspended."""
    DELISTED = "Delisted"
    """Both are suspended."""


@dataclass(frozen=True, slots=True)
class Network:
    """One coin on one chain; the contract of a chain's own coin is a placeholder."""

    chain: str
    contract: str
    precision: int
    minimum_deposit: Decimal = Decimal(0)
    minimum_withdraw: Decimal = Decimal("0.025")
    maximum_withdraw: Decimal = Decimal(0)
    """Zero is no maximum."""


@dataclass(frozen=True, slots=True)
class Coin:
    """One coin. `price_usdt` values one of it; `can_swap` is whether it is traded at all.

    The ids of Bitcoin and Stellar are not documented; they are made up here.
    """

    coin_id: int
    symbol: str
    name: str
    price_usdt: Decimal
    networks: tuple[Network, ...]
    status: CoinStatus = CoinStatus.NORMAL
    can_swap: bool = True

    @property
    def precision(self) -> int:
        """The smallest among its chains: a transfer names no chain, so only what every chain can
        carry is safe."""
        return min(network.precision for network in self.networks)

    @property
    def logo_url(self) -> str:
        """Where its icon is."""
        return f"https://resource.cwallet.com/token/icon/{self.symbol.lower()}.png"

    @property
    def uuid(self) -> str:
        """Its id in version 1 of the interface; that of USDT is the documented one."""
        return DOCUMENTED_UUIDS.get(self.symbol) or str(uuid.uuid5(uuid.NAMESPACE_DNS, self.symbol))

    def network(self, chain: str) -> Network | None:
        """The coin on this chain."""
        return next((network for network in self.networks if network.chain == chain), None)


DOCUMENTED_UUIDS = MappingProxyType({"USDT": "8e5741cf-6e51-4892-9d04-3d40e1dd0128"})

_LISTED = (
    Coin(
        *(1207, "LINK", "ChainLink Token", Decimal("14.25")),
        networks=(
            Network("BSC", "0xf8a0bf9cf54bb92f17374d9e9a321e6a111a51bd", 18),
            Network("ETH", "0x514910771af9ca656af840dff83e8264ecf986ca", 18),
        ),
    ),
    Coin(
        *(1280, "USDT", "Tether USD", Decimal(1)),
        networks=(
            Network("BSC", "0x55d398326f99059ff775485246999027b3197955", 18),
            Network("ETH", "0xdac17f958d2ee523a2206206994597c13d831ec7", 6),
            Network("POLYGON", "0xc2132d05d31c914a87c6611c10748aeb04b58e8f", 6),
            Network("TRX", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", 6),
        ),
    ),
    Coin(
        *(1329, "MATIC", "Matic Token", Decimal("1.1683")),
        networks=(
            Network("BSC", "0xcc42724c6683b7e57334c4e856f4c9965ed682bd", 18),
            Network("ETH", "0x7D1AfA7B718fb893dB30A3aBc0Cfc608AaCfeBB0", 18),
            Network("POLYGON", "137", 18),
        ),
    ),
    Coin(1482, "TRX", "TRON", Decimal("0.1254"), (Network("TRX", "TRX", 6),)),
    Coin(
        *(1864, "SHIB", "Shiba Inu", Decimal("0.00002731")),
        networks=(Network("ETH", "0x95ad61b0a150d79219dcf64e1e6cc01f0b64c4ce", 18),),
    ),
    Coin(1891, "TETH", "Test Ether", Decimal("3412.5"), (Network("SEPOLIA", "SEPOLIA", 18),)),
    Coin(9001, "BTC", "Bitcoin", Decimal("67250.5"), (Network("BTC", "BTC", 8),)),
    Coin(9002, "XLM", "Stellar", Decimal("0.0987"), (Network("XLM", "XLM", 7),)),
)

COINS: Mapping[int, Coin] = MappingProxyType({coin.coin_id: coin for coin in _LISTED})
