"""The coins that the simulated CoinQ Pay knows, with their tariffs and prices."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from worker.sandbox.exact import add, multiply, round_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Coin:
    """One coin. Fees are in the coin itself; `percentage_fee` 1.5 means 1.5 percent."""

    name: str
    chain: str
    display_code: str
    contract_address: str
    decimals: int
    minimum_pay_amount: Decimal
    fixed_fee: Decimal
    percentage_fee: Decimal
    prices: Mapping[str, Decimal]

    def fee(self, amount: Decimal) -> Decimal:
        """What a withdrawal of this amount costs; it is taken out of the amount.

        The provider documents both parts of the tariff and one sample, no rounding: assumed up.
        """
        share = multiply(amount, self.percentage_fee.scaleb(-2))
        return round_up(add(self.fixed_fee, share), self.decimals)


def _coin(name: str, chain: str, code: str, contract: str, decimals: int, money: str, prices: str) -> Coin:
    """`money` is the least payment, the fixed and the percentage fee; `prices` are USD and HKD."""
    minimum, fixed, percentage = (Decimal(text) for text in money.split())
    usd, hkd = (Decimal(text) for text in prices.split())
    return Coin(
        name=name,
        chain=chain,
        display_code=code,
        contract_address=contract,
        decimals=decimals,
        minimum_pay_amount=minimum,
        fixed_fee=fixed,
        percentage_fee=percentage,
        prices=MappingProxyType({"USD": usd, "HKD": hkd}),
    )


# With this tariff of TRON_USDT a withdrawal of 5 costs 0.1049, as in the documented sample.
_LISTED = (
    _coin("TRON_USDT", "TRON", "USDT", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", 6, "1 0.1 0.098", "0.998236 7.7962"),
    _coin("BSC_USDC", "BSC", "USDC", "0x64544969ed7ebf5f083679233325356ebe738930", 18, "1 0.1 0", "0.998646 7.7994"),
    _coin("ETH", "ETH", "ETH", "", 18, "0.001 0.0005 0.1", "3111.5 24300.8"),
    _coin("ETH_USDT", "ETH", "USDT", "0xdac17f958d2ee523a2206206994597c13d831ec7", 6, "1 1.5 0.1", "0.998236 7.7962"),
    _coin("BNB", "BSC", "BNB", "", 18, "0.01 0.0004 0.1", "571.2 4461.07"),
)

COINS: Mapping[str, Coin] = MappingProxyType({coin.name: coin for coin in _LISTED})
