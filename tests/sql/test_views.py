"""The views that others read: the columns of the contract first and in order, and plain decimals in them."""

from decimal import Decimal

import pytest

from tests.sql.calls import Calls
from tests.sql.items import NOW, Intake, Rejection, later, moves, succeeds, waits

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
    "coin_data": ["provider", "coin", "symbol", "decimals", "enabled", "minimum", "price_usd", "fetched_at"],
    "job_status": ["name", "run", "started_at", "finished_at", "seconds", "result", "due_at"],
}


@pytest.mark.parametrize("view", CONTRACT)
def test_a_view_has_the_contracts_columns_in_order_and_no_other(calls: Calls, view: str) -> None:
    cursor = calls.connection.execute(f"SELECT * FROM ledger.{view}".encode())
    assert cursor.description is not None
    names = [column.name for column in cursor.description]
    assert names == CONTRACT[view]


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


def test_order_detail_is_the_whole_order_with_its_hold_by_name(calls: Calls) -> None:
    calls.fund("10")
    calls.admit(Intake("ord-1", amount=Decimal("0.500"), command='{"a": "b"}', message_id="m", app_id="app"))
    calls.settle(waits("ord-1", 1, "unknown", provider_ref="ref", error_code="why", doubt_since=NOW, polls=3))
    row = calls.dicts("SELECT * FROM ledger.order_detail WHERE type = 'transfer'")[0]
    expected = {
        "order_id": "ord-1",
        "provider": "ccpayment",
        "state": "unknown",
        "command": {"a": "b"},
        "provider_ref": "ref",
        "error_code": "why",
        "hold_account": "user:alice1",
        "attempts": 1,
        "doubtful": [1],
        "polls": 3,
        "due_at": later(2),
        "doubt_since": NOW,
        "message_id": "m",
        "app_id": "app",
    }
    assert {name: row[name] for name in expected} == expected
    assert str(row["hold_amount"]) == "0.5"


def test_order_detail_lists_orders_that_hold_nothing_too(calls: Calls) -> None:
    calls.reject(Rejection("ord-1"))
    rows = calls.connection.execute("SELECT order_id, hold_account, hold_amount FROM ledger.order_detail").fetchall()
    assert rows == [("ord-1", None, None)]


def test_attempts_are_shown_as_text_and_without_their_signatures(calls: Calls) -> None:
    calls.fund("10")
    calls.admit(Intake("ord-1", body='{"remark":"café"}'.encode(), signed_at=later(-1), signature="hush"))
    calls.start_attempt("ord-1", 1, b"{}", now=later(40))
    rows = calls.connection.execute("SELECT * FROM ledger.attempt_line ORDER BY number").fetchall()
    assert rows == [
        ("ord-1", 1, '{"remark":"café"}', later(-1), NOW),
        ("ord-1", 2, "{}", later(40), later(40)),
    ]


def test_refused_confirmations_are_shown_with_their_reason(calls: Calls) -> None:
    calls.refuse_confirmation("w-1", "a payee")
    rows = calls.connection.execute("SELECT * FROM ledger.refused_confirmation").fetchall()
    assert rows == [("ccpayment", "w-1", "a reason", NOW)]


def test_balances_and_lines_are_plain_decimals_without_padding(calls: Calls) -> None:
    calls.fund("10.500000000000000000000000")
    calls.admit(Intake("ord-1", amount=Decimal("0.500")))
    balance = calls.connection.execute(
        "SELECT posted::text, held::text, available::text FROM ledger.account_balance WHERE account = 'user:alice1'"
    ).fetchone()
    assert balance == ("10.5", "0.5", "10")
    calls.settle(succeeds("ord-1", lines=moves(Decimal("0.500"))))
    lines = calls.connection.execute(
        "SELECT amount::text, balance_after::text FROM ledger.numbered_line WHERE order_id = 'ord-1' ORDER BY line"
    ).fetchall()
    assert lines == [("-0.5", "10"), ("0.5", "0.5")]


def test_an_account_that_is_open_and_empty_is_listed(calls: Calls) -> None:
    calls.value("SELECT ledger.open_accounts('{ccpayment}', '{1280}', '{merchant}')")
    assert calls.balance("merchant") == (0, 0, 0)
