"""The hledger export of real books, read by hledger itself: it is accepted, and comes to the ledger's balances."""

import csv
import io
import random
import shutil
import subprocess
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from tests.sql.calls import Calls
from worker.export import Hledger, written
from worker.export_names import account_name, commodity_name
from worker.reads import journals

needs_hledger = pytest.mark.skipif(
    shutil.which("hledger") is None, reason="hledger is not on PATH, so that its export is checked as text alone"
)

ODD_USERS = ("alice1", "date:2020-13-45", "o.d:d@x_y-z", "ALICE1", "-----", "12345", "a" * 64, "b@@@@")
ODD_COINS = ("1280", "TRON_USDT", "x" * 50, "X" * 50, "1e5.2", "-.-", "usdt", "USDT")
MOVES = 60


def book(calls: Calls, seed: int = 1) -> None:
    """Odd accounts and coins, amounts of every size, some of them taken back."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    for number in range(MOVES):
        decimals = chance.choice([0, 2, 18])
        amount = Decimal(chance.randint(1, 10 ** (decimals + 3))).scaleb(-decimals)
        account = chance.choice(["merchant", *(f"user:{user}" for user in ODD_USERS)])
        provider, coin = chance.choice(["ccpayment", "coinqpay"]), chance.choice(ODD_COINS)
        where = {"account": account, "provider": provider, "coin": coin}
        assert calls.adjust(f"adj-{number}", amount, **where) == "adjusted"
        if chance.random() < 0.3:
            assert calls.adjust(f"back-{number}", -amount, **where) == "adjusted"


async def exported(calls: Calls) -> str:
    """What `ledger-worker export --format hledger` prints."""

    async def stream() -> AsyncIterator[dict[str, object]]:
        for row in calls.dicts(journals().text):
            yield row

    return "\n".join([line async for line in written(stream(), Hledger())]) + "\n"


def hledger(text: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """hledger on this journal, with the settings of nobody."""
    command = ["hledger", "--file", "-", *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)


@needs_hledger
async def test_hledger_accepts_the_export_and_comes_to_the_ledgers_balances(calls: Calls) -> None:
    book(calls)
    text = await exported(calls)
    checked = hledger(text, "check", "--strict")
    assert checked.returncode == 0, checked.stderr
    balance = hledger(text, "balance", "--flat", "--no-total", "--empty", "--layout=bare", "--output-format=csv")
    read = {
        (row["account"], row["commodity"]): Decimal(row["balance"])
        for row in csv.DictReader(io.StringIO(balance.stdout))
    }
    rows = calls.dicts("SELECT * FROM ledger.account_balance")
    ours = {
        (account_name(row["provider"], row["account"]), commodity_name(row["provider"], row["coin"])): row["posted"]
        for row in rows
    }
    assert len(ours) == len(rows) > MOVES / 2
    assert {name: amount for name, amount in read.items() if amount} == {
        name: amount for name, amount in ours.items() if amount
    }


@needs_hledger
async def test_hledger_refuses_a_balance_that_is_wrong_in_its_last_decimal(calls: Calls) -> None:
    calls.adjust("adj-1", Decimal("1.000000000000000001"))
    text = await exported(calls)
    assert hledger(text, "check").returncode == 0
    right, wrong = '= 1.000000000000000001 "', '= 1.000000000000000002 "'
    assert text.count(right) == 1
    refused = hledger(text.replace(right, wrong), "check")
    assert (refused.returncode, "assertion" in refused.stderr) == (1, True)


@needs_hledger
async def test_books_without_a_line_are_accepted(calls: Calls) -> None:
    assert hledger(await exported(calls), "check", "--strict").returncode == 0
