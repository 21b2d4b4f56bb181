"""What the tables refuse even to their owner: inexact money, overdrafts, crooked journals, changed history."""

from decimal import Decimal

import psycopg
import pytest

from tests.sql.calls import Calls
from tests.sql.items import Intake, Rejection, Settlement, fails, later, moves, succeeds

APPEND_ONLY = ["journal", "entry", "attempt", "evidence", "contradiction", "refusal", "account"]


@pytest.fixture
def busy(calls: Calls) -> Calls:
    """Books with an order in every kind of state and a row in every table."""
    calls.fund("10")
    calls.admit(*(Intake(f"ord-{number}") for number in range(4)))
    calls.settle(succeeds("ord-0", lines=moves(Decimal(1))), fails("ord-1"))
    calls.settle(Settlement("ord-2", 1, "unknown", due_at=later(2), doubtful="{1}"))
    calls.reject(Rejection("ord-9"))
    calls.contradict("ord-1", "it was done")
    calls.refuse_confirmation("ref-1", "a payee")
    return calls


@pytest.mark.parametrize(
    "amount",
    [
        pytest.param("'NaN'", id="not a number"),
        pytest.param("'Infinity'", id="infinity"),
        pytest.param("'-Infinity'", id="minus infinity"),
        pytest.param("1e60", id="61 digits"),
        pytest.param("-1e60", id="minus 61 digits"),
        pytest.param("1e-25", id="25 decimals"),
        pytest.param("1.0000000000000000000000000", id="25 decimals, all zero"),
    ],
)
@pytest.mark.parametrize("column", ["posted", "held", "floor"])
def test_a_balance_is_an_exact_amount(busy: Calls, column: str, amount: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match=r"(amount|total)_is_exact"):
        busy.connection.execute(f"UPDATE ledger.balance SET {column} = {amount}::numeric".encode())


@pytest.mark.parametrize("amount", ["1e38", "-1e38"])
def test_an_amount_has_at_most_38_digits_before_the_point(busy: Calls, amount: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="amount_is_exact"):
        busy.value(f"SELECT {amount}::numeric::ledger.amount")


@pytest.mark.parametrize(
    "amount",
    ["99999999999999999999999999999999999999.999999999999999999999999", "-1e37", "0.000000000000000000000001", "0"],
)
def test_the_largest_and_the_smallest_amount_fit(busy: Calls, amount: str) -> None:
    assert busy.value(f"SELECT {amount}::ledger.amount") == Decimal(amount)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        pytest.param("posted = held - 0.000000000000000001", "balance_is_not_overdrawn", id="posted below held"),
        pytest.param("held = posted + 1", "balance_is_not_overdrawn", id="held above posted"),
        pytest.param("posted = -1, held = 0", "balance_is_not_overdrawn", id="posted below zero"),
        pytest.param("floor = posted + 1", "balance_is_not_overdrawn", id="floor above posted"),
        pytest.param("held = -1", "hold_is_not_negative", id="held below zero"),
    ],
)
def test_nobody_is_overdrawn_by_hand(busy: Calls, change: str, constraint: str) -> None:
    statement = (
        f"UPDATE ledger.balance SET {change} FROM ledger.account a WHERE a.id = account_id AND a.name = 'user:alice1'"
    )
    with pytest.raises(psycopg.errors.CheckViolation, match=constraint):
        busy.connection.execute(statement.encode())


@pytest.mark.parametrize("verb", ["UPDATE", "DELETE", "TRUNCATE"])
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_history_is_append_only(busy: Calls, table: str, verb: str) -> None:
    assert busy.count(table) > 0
    column = (
        "at"
        if table in ("journal", "evidence", "contradiction", "refusal")
        else "number"
        if table == "attempt"
        else "name"
        if table == "account"
        else "line"
    )
    statements = {
        "UPDATE": f"UPDATE ledger.{table} SET {column} = {column}",
        "DELETE": f"DELETE FROM ledger.{table}",
        "TRUNCATE": f"TRUNCATE ledger.{table} CASCADE",
    }
    with pytest.raises(psycopg.errors.RaiseException, match=f"ledger.{table} is append-only: {verb} refused"):
        busy.connection.execute(statements[verb].encode())


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_not_even_a_change_of_no_rows_is_let_through(busy: Calls, table: str) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        busy.connection.execute(f"DELETE FROM ledger.{table} WHERE false".encode())


@pytest.mark.parametrize("statement", ["DELETE FROM ledger.orders", "TRUNCATE ledger.orders CASCADE"])
def test_orders_are_kept(busy: Calls, statement: str) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="refused"):
        busy.connection.execute(statement.encode())


@pytest.mark.parametrize("order_id", ["ord-0", "ord-1", "ord-9"])
@pytest.mark.parametrize(
    "change", ["state = 'held', due_at = now()", "updated_at = now()", "order_id = 'another'", "error_code = NULL"]
)
def test_an_order_that_ended_is_never_changed(busy: Calls, order_id: str, change: str) -> None:
    before = busy.order(order_id)
    with (
        pytest.raises(psycopg.errors.RaiseException, match="append-only: UPDATE refused"),
        busy.connection.transaction(),
    ):
        busy.connection.execute(f"UPDATE ledger.orders SET {change} WHERE order_id = %s".encode(), (order_id,))
    assert busy.order(order_id) == before


