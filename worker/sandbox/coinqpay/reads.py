"""What CoinQ Pay tells without changing anything: coins, prices, balances."""

from worker.sandbox.coinqpay.codes import Code, Refusal
from worker.sandbox.coinqpay.coins import COINS, Coin
from worker.sandbox.coinqpay.merchant import Merchant
from worker.sandbox.coinqpay.parameters import is_coin, is_currency
from worker.sandbox.exact import plain
from worker.sandbox.parameters import first_wrong
from worker.sandbox.provider import Conditions, Parameters

# The documented prices are renewed within minutes; how often is not documented.
PRICE_SECONDS = 60


def supported_coins(
    _merchant: Merchant, _parameters: Parameters, _at: float, _conditions: Conditions
) -> list[dict[str, object]]:
    """Every coin with its tariff."""
    return [
        {
            "coin": coin.name,
            "chain": coin.chain,
            "display_code": coin.display_code,
            "contract_address": coin.contract_address,
            "decimal": coin.decimals,
            "can_pay": True,
            "minimum_pay_amount": plain(coin.minimum_pay_amount),
            "withdrawal_fixed_fee": plain(coin.fixed_fee),
            "withdrawal_percentage_fee": plain(coin.percentage_fee),
        }
        for coin in COINS.values()
    ]


def coin_price(
    _merchant: Merchant, parameters: Parameters, at: float, _conditions: Conditions
) -> list[dict[str, object]] | Refusal:
    """The price of one coin or of all, in USD or HKD."""
    wrong = first_wrong(parameters, {"currency": is_currency}, {})
    if wrong is not None:
        return Refusal(Code.UNEXPECTED_REQUEST, wrong)
    coins = _asked(parameters)
    if isinstance(coins, Refusal):
        return coins
    currency = str(parameters["currency"])
    updated = int(at) // PRICE_SECONDS * PRICE_SECONDS
    return [
        {
            "coin": coin.name,
            "currency": currency,
            "price": plain(coin.prices[currency]),
            "update_time": updated,
        }
        for coin in coins
    ]


def coin_balance(
    merchant: Merchant, parameters: Parameters, _at: float, _conditions: Conditions
) -> list[dict[str, object]] | Refusal:
    """The available balance of one coin or of all, also where it is zero."""
    coins = _asked(parameters)
    if isinstance(coins, Refusal):
        return coins
    return [{"coin": coin.name, "balance": plain(merchant.books.balance(coin.name))} for coin in coins]


def _asked(parameters: Parameters) -> list[Coin] | Refusal:
    wrong = first_wrong(parameters, {}, {"coin": is_coin})
    if wrong is not None:
        return Refusal(Code.UNEXPECTED_REQUEST, wrong)
    if "coin" not in parameters:
        return list(COINS.values())
    coin = COINS.get(str(parameters["coin"]))
    return Refusal(Code.COIN_NOT_SUPPORTED) if coin is None else [coin]
