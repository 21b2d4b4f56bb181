"""CoinQ Pay's coins, prices and balances, field by field."""

from decimal import Decimal

import pytest

from worker.sandbox.coinqpay.coins import COINS

from .caller import NOW
from .coinqpay_caller import CoinQPayCaller, refusal_of, result_of


def test_coins_are_told_with_their_tariffs() -> None:
    listed = {row["coin"]: row for row in result_of(CoinQPayCaller().get("supported_coins"))}
    assert listed["BSC_USDC"] == {
        "coin": "BSC_USDC",
        "chain": "BSC",
        "display_code": "USDC",
        "contract_address": "0x64544969ed7ebf5f083679233325356ebe738930",
        "decimal": 18,
        "can_pay": True,
        "minimum_pay_amount": "1",
        "withdrawal_fixed_fee": "0.1",
        "withdrawal_percentage_fee": "0",
    }
    assert listed["ETH"]["contract_address"] == ""
    assert listed["BNB"]["chain"] == "BSC"
    assert listed.keys() == {"TRON_USDT", "BSC_USDC", "ETH", "ETH_USDT", "BNB"}


@pytest.mark.parametrize("currency", ["USD", "HKD"])
def test_a_price_is_told_in_either_currency(currency: str) -> None:
    caller = CoinQPayCaller()
    assert result_of(caller.get("coin_price", currency=currency, coin="ETH")) == [
        {
            "coin": "ETH",
            "currency": currency,
            "price": {"USD": "3111.5", "HKD": "24300.8"}[currency],
            "update_time": NOW // 60 * 60,
        }
    ]
    assert [row["coin"] for row in result_of(caller.get("coin_price", currency=currency))] == list(COINS)


def test_balances_are_told_for_one_coin_or_all() -> None:
    caller = CoinQPayCaller()
    caller.ask("fund", coin="ETH", amount="0.10")
    assert result_of(caller.get("coin_balance", coin="ETH")) == [{"coin": "ETH", "balance": "0.1"}]
    every = {row["coin"]: row["balance"] for row in result_of(caller.get("coin_balance"))}
    assert every == {**dict.fromkeys(COINS, "0"), "ETH": "0.1"}


@pytest.mark.parametrize(
    ("name", "parameters", "refusal"),
    [
        ("coin_price", {}, (400, 1003)),
        ("coin_price", {"currency": "EUR"}, (400, 1003)),
        ("coin_price", {"currency": "usd"}, (400, 1003)),
        ("coin_price", {"currency": "USD", "coin": ""}, (400, 1003)),
        ("coin_price", {"currency": "USD", "coin": "x" * 51}, (400, 1003)),
        ("coin_price", {"currency": "USD", "coin": "USDT"}, (400, 12002)),
        ("coin_balance", {"coin": ""}, (400, 1003)),
        ("coin_balance", {"coin": "eth"}, (400, 12002)),
    ],
)
def test_a_read_refuses(name: str, parameters: dict[str, str], refusal: tuple[int, int]) -> None:
    assert refusal_of(CoinQPayCaller().get(name, **parameters)) == refusal


@pytest.mark.parametrize(
    ("coin", "amount", "fee"),
    [
        ("TRON_USDT", "5", "0.1049"),
        ("TRON_USDT", "0.000001", "0.100001"),
        ("BSC_USDC", "1000000", "0.1"),
        ("ETH", "1", "0.0015"),
        ("ETH_USDT", "1.000001", "1.501001"),
    ],
)
def test_a_fee_is_fixed_plus_a_percentage_rounded_up(coin: str, amount: str, fee: str) -> None:
    assert COINS[coin].fee(Decimal(amount)) == Decimal(fee)
