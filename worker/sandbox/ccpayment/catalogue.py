"""What can be known without an account: `getCoinList`, `getCoin`, `getCoinUSDTPrice`, `getChainList`."""

from worker.sandbox.ccpayment.account import Account
from worker.sandbox.ccpayment.chains import CHAINS, Chain
from worker.sandbox.ccpayment.codes import Code, refusal, success
from worker.sandbox.ccpayment.coins import Coin, CoinStatus, Network
from worker.sandbox.ccpayment.parameters import given, is_coin_id, is_list_of, is_text
from worker.sandbox.exact import plain
from worker.sandbox.message import Response
from worker.sandbox.parameters import first_wrong
from worker.sandbox.provider import Conditions, Parameters

# Documented for orders; not documented for coins, and assumed to be the same.
MOST_COIN_IDS = 100

WITHOUT_DEPOSITS = {CoinStatus.PRE_DELISTING, CoinStatus.DELISTED}
WITHOUT_WITHDRAWALS = {CoinStatus.MAINTAIN, CoinStatus.DELISTED}

_are_coin_ids = is_list_of(is_coin_id)


def get_coin_list(account: Account, _parameters: Parameters, _at: float, _conditions: Conditions) -> Response:
    """Every coin of the account."""
    return success({"coins": [coin_view(coin) for coin in account.market.coins.values()]})


def get_coin(account: Account, parameters: Parameters, _at: float, _conditions: Conditions) -> Response:
    """One coin; an object as in the documented sample, though its table says array."""
    wrong = first_wrong(parameters, {"coinId": is_coin_id}, {})
    if wrong is not None:
        return refusal(Code.INVALID_ARGUMENT, wrong)
    coin = account.market.coins.get(_id(parameters["coinId"]))
    return refusal(Code.COIN_INVALID) if coin is None else success({"coin": coin_view(coin)})


def get_coin_usdt_price(account: Account, parameters: Parameters, _at: float, _conditions: Conditions) -> Response:
    """Prices by the text of the coin's id. Not documented: one unknown coin refuses them all."""
    coin_ids = parameters.get("coinIds")
    if not isinstance(coin_ids, list) or not coin_ids or not _are_coin_ids(coin_ids):
        return refusal(Code.INVALID_ARGUMENT, "coinIds")
    if len(coin_ids) > MOST_COIN_IDS:
        return refusal(Code.QUERY_NUMBER_TOO_LARGE, "coinIds")
    coins = account.market.coins
    if not coins.keys() >= {*coin_ids}:
        return refusal(Code.COIN_INVALID)
    return success({"prices": {str(coin_id): plain(coins[coin_id].price_usdt) for coin_id in coin_ids}})


def get_chain_list(_account: Account, parameters: Parameters, _at: float, _conditions: Conditions) -> Response:
    """The chains with these symbols, all without any. Not documented: an unknown one refuses all."""
    asked = given(parameters, ("chains",))
    wrong = first_wrong(asked, {}, {"chains": is_list_of(is_text)})
    if wrong is not None:
        return refusal(Code.INVALID_ARGUMENT, wrong)
    symbols = asked.get("chains", [*CHAINS])
    assert isinstance(symbols, list), "its form was checked"
    if not CHAINS.keys() >= {*symbols}:
        return refusal(Code.CHAIN_INVALID)
    return success({"chains": [_chain_view(CHAINS[symbol]) for symbol in symbols]})


def coin_view(coin: Coin) -> dict[str, object]:
    """A coin with its networks, a map by chain."""
    return {
        "coinId": coin.coin_id,
        "symbol": coin.symbol,
        "coinFullName": coin.name,
        "logoUrl": coin.logo_url,
        "status": coin.status,
        "price": plain(coin.price_usdt),
        "networks": {network.chain: _network_view(coin, network) for network in coin.networks},
    }


def _network_view(coin: Coin, network: Network) -> dict[str, object]:
    chain = CHAINS[network.chain]
    return {
        "chain": chain.symbol,
        "chainFullName": chain.full_name,
        "contract": network.contract,
        "precision": network.precision,
        "canDeposit": coin.status not in WITHOUT_DEPOSITS,
        "canWithdraw": coin.status not in WITHOUT_WITHDRAWALS,
        "minimumDepositAmount": plain(network.minimum_deposit),
        "minimumWithdrawAmount": plain(network.minimum_withdraw),
        "maximumWithdrawAmount": plain(network.maximum_withdraw),
        "isSupportMemo": chain.needs_memo,
    }


def _chain_view(chain: Chain) -> dict[str, object]:
    return {
        "chain": chain.symbol,
        "chainFullName": chain.full_name,
        "explorer": chain.explorer,
        "logoUrl": f"https://resource.cwallet.com/chain/icon/{chain.symbol.lower()}.png",
        "status": "Normal",
        "baseUrl": chain.base_url,
        "isEVM": chain.is_evm,
        "supportMemo": chain.needs_memo,
        "confirmations": chain.confirmations,
    }


def _id(value: object) -> int:
    assert isinstance(value, int), "its form was checked"
    return value
