"""What CCPayment says is available, to the merchant and to its users. There is no figure for what is held."""

from typing import Annotated

from worker.providers.ccpayment.api import Api, ReadFailed
from worker.providers.ccpayment.fields import CoinId, EmptyList, KnownAmount, OptionalText, Text
from worker.providers.ccpayment.wire import Wire


class Asset(Wire):
    """One coin's balance, without the time that it is of. `available` is None where the provider left it blank."""

    coin_id: CoinId
    coin_symbol: OptionalText = ""
    available: KnownAmount


class _Assets(Wire):
    assets: Annotated[tuple[Asset, ...], EmptyList]


class _OneAsset(Wire):
    asset: Asset


class _UserAssets(_Assets):
    user_id: Text


class _OneUserAsset(_OneAsset):
    user_id: Text


async def app_assets(api: Api) -> tuple[Asset, ...]:
    """Every balance of the merchant itself. Raises ReadFailed."""
    return (await api.read_as(_Assets, "getAppCoinAssetList")).assets


async def app_asset(api: Api, coin_id: int) -> Asset:
    """The merchant's balance of one coin. Raises ReadFailed."""
    route = "getAppCoinAsset"
    asset = (await api.read_as(_OneAsset, route, {"coinId": coin_id})).asset
    _check(route, coin_id, asset.coin_id)
    return asset


async def user_assets(api: Api, user_id: str) -> tuple[Asset, ...]:
    """Every balance of a user, those of zero included. Raises ReadFailed."""
    route = "getUserCoinAssetList"
    answer = await api.read_as(_UserAssets, route, {"userId": user_id})
    _check(route, user_id, answer.user_id)
    return answer.assets


async def user_asset(api: Api, user_id: str, coin_id: int) -> Asset:
    """A user's balance of one coin. Raises ReadFailed."""
    route = "getUserCoinAsset"
    answer = await api.read_as(_OneUserAsset, route, {"userId": user_id, "coinId": coin_id})
    _check(route, (user_id, coin_id), (answer.user_id, answer.asset.coin_id))
    return answer.asset


def _check(route: str, asked: object, answered: object) -> None:
    """Somebody else's balance would be booked, or reported missing, as this one's."""
    if answered != asked:
        raise ReadFailed(route, "the answer is about another user or coin")