def test_an_open_order_may_still_change(busy: Calls) -> None:
    busy.connection.execute("UPDATE ledger.orders SET polls = polls + 1 WHERE order_id = 'ord-2'")
    row = busy.order("ord-2")
    assert row is not None
    assert row["polls"] == 1


def entry(account: str, amount: str, version: int = 99) -> str:
    return (
        f"(SELECT id FROM ledger.account WHERE name = '{account}'), {version}, currval('ledger.journal_id_seq'), 1,"
        f" {amount}, 'transfer', {amount}"
    )


@pytest.mark.parametrize(
    ("lines", "refusal"),
    [
        pytest.param([("user:alice1", "1")], "does not sum to zero", id="one line"),
        pytest.param(
            [("user:alice1", "1"), ("custody", "-1.000000000000000001")], "does not sum to zero", id="nearly"
        ),
        pytest.param([("user:alice1", "0")], "entry_moves_something", id="a line of nothing"),
    ],
)
def test_a_journal_that_does_not_balance_is_refused(busy: Calls, lines: list[tuple[str, str]], refusal: str) -> None:
    busy.connection.execute("INSERT INTO ledger.journal (order_id, at) VALUES ('ord-2', now())")
    values = ", ".join(f"({entry(account, amount)})" for account, amount in lines)
    with pytest.raises(psycopg.Error, match=refusal):
        busy.connection.execute(f"INSERT INTO ledger.entry VALUES {values}".encode())


@pytest.mark.parametrize(
    ("account", "journal"),
    [
        pytest.param("0", "currval('ledger.journal_id_seq')", id="no such account"),
        pytest.param("(SELECT min(id) FROM ledger.account)", "0", id="no such journal"),
    ],
)
def test_an_entry_has_its_account_and_its_journal(busy: Calls, account: str, journal: str) -> None:
    busy.connection.execute("INSERT INTO ledger.journal (order_id, at) VALUES ('ord-2', now())")
    lines = f"({account}, 98, {journal}, 1, 1, 'transfer', 1), ({account}, 99, {journal}, 2, -1, 'transfer', 0)"
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="has no account, or no journal"):
        busy.connection.execute(f"INSERT INTO ledger.entry VALUES {lines}".encode())


def test_the_lines_of_a_journal_come_in_one_statement(busy: Calls) -> None:
    busy.connection.execute("INSERT INTO ledger.journal (order_id, at) VALUES ('ord-2', now())")
    for line in (entry("user:alice1", "1"), entry("custody", "-1")):
        with (
            pytest.raises(psycopg.errors.RaiseException, match="does not sum to zero"),
            busy.connection.transaction(),
        ):
            busy.connection.execute(f"INSERT INTO ledger.entry VALUES ({line})".encode())


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        pytest.param(
            "INSERT INTO ledger.journal (order_id, at) VALUES ('ord-0', now())",
            "journal_once",
            id="an order is posted once",
        ),
        pytest.param(
            "INSERT INTO ledger.entry SELECT * FROM ledger.entry",
            "entry_once",
            id="a version of an account is written once",
        ),
        pytest.param(
            "INSERT INTO ledger.attempt SELECT * FROM ledger.attempt",
            "attempt_once",
            id="an attempt has its number alone",
        ),
        pytest.param(
            "INSERT INTO ledger.outbox SELECT gen_random_uuid(), order_id, 2, true, routing_key, body, NULL, NULL,"
            " now(), NULL, now(), NULL FROM ledger.outbox WHERE order_id = 'ord-0'",
            "outbox_terminal_once",
            id="an order has one terminal event",
        ),
        pytest.param(
            "INSERT INTO ledger.asset (provider, coin) VALUES ('ccpayment', '1280')", "asset_once", id="an asset"
        ),
        pytest.param(
            "INSERT INTO ledger.account (asset_id, name) SELECT asset_id, name FROM ledger.account",
            "account_once",
            id="an account",
        ),
        pytest.param(
            "INSERT INTO ledger.orders SELECT * FROM ledger.orders WHERE order_id = 'ord-0'",
            "orders_pkey",
            id="order",
        ),
    ],
)
def test_what_is_once_is_once(busy: Calls, statement: str, constraint: str) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation, match=constraint):
        busy.connection.execute(statement.encode())


@pytest.mark.parametrize("name", ["alice1", "user:", "User:alice1", "custody2", "", "merchant "])
def test_an_account_is_a_users_the_merchants_or_custody(busy: Calls, name: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="account_name_is_known"):
        busy.connection.execute(
            "INSERT INTO ledger.account (asset_id, name) SELECT id, %s FROM ledger.asset LIMIT 1", (name,)
        )


def test_a_second_hold_cannot_be_slipped_under_an_order(busy: Calls) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="order_hold_is_whole"):
        busy.connection.execute("UPDATE ledger.orders SET hold_amount = NULL WHERE order_id = 'ord-2'")
