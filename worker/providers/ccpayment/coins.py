"""CCPayment's coins, their prices, and the chains they live on."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field, StrictBool, StrictInt

from worker.providers.ccpayment.api import Api, ReadFailed
from worker.providers.ccpayment.fields import CoinId, EmptyList, EmptyMap, KnownAmount, OptionalText, Text
from worker.providers.ccpayment.wire import Wire


class Network(Wire):
    """One coin on one chain. `precision` is the number of decimals that the chain can carry."""

    chain: Text
    chain_full_name: OptionalText = ""
    # Of a chain's own coin it is a placeholder, such as 137 or TRX.
    contract: OptionalText = ""
    precision: Annotated[StrictInt, Field(ge=0)]
    can_deposit: StrictBool
    can_withdraw: StrictBool
    minimum_deposit_amount: KnownAmount = None
    minimum_withdraw_amount: KnownAmount = None
    # Zero means that there is no maximum.
    maximum_withdraw_amount: KnownAmount = None
    needs_memo: StrictBool = Field(alias="isSupportMemo")


class Coin(Wire):
    """One coin; `networks` by chain symbol.

    Status: Normal; Maintain, no withdrawals; Pre-delisting, no deposits; Delisted, neither. Others are kept as text.
    """

    coin_id: CoinId
    symbol: Text
    coin_full_name: OptionalText = ""
    logo_url: OptionalText = ""
    status: Text
    networks: Annotated[Mapping[str, Network], EmptyMap]
    price: KnownAmount = None


class Chain(Wire):
    """One chain. Status is Normal, or Maintain or Maintenance, as the provider's sources spell it."""

    chain: Text
    chain_full_name: OptionalText = ""
    explorer: OptionalText = ""
    logo_url: OptionalText = ""
    status: Text
    base_url: OptionalText = ""
    is_evm: StrictBool | None = Field(default=None, alias="isEVM")
    support_memo: StrictBool | None = None
    confirmations: StrictInt | None = None


def _only_one(value: object) -> object:
    """The provider's table says array, its sample is an object."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


class _Coins(Wire):
    coins: Annotated[tuple[Coin, ...], EmptyList]


class _OneCoin(Wire):
    coin: Annotated[Coin, BeforeValidator(_only_one)]


class _Prices(Wire):
    prices: Annotated[Mapping[str, KnownAmount], EmptyMap]


class _Chains(Wire):
    chains: Annotated[tuple[Chain, ...], EmptyList]


async def coin_list(api: Api) -> tuple[Coin, ...]:
    """Every coin that is enabled for the merchant. Raises ReadFailed."""
    return (await api.read_as(_Coins, "getCoinList")).coins


async def coin(api: Api, coin_id: int) -> Coin:
    """One coin. Raises ReadFailed, also for an answer about another one."""
    found = (await api.read_as(_OneCoin, "getCoin", {"coinId": coin_id})).coin
    if found.coin_id != coin_id:
        raise ReadFailed("getCoin", "the answer is about another coin")
    return found


async def prices(api: Api, coin_ids: Sequence[int]) -> Mapping[int, Decimal]:
    """The price of one coin each, in USDT; a coin without a known price is left out. Raises ReadFailed."""
    route = "getCoinUSDTPrice"
    answer = await api.read_as(_Prices, route, {"coinIds": list(coin_ids)})
    asked = {str(coin_id): coin_id for coin_id in coin_ids}
    if not answer.prices.keys() <= asked.keys():
        raise ReadFailed(route, "the answer is about another coin")
    return {asked[name]: price for name, price in answer.prices.items() if price is not None}


async def chains(api: Api, symbols: Sequence[str] = ()) -> tuple[Chain, ...]:
    """The chains with these symbols, such as TRX, ETH, BSC; all of them for none. Raises ReadFailed."""
    return (await api.read_as(_Chains, "getChainList", {"chains": list(symbols)} if symbols else None)).chains
