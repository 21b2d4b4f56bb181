"""Refusals by coin data: what a provider says of its coins, against each command, before any money is held."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from schemas.registry import COMMANDS
from tests.unit.stand_in import StandIn
from worker.commands.coins import (
    CoinData,
    Refusal,
    refuse_decimals,
    refuse_disabled,
    refuse_minimum,
    refuse_unlisted,
    refuse_value,
)
from worker.commands.registry import RULES
from worker.providers.protocol import Coin

PROVIDER = StandIn(bound_addresses={"ETH": "0x1", "NEW": "0x2"})
USDT = Coin("1280", "USDT", decimals=6, enabled=True, minimum=None, price_usd=Decimal(1))
ETH = Coin("ETH", "ETH", decimals=4, enabled=True, minimum=Decimal("0.010"), price_usd=Decimal(3000))
MATIC = Coin("1329", "MATIC", decimals=18, enabled=True, minimum=None, price_usd=None)
KNOWN: CoinData = {coin.coin: coin for coin in (USDT, ETH, MATIC)}
CLOSED: CoinData = {coin.coin: replace(coin, enabled=False) for coin in (USDT, ETH, MATIC)}

TRANSFER = {"type": "transfer", "fromUserId": "alice1", "toUserId": "bob123", "coinId": 1280, "amount": "1"}
SWAP = {"type": "swap", "userId": "alice1", "coinIdIn": 1280, "amountIn": "1", "coinIdOut": 1329}
PAYOUT = {"type": "payout", "coin": "ETH", "address": "0x1", "amount": "1"}
WITHDRAW = {"type": "withdraw", "coin": "ETH", "amount": "1"}
PAY_ORDER = {"type": "payOrder", "coin": "ETH", "amount": "1"}
ALL = (TRANSFER, SWAP, PAYOUT, WITHDRAW, PAY_ORDER)


def refusal(fields: dict[str, Any], coins: CoinData) -> Refusal | None:
    kind = str(fields["type"])
    command = COMMANDS[kind].model_validate({"orderId": "ord-1", **fields})
    return RULES[kind].refuse(command, PROVIDER, coins)


@pytest.mark.parametrize("coins", [KNOWN, None], ids=["known", "nothing known"])
@pytest.mark.parametrize("fields", ALL, ids=lambda fields: fields["type"])
def test_a_command_that_the_provider_takes_is_not_refused(fields: dict[str, Any], coins: CoinData) -> None:
    assert refusal(fields, coins) is None


REFUSED: dict[str, tuple[dict[str, Any], CoinData, str, str]] = {
    "transfer of an unlisted coin": (TRANSFER | {"coinId": 7}, KNOWN, "unsupported", "coinId: 7 is not among"),
    "transfer of a closed coin": (TRANSFER, CLOSED, "unsupported", "coinId: the provider has closed USDT"),
    "transfer with too many decimals": (
        TRANSFER | {"amount": "1.0000001"},
        KNOWN,
        "amount_precision",
        "amount: USDT has at most 6 decimals",
    ),
    "transfer of too little": (
        TRANSFER | {"amount": "0.000899"},
        KNOWN,
        "amount_too_small",
        "amount: must be worth at least 0.001 US dollars",
    ),
    "swap of an unlisted coin": (SWAP | {"coinIdIn": 7}, KNOWN, "unsupported", "coinIdIn: 7 is not among"),
    "swap into an unlisted coin": (SWAP | {"coinIdOut": 7}, KNOWN, "unsupported", "coinIdOut: 7 is not among"),
    "swap of a closed coin": (
        SWAP,
        {"1280": replace(USDT, enabled=False), "1329": MATIC},
        "unsupported",
        "coinIdIn: the provider has closed USDT",
    ),
    "swap into a closed coin": (
        SWAP,
        {"1280": USDT, "1329": replace(MATIC, enabled=False)},
        "unsupported",
        "coinIdOut: the provider has closed MATIC",
    ),
    "swap with too many decimals": (
        SWAP | {"amountIn": "1.0000001"},
        KNOWN,
        "amount_precision",
        "amountIn: USDT has at most 6 decimals",
    ),
    "payout of an unlisted coin": (PAYOUT | {"coin": "NEW"}, KNOWN, "unsupported", "coin: NEW is not among"),
    "payout with too many decimals": (PAYOUT | {"amount": "1.00001"}, KNOWN, "amount_precision", "amount: ETH has"),
    "withdrawal of an unlisted coin": (WITHDRAW | {"coin": "NEW"}, KNOWN, "unsupported", "coin: NEW is not among"),
    "withdrawal with too many decimals": (
        WITHDRAW | {"amount": "1.00001"},
        KNOWN,
        "amount_precision",
        "amount: ETH has",
    ),
    "pay order of an unlisted coin": (PAY_ORDER | {"coin": "NEW"}, KNOWN, "unsupported", "coin: NEW is not among"),
    "pay order of a closed coin": (PAY_ORDER, CLOSED, "unsupported", "coin: the provider has closed ETH"),
    "pay order with too many decimals": (
        PAY_ORDER | {"amount": "1.00001"},
        KNOWN,
        "amount_precision",
        "amount: ETH has at most 4 decimals",
    ),
    "pay order of too little": (
        PAY_ORDER | {"amount": "0.0099"},
        KNOWN,
        "amount_too_small",
        "amount: must be at least 0.01 ETH",
    ),
}


@pytest.mark.parametrize(("fields", "coins", "code", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_command_that_the_provider_would_refuse_is_refused_by_the_name_of_its_field(
    fields: dict[str, Any], coins: CoinData, code: str, message: str
) -> None:
    refused = refusal(fields, coins)
    assert refused is not None
    assert (refused.code, refused.by_data) == (code, True)
    assert refused.message.startswith(message)


@pytest.mark.parametrize("fields", [PAYOUT, WITHDRAW], ids=lambda fields: fields["type"])
def test_a_coin_that_cannot_be_paid_with_can_still_be_sent_out(fields: dict[str, Any]) -> None:
    assert refusal(fields, CLOSED) is None


@pytest.mark.parametrize("fields", ALL, ids=lambda fields: fields["type"])
def test_a_provider_that_lists_nothing_takes_nothing(fields: dict[str, Any]) -> None:
    refused = refusal(fields, {})
    assert refused is not None
    assert refused.code == "unsupported"


@pytest.mark.parametrize(
    ("amount", "decimals", "is_refused"),
    [
        ("5", 0, False),
        ("5.00", 0, False),
        ("5.10", 1, False),
        ("5.10", 0, True),
        ("5.01", 1, True),
        ("100", 0, False),
        ("0.000001", 6, False),
        ("0.0000010", 6, False),
        ("0.0000001", 6, True),
        ("9" * 38 + "." + "9" * 18, 18, False),
        ("9" * 38 + "." + "9" * 18, 17, True),
    ],
)
def test_decimals_are_counted_without_trailing_zeros(amount: str, decimals: int, is_refused: bool) -> None:
    refused = refuse_decimals("amount", amount, "ETH", {"ETH": replace(ETH, decimals=decimals)})
    assert (refused is not None) == is_refused


@pytest.mark.parametrize(("amount", "is_refused"), [("0.01", False), ("0.0100", False), ("0.00999999", True)])
def test_the_least_amount_itself_is_enough(amount: str, is_refused: bool) -> None:
    assert (refuse_minimum("amount", amount, "ETH", KNOWN) is not None) == is_refused


@pytest.mark.parametrize(
    ("amount", "price", "is_refused"),
    [
        ("0.001", "1", False),
        ("0.0009", "1", False),  # a tenth less is for the provider to judge, whose price is newer
        ("0.00089999", "1", True),
        ("0.0000003", "3000", False),
        ("0.00000029", "3000", True),
        ("1000000", "0.0000000009", False),
        ("1", "0", True),
        ("9" * 38 + "." + "9" * 18, "0.000000000000000000000001", False),
    ],
)
def test_only_what_is_clearly_worth_too_little_is_refused(amount: str, price: str, is_refused: bool) -> None:
    coins = {"ETH": replace(ETH, price_usd=Decimal(price))}
    assert (refuse_value("amount", amount, "0.001", "ETH", coins) is not None) == is_refused


@pytest.mark.parametrize("coins", [None, {}, {"ETH": replace(ETH, minimum=None, price_usd=None)}])
def test_what_is_not_known_of_a_coin_refuses_nothing(coins: CoinData) -> None:
    assert refuse_disabled("coin", "ETH", coins) is None
    assert refuse_minimum("amount", "0.000000001", "ETH", coins) is None
    assert refuse_value("amount", "0.000000001", "0.001", "ETH", coins) is None
    assert (refuse_unlisted("coin", "ETH", coins) is None) == (coins != {})
