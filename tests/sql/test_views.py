"""The views that others read: the columns of the contract first and in order, and plain decimals in them."""

from decimal import Decimal

import pytest

from tests.sql.calls import NOW, Calls, Intake, Rejection, later, moves, succeeds

CONTRACT = {
    "order_status": [
        "order_id",
        "type",
        "provider",
        "state",
        "provider_ref",
        "attempts",
        "created_at",
        "updated_at",
        "error_code",
    ],
    "account_balance": ["account", "provider", "coin", "posted", "held", "available"],
    "entry_line": [
        "journal_id",
        "order_id",
        "at",
        "account",
        "provider",
        "coin",
        "amount",
        "purpose",
        "balance_after",
    ],
    "violation": ["invariant", "detail"],
}


@pytest.mark.parametrize("view", CONTRACT)
def test_a_view_has_the_contracts_columns_first_and_in_order(calls: Calls, view: str) -> None:
    cursor = calls.connection.execute(f"SELECT * FROM ledger.{view}".encode())
    assert cursor.description is not None
    names = [column.name for column in cursor.description]
    assert names[: len(CONTRACT[view])] == CONTRACT[view]


def test_order_status_says_how_far_each_order_is(calls: Calls) -> None:
    calls.fund("10")
    calls.admit(Intake("ord-1"))
    calls.settle(succeeds("ord-1", lines=moves(Decimal(1))), now=later(3))
    calls.reject(Rejection("ord-2", error_code="expired"))
    rows = calls.connection.execute(
        "SELECT order_id, type, provider, state, provider_ref, attempts, created_at, updated_at, error_code"
        " FROM ledger.order_status WHERE type = 'transfer' ORDER BY order_id"
    ).fetchall()
    assert rows == [
        ("ord-1", "transfer", "ccpayment", "succeeded", "ref-ord-1", 1, NOW, later(3), None),
        ("ord-2", "transfer", "ccpayment", "rejected", None, 0, NOW, NOW, "expired"),
    ]


def test_balances_and_lines_are_plain_decimals_without_padding(calls: Calls) -> None:
    calls.fund("10.500000000000000000000000")
    calls.admit(Intake("ord-1", amount=Decimal("0.500")))
    balance = calls.connection.execute(
        "SELECT posted::text, held::text, available::text FROM ledger.account_balance WHERE account = 'user:alice1'"
    ).fetchone()
    assert balance == ("10.5", "0.5", "10")
    calls.settle(succeeds("ord-1", lines=moves(Decimal("0.500"))))
    lines = calls.connection.execute(
        "SELECT amount::text, balance_after::text FROM ledger.entry_line WHERE order_id = 'ord-1' ORDER BY line"
    ).fetchall()
    assert lines == [("-0.5", "10"), ("0.5", "0.5")]


def test_an_account_that_is_open_and_empty_is_listed(calls: Calls) -> None:
    calls.value("SELECT ledger.open_accounts('{ccpayment}', '{1280}', '{merchant}')")
    assert calls.balance("merchant") == (0, 0, 0)
