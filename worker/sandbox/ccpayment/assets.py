"""Balances: `getAppCoinAssetList`, `getAppCoinAsset`, `getUserCoinAssetList`, `getUserCoinAsset`.

Only what can be spent is told: there is no figure for what is reserved, and no time.
"""

from worker.sandbox.ccpayment.account import Account
from worker.sandbox.ccpayment.codes import Code, refusal, success
from worker.sandbox.ccpayment.parameters import is_coin_id, is_user_id
from worker.sandbox.exact import plain
from worker.sandbox.message import Response
from worker.sandbox.parameters import first_wrong
from worker.sandbox.provider import Conditions, Parameters

COIN = {"coinId": is_coin_id}
USER = {"userId": is_user_id}


def get_app_coin_asset_list(
    account: Account, _parameters: Parameters, _at: float, _conditions: Conditions
) -> Response:
    """The merchant's balances, of coins that it ever had."""
    return success({"assets": _assets(account, account.app_id)})


def get_app_coin_asset(account: Account, parameters: Parameters, _at: float, _conditions: Conditions) -> Response:
    """The merchant's balance of one coin."""
    wrong = first_wrong(parameters, COIN, {})
    if wrong is not None:
        return refusal(Code.INVALID_ARGUMENT, wrong)
    coin_id = parameters["coinId"]
    if coin_id not in account.market.coins:
        return refusal(Code.COIN_INVALID)
    return success({"asset": _asset(account, account.app_id, coin_id)})


def get_user_coin_asset_list(
    account: Account, parameters: Parameters, _at: float, _conditions: Conditions
) -> Response:
    """A user's balances, of coins that they ever had; somebody unknown has none."""
    wrong = first_wrong(parameters, USER, {})
    if wrong is not None:
        return refusal(Code.INVALID_ARGUMENT, wrong)
    user_id = str(parameters["userId"])
    return success({"userId": user_id, "assets": _assets(account, user_id)})


def get_user_coin_asset(account: Account, parameters: Parameters, _at: float, _conditions: Conditions) -> Response:
    """A user's balance of one coin."""
    wrong = first_wrong(parameters, {**USER, **COIN}, {})
    if wrong is not None:
        return refusal(Code.INVALID_ARGUMENT, wrong)
    user_id, coin_id = str(parameters["userId"]), parameters["coinId"]
    if coin_id not in account.market.coins:
        return refusal(Code.COIN_INVALID)
    return success({"userId": user_id, "asset": _asset(account, user_id, coin_id)})


def _assets(account: Account, user_id: str) -> list[dict[str, object]]:
    held = sorted(coin_id for owner, coin_id in account.books.balances() if owner == user_id)
    return [_asset(account, user_id, coin_id) for coin_id in held]


def _asset(account: Account, user_id: str, coin_id: object) -> dict[str, object]:
    assert isinstance(coin_id, int), "its form was checked"
    is_blank = account.blanks_balances and user_id == account.app_id
    return {
        "coinId": coin_id,
        "coinSymbol": account.market.coins[coin_id].symbol,
        "available": "" if is_blank else plain(account.books.balance(user_id, coin_id)),
    }
