"""ledger.store_coins and ledger.coin_data: what a provider said last of its coins, and nothing it no longer says."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.sql.calls import Calls
from tests.sql.items import NOW, Coin, later

USDT = Coin("TRON_USDT")
ETH = Coin("ETH", "ETH", 18, True, Decimal("0.001"), Decimal("3000.25"))


def known(calls: Calls) -> list[tuple[Any, ...]]:
    return calls.connection.execute("SELECT * FROM ledger.coin_data ORDER BY provider, coin").fetchall()


def test_what_was_stored_is_shown_with_its_moment(calls: Calls) -> None:
    calls.store_coins("coinqpay", USDT, ETH, now=later(5))
    assert known(calls) == [
        ("coinqpay", "ETH", "ETH", 18, True, Decimal("0.001"), Decimal("3000.25"), later(5)),
        ("coinqpay", "TRON_USDT", "USDT", 6, True, Decimal("0.5"), Decimal("1.0001"), later(5)),
    ]


def test_newer_data_replace_older_ones_in_every_column(calls: Calls) -> None:
    calls.store_coins("coinqpay", USDT)
    calls.store_coins("coinqpay", Coin("TRON_USDT", "USDt", 8, False, None, None), now=later(60))
    assert known(calls) == [("coinqpay", "TRON_USDT", "USDt", 8, False, None, None, later(60))]


def test_a_coin_that_is_no_longer_listed_is_gone(calls: Calls) -> None:
    calls.store_coins("coinqpay", USDT, ETH)
    calls.store_coins("coinqpay", ETH, Coin("BTC"), now=later(60))
    assert [row[1] for row in known(calls)] == ["BTC", "ETH"]


def test_an_empty_list_leaves_no_coins(calls: Calls) -> None:
    calls.store_coins("coinqpay", USDT, ETH)
    calls.store_coins("coinqpay", now=later(60))
    assert known(calls) == []


def test_each_provider_has_its_own_coins(calls: Calls) -> None:
    calls.store_coins("coinqpay", USDT)
    calls.store_coins("ccpayment", replace(USDT, symbol="other"), now=later(60))
    assert [(row[0], row[2], row[7]) for row in known(calls)] == [
        ("ccpayment", "other", later(60)),
        ("coinqpay", "USDT", NOW),
    ]
    calls.store_coins("ccpayment")
    assert [row[0] for row in known(calls)] == ["coinqpay"]


def test_amounts_are_exact_and_shown_without_padding(calls: Calls) -> None:
    padded = replace(USDT, minimum=Decimal("0.500000000000000000000000"), price_usd=Decimal("1.10"))
    calls.store_coins("ccpayment", padded)
    texts = calls.connection.execute("SELECT minimum::text, price_usd::text FROM ledger.coin_data").fetchall()
    assert texts == [("0.5", "1.1")]


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "0.0000000000000000000000001"])
def test_what_is_no_exact_amount_is_refused_and_the_older_data_stay(calls: Calls, amount: str) -> None:
    calls.store_coins("coinqpay", USDT)
    before = known(calls)
    with pytest.raises(psycopg.errors.CheckViolation, match="amount_is_exact"):
        calls.store_coins("coinqpay", ETH, replace(USDT, minimum=Decimal(amount)), now=later(60))
    assert known(calls) == before
