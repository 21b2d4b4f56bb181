"""Exports: files that Beancount itself accepts, with names that stand for one thing each."""

import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from beancount import loader
from beancount.core import realization
from hypothesis import given
from hypothesis import strategies as st

from schemas.money import negate, show, total
from worker.export import FORMATS, Beancount, Hledger, written
from worker.export_names import COMMODITY_CHARACTERS, account_name, commodity_name, user_id_of

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
USER_IDS = st.from_regex(r"(?!sys)[A-Za-z0-9_.:@-]{5,64}", fullmatch=True)
NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,50}", fullmatch=True)
AMOUNTS = st.decimals("0.000000000000000001", "1000000", places=18, allow_nan=False).map(abs)

Row = dict[str, Any]


class Books:
    """Ledger lines as the view has them."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.balances: dict[tuple[str, str, str], Decimal] = {}
        self._journals = 0

    def move(self, payer: str, receiver: str, amount: str | Decimal, **changes: Any) -> None:
        """One journal of two lines."""
        self._journals += 1
        size = Decimal(amount)
        for account, signed in ((payer, negate(size)), (receiver, size)):
            row = {
                "journal_id": self._journals,
                "order_id": f"ord-{self._journals}",
                "at": NOW,
                "account": account,
                "provider": "ccpayment",
                "coin": "1280",
                "amount": signed,
                "purpose": "transfer",
                **changes,
            }
            key = (row["provider"], row["coin"], account)
            self.balances[key] = total([self.balances.get(key, Decimal(0)), signed])
            self.rows.append({**row, "balance_after": self.balances[key]})

    async def stream(self) -> AsyncIterator[Row]:
        for row in self.rows:
            yield row


async def exported(books: Books, form: str = "beancount") -> str:
    return "\n".join([line async for line in written(books.stream(), FORMATS[form]())]) + "\n"


def load(text: str) -> tuple[Sequence[Any], Sequence[Any]]:
    """What Beancount reads, and what it objects to."""
    entries, errors, _ = loader.load_string(text)
    return entries, errors


def read_balances(entries: Sequence[Any]) -> dict[tuple[str, str], Decimal]:
    root = realization.realize(entries)
    return {
        (account.account, position.units.currency): position.units.number
        for account in realization.iter_children(root)
        for position in account.balance
    }


async def test_beancount_accepts_the_file_and_comes_to_the_same_balances() -> None:
    books = Books()
    books.move("custody", "user:alice1", "100.000000000000000001", purpose="adjust")
    books.move("user:alice1", "user:b:o.b@x_y-z", "0.5")
    books.move("user:alice1", "merchant", "1.25", at=NOW + timedelta(days=1))
    books.move("custody", "merchant", "3", provider="coinqpay", coin="TRON_USDT")
    entries, errors = load(await exported(books))
    assert errors == []
    assert read_balances(entries) == {
        (account_name(provider, account), commodity_name(provider, coin)): balance
        for (provider, coin, account), balance in books.balances.items()
        if balance
    }
    assert [type(entry).__name__ for entry in entries].count("Balance") == len(books.balances)


async def test_a_journal_is_a_transaction_with_its_lines_as_they_are() -> None:
    books = Books()
    books.move("user:alice1", "user:bob123", "0.005", order_id='deposit:ccpayment:a"b\\c')
    lines = (await exported(books)).splitlines()
    at = lines.index('2026-11-20 * "transfer" "deposit:ccpayment:a\\"b\\\\c"')
    assert lines[at + 1 : at + 7] == [
        '  at: "2026-11-20T10:00:00+00:00"',
        '  journal: "1"',
        "  Assets:Ccpayment:User:Ualice1  -0.005 CCPAYMENT-1280",
        '    purpose: "transfer"',
        "  Assets:Ccpayment:User:Ubob123  0.005 CCPAYMENT-1280",
        '    purpose: "transfer"',
    ]
    assert lines[-2:] == [
        "2026-11-21 balance Assets:Ccpayment:User:Ualice1  -0.005 ~ 0 CCPAYMENT-1280",
        "2026-11-21 balance Assets:Ccpayment:User:Ubob123  0.005 ~ 0 CCPAYMENT-1280",
    ]
    assert load("\n".join(lines))[1] == []


async def test_a_balance_that_the_lines_do_not_come_to_is_refused_to_the_last_decimal() -> None:
    books = Books()
    books.move("custody", "merchant", "1")
    books.rows[-1]["balance_after"] = Decimal("1.000000000000000001")
    [error] = load(await exported(books))[1]
    assert "Balance failed" in error.message


async def test_books_without_a_line_make_a_file_without_one() -> None:
    for form in FORMATS:
        text = await exported(Books(), form)
        assert "balance" not in text
    assert load(await exported(Books()))[1] == []


async def test_journals_out_of_the_order_of_their_days_are_accepted() -> None:
    books = Books()
    books.move("custody", "merchant", "1", at=NOW)
    books.move("merchant", "user:alice1", "1", at=NOW - timedelta(days=1))
    assert load(await exported(books))[1] == []


@given(st.lists(st.tuples(USER_IDS, NAMES, AMOUNTS), min_size=1, max_size=8))
async def test_beancount_accepts_whatever_the_ledger_may_hold(moves: list[tuple[str, str, Decimal]]) -> None:
    books = Books()
    for user_id, coin, amount in moves:
        books.move("custody", f"user:{user_id}", amount, coin=coin)
    entries, errors = load(await exported(books))
    assert errors == []
    assert len(read_balances(entries)) == len(books.balances)


@given(NAMES, NAMES)
async def test_beancount_accepts_any_provider_that_an_adjustment_may_name(provider: str, coin: str) -> None:
    books = Books()
    books.move("custody", "merchant", "1", provider=provider, coin=coin)
    assert load(await exported(books))[1] == []


@given(USER_IDS)
def test_a_user_can_be_told_from_the_name(user_id: str) -> None:
    assert user_id_of(account_name("ccpayment", f"user:{user_id}")) == user_id


@given(st.tuples(NAMES, NAMES), st.tuples(NAMES, NAMES))
def test_no_two_coins_share_a_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    names = {commodity_name(*one), commodity_name(*other)}
    assert len(names) == len({one, other})
    assert all(len(name) <= COMMODITY_CHARACTERS for name in names)


LOOKALIKES = [
    (("ccpayment", "usdt"), ("ccpayment", "USDT")),
    (("ccpayment", "A-B"), ("ccpayment-a", "B")),
    (("ccpayment", "X" * 30), ("ccpayment", "X" * 31)),
    (("ccpayment", "USDT-"), ("ccpayment", "USDT")),
    (("CCpayment", "1"), ("ccpayment", "1")),
]


@pytest.mark.parametrize(("one", "other"), LOOKALIKES)
def test_coins_that_look_alike_have_names_of_their_own(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert commodity_name(*one) != commodity_name(*other)
    assert account_name(one[0], "merchant") != account_name(other[0], "merchant") or one[0] == other[0]


def test_usual_names_are_readable() -> None:
    assert commodity_name("ccpayment", "1280") == "CCPAYMENT-1280"
    assert commodity_name("coinqpay", "TRON_USDT") == "COINQPAY-TRON_USDT"
    assert account_name("coinqpay", "custody") == "Equity:Coinqpay:Custody"


async def test_hledger_gets_the_same_with_assertions_at_the_end() -> None:
    books = Books()
    books.move("custody", "user:alice1", "5", purpose="deposit")
    text = await exported(books, "hledger")
    assert '    Assets:Ccpayment:User:Ualice1  5 "CCPAYMENT-1280"  ; purpose: deposit' in text
    assert text.endswith(
        "2026-11-21 * balances\n"
        '    Equity:Ccpayment:Custody  0 "CCPAYMENT-1280" = -5 "CCPAYMENT-1280"\n'
        '    Assets:Ccpayment:User:Ualice1  0 "CCPAYMENT-1280" = 5 "CCPAYMENT-1280"\n'
    )
    assert not re.search(r"[^\x20-\x7e\n]", text)
    assert show(books.rows[-1]["amount"]) == "5"
    assert FORMATS.keys() == {"beancount", "hledger"}
    assert {Beancount, Hledger} == set(FORMATS.values())
