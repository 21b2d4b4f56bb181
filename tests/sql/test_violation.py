"""ledger.violation: empty for honest books, and a row for each promise that somebody broke behind the triggers."""

from decimal import Decimal

import psycopg
import pytest

from tests.sql.calls import Calls
from tests.sql.deposit_calls import Deposit, credit, note
from tests.sql.items import Intake, Rejection, Settlement, fails, later, moves, succeeds, waits


@pytest.fixture
def books(calls: Calls) -> Calls:
    """Busy, honest books: orders in every state, several coins, adjustments."""
    calls.fund("10")
    calls.fund("5", coin="1329")
    calls.fund("3", account="merchant")
    calls.admit(*(Intake(f"ord-{number}") for number in range(8)))
    calls.admit(Intake("ord-m", account="merchant"), Intake("ord-none", account=None, coin=None, amount=None))
    calls.settle(
        succeeds("ord-0", lines=moves(Decimal(1))),
        fails("ord-1"),
        *(
            Settlement(f"ord-{number}", 1, state, due_at=later(2), doubtful="{1}")
            for number, state in enumerate(("held", "unknown", "processing", "review"), start=2)
        ),
    )
    calls.start_attempt("ord-3", 2)
    collect(calls)
    pay_out(calls)
    calls.reject(Rejection("ord-r"))
    calls.adjust("adj-1", Decimal(-2))
    return calls


def collect(calls: Calls) -> None:
    """Orders to collect a payment: one paid, its deposit posted by itself, one open and one expired. One gift."""
    names = "col-paid", "col-open", "col-over"
    calls.admit(*(Intake(name, type="payOrder", account=None, coin=None, amount=None) for name in names))
    assert credit(calls, Deposit("p-1", "payOrder", "merchant")) == "credited"
    assert credit(calls, Deposit("rec-1", "user", "user:carol5", tx_id="0xdef")) == "credited"
    note(calls, Deposit("rec-2", "user", tx_id="0x123"))
    calls.settle(
        succeeds("col-paid", lines=(), provider_ref="p-1"),
        waits("col-open", 1, "processing", provider_ref="p-2"),
        fails("col-over", provider_ref="p-3"),
    )


def pay_out(calls: Calls) -> None:
    """Equal payments without order ids: one bound to a withdrawal, one in doubt, one waiting."""
    items = [Intake(f"pay-{number}", account=None, coin=None, amount=None, payee="a payee") for number in range(3)]
    calls.admit(*items)
    calls.settle(waits("pay-0", 1, "processing", provider_ref="w-1"))
    calls.start_attempt("pay-1", 1)
    calls.start_attempt("pay-2", 1)


ALICE = (
    "(SELECT a.id FROM ledger.account a JOIN ledger.asset s ON s.id = a.asset_id"
    " WHERE a.name = 'user:alice1' AND s.coin = '1280')"
)


JOURNAL_OF_ORD_0 = "(SELECT id FROM ledger.journal WHERE order_id = 'ord-0')"
JOURNAL_OF_P_1 = "(SELECT id FROM ledger.journal WHERE order_id = 'deposit:ccpayment:p-1')"

PLANTED = [
    pytest.param(
        f"UPDATE ledger.entry SET amount = amount + 5 WHERE journal_id = {JOURNAL_OF_ORD_0} AND line = 1",
        "journal sums to zero",
        id="a line was changed",
    ),
    pytest.param(
        f"DELETE FROM ledger.entry WHERE journal_id = {JOURNAL_OF_ORD_0} AND line = 2",
        "journal sums to zero",
        id="a line was deleted",
    ),
    pytest.param(
        f"DELETE FROM ledger.entry WHERE journal_id = {JOURNAL_OF_ORD_0}",
        "journal has lines",
        id="all lines of a journal were deleted",
    ),
    pytest.param(
        f"UPDATE ledger.balance SET posted = posted + 1 WHERE account_id = {ALICE}",
        "balance is the sum of its entries",
        id="a balance was changed",
    ),
    pytest.param(
        f"UPDATE ledger.balance SET version = version + 1 WHERE account_id = {ALICE}",
        "balance is the sum of its entries",
        id="a version was skipped",
    ),
    pytest.param(
        f"UPDATE ledger.entry SET version = version + 5 WHERE account_id = {ALICE} AND version ="
        f" (SELECT max(version) FROM ledger.entry WHERE account_id = {ALICE})",
        "balance is the sum of its entries",
        id="an entry has a version of its own",
    ),
    pytest.param(
        "WITH made AS (INSERT INTO ledger.account (asset_id, name) SELECT min(id), 'user:ghost' FROM ledger.asset"
        " RETURNING id) INSERT INTO ledger.balance (account_id, posted, floor) SELECT id, 7, 0 FROM made",
        "balance is the sum of its entries",
        id="money without any entry",
    ),
    pytest.param(
        f"UPDATE ledger.entry SET balance_after = 77 WHERE journal_id = {JOURNAL_OF_ORD_0} AND line = 2",
        "entries are a chain",
        id="a balance after was changed",
    ),
    pytest.param(
        "INSERT INTO ledger.account (asset_id, name) SELECT min(id), 'user:ghost' FROM ledger.asset",
        "account has a balance",
        id="an account without a balance",
    ),
    pytest.param(
        f"UPDATE ledger.balance SET floor = -100, posted = -1, held = 0 WHERE account_id = {ALICE}",
        "nobody but custody is overdrawn",
        id="a floor below zero, and an overdraft",
    ),
    pytest.param(
        f"UPDATE ledger.balance SET floor = NULL WHERE account_id = {ALICE}",
        "nobody but custody is overdrawn",
        id="no floor under a user",
    ),
    pytest.param(
        f"UPDATE ledger.balance SET held = held + 0.5 WHERE account_id = {ALICE}",
        "held is the sum of the open orders' holds",
        id="more is held than was promised",
    ),
    pytest.param(
        f"UPDATE ledger.balance SET held = 0 WHERE account_id = {ALICE}",
        "held is the sum of the open orders' holds",
        id="a hold was lost",
    ),
    pytest.param(
        "UPDATE ledger.orders SET hold_amount = 2 WHERE order_id = 'ord-3'",
        "held is the sum of the open orders' holds",
        id="an order promises more than is held",
    ),
    pytest.param(
        "DELETE FROM ledger.outbox WHERE order_id = 'ord-1'",
        "an order ends with exactly one terminal event",
        id="a terminal event was lost",
    ),
    pytest.param(
        "UPDATE ledger.outbox SET terminal = false WHERE order_id = 'ord-r'",
        "an order ends with exactly one terminal event",
        id="a terminal event is none",
    ),
    pytest.param(
        "INSERT INTO ledger.outbox VALUES (gen_random_uuid(), 'ord-3', 1, true, 'k', '{}', NULL, NULL, now(), NULL,"
        " now(), NULL)",
        "an order ends with exactly one terminal event",
        id="an open order has a terminal event",
    ),
    pytest.param(
        f"WITH gone AS (DELETE FROM ledger.entry WHERE journal_id = {JOURNAL_OF_ORD_0})"
        " DELETE FROM ledger.journal WHERE order_id = 'ord-0'",
        "what succeeded is posted, and nothing else",
        id="a success without a journal",
    ),
    pytest.param(
        "INSERT INTO ledger.journal (order_id, at) VALUES ('ord-1', now())",
        "what succeeded is posted, and nothing else",
        id="a failure with a journal",
    ),
    pytest.param(
        "INSERT INTO ledger.journal (order_id, at) VALUES ('ord-3', now())",
        "what succeeded is posted, and nothing else",
        id="an open order with a journal",
    ),
    pytest.param(
        "INSERT INTO ledger.journal (order_id, at) VALUES ('nobody', now())",
        "a journal belongs to an order or a deposit",
        id="a journal of nobody",
    ),
    pytest.param(
        f"WITH gone AS (DELETE FROM ledger.entry WHERE journal_id = {JOURNAL_OF_P_1})"
        f" DELETE FROM ledger.journal WHERE id = {JOURNAL_OF_P_1}",
        "what succeeded is posted, and nothing else",
        id="a paid order whose deposit was not posted",
    ),
    pytest.param(
        f"UPDATE ledger.journal SET order_id = 'col-paid' WHERE id = {JOURNAL_OF_P_1}",
        "what succeeded is posted, and nothing else",
        id="a paid order whose deposit was posted under its own name",
    ),
    pytest.param(
        "INSERT INTO ledger.journal (order_id, at) VALUES ('deposit:ccpayment:p-2', now())",
        "a journal belongs to an order or a deposit",
        id="an order that is not paid with a deposit",
    ),
    pytest.param(
        "INSERT INTO ledger.journal (order_id, at) VALUES ('deposit:ccpayment:p-3', now())",
        "a journal belongs to an order or a deposit",
        id="an order that expired with a deposit",
    ),
    pytest.param(
        "INSERT INTO ledger.journal (order_id, at) VALUES ('deposit:ccpayment:p-9', now())",
        "a journal belongs to an order or a deposit",
        id="a deposit that nobody has seen",
    ),
    pytest.param(
        "INSERT INTO ledger.journal (order_id, at) VALUES ('deposit:ccpayment:rec-2', now())",
        "a journal belongs to an order or a deposit",
        id="a deposit that is not credited",
    ),
    pytest.param(
        "UPDATE ledger.deposit SET state = 'credited' WHERE record_id = 'rec-2'",
        "a credited deposit is posted",
        id="a deposit that is credited and not posted",
    ),
    pytest.param(
        "UPDATE ledger.journal SET order_id = 'deposit:coinqpay:rec-1' WHERE order_id = 'deposit:ccpayment:rec-1'",
        "a journal belongs to an order or a deposit",
        id="a deposit under the name of another provider",
    ),
    pytest.param(
        "UPDATE ledger.orders SET attempts = 2 WHERE order_id = 'ord-4'",
        "every attempt was written down",
        id="an attempt that was not written down",
    ),
    pytest.param(
        "DELETE FROM ledger.attempt WHERE order_id = 'ord-4'",
        "every attempt was written down",
        id="an attempt was deleted",
    ),
    pytest.param(
        "INSERT INTO ledger.attempt VALUES ('ord-4', 2, '', now())",
        "every attempt was written down",
        id="an attempt too many",
    ),
    pytest.param(
        "UPDATE ledger.deposit SET note = 'credited, the provider now says failed'",
        "a credited deposit stays what the provider says",
        id="a credited deposit that the provider takes back",
    ),
    pytest.param(
        "INSERT INTO ledger.contradiction (order_id, at, detail) VALUES ('ord-1', now(), 'it was done')",
        "no evidence contradicts how an order ended",
        id="late evidence",
    ),
]


def test_honest_books_have_no_violation(books: Calls) -> None:
    assert books.violations() == set()


def test_every_invariant_has_a_test_that_breaks_it(books: Calls) -> None:
    definition = books.value("SELECT pg_get_viewdef('ledger.violation'::regclass)")
    promised = {
        line.split("'", 1)[1].rsplit("'", 1)[0].replace("''", "'")
        for line in definition.splitlines()
        if line.strip().startswith("SELECT '") or line.strip().endswith("AS invariant,")
    }
    assert promised == {str(parameters.values[1]) for parameters in PLANTED}


@pytest.mark.parametrize(("crime", "invariant"), PLANTED)
def test_a_broken_promise_has_its_row(books: Calls, crime: str, invariant: str) -> None:
    connection: psycopg.Connection = books.connection
    connection.execute("SET session_replication_role = replica")  # no trigger, no foreign key
    assert connection.execute(crime.encode()).rowcount > 0
    assert invariant in books.violations()


def test_a_violation_names_what_is_wrong(books: Calls) -> None:
    books.connection.execute(f"UPDATE ledger.balance SET posted = posted + 1.5 WHERE account_id = {ALICE}".encode())
    [(invariant, detail)] = books.connection.execute("SELECT * FROM ledger.violation").fetchall()
    assert invariant == "balance is the sum of its entries"
    assert "user:alice1 ccpayment/1280" in detail
    assert "posted 8.5" in detail


# ---------------------------------------------------------------- closed by a person

CONTRADICT = "INSERT INTO ledger.contradiction (order_id, at, detail) VALUES ('ord-1', now(), %s)"
GIVEN_BACK = "UPDATE ledger.deposit SET note = %s WHERE record_id = 'rec-1'"


def close(books: Calls, subject: str) -> list[str]:
    rows = books.connection.execute(
        "SELECT ledger.close_violations(%s, 'carol', 'paid by hand, ticket 4711', %s)", (subject, later(9))
    )
    return [detail for (detail,) in rows.fetchall()]


def test_evidence_against_an_order_is_closed_by_a_person_and_the_books_stay_as_they_are(books: Calls) -> None:
    books.connection.execute(CONTRADICT, ("it was done",))
    before = books.order("ord-1"), books.count("entry"), books.balance()
    assert close(books, "ord-2") == []
    assert close(books, "ord-1") == ["ord-1: it was done"]
    assert close(books, "ord-1") == [], "it is closed"
    assert books.violations() == set()
    assert (books.order("ord-1"), books.count("entry"), books.balance()) == before
    [closed] = books.dicts("SELECT * FROM ledger.closed_violation")
    assert closed == {
        "subject": "ord-1",
        "invariant": "no evidence contradicts how an order ended",
        "detail": "ord-1: it was done",
        "closed_by": "carol",
        "reason": "paid by hand, ticket 4711",
        "at": later(9),
    }


def test_what_is_said_later_in_other_words_is_open_again(books: Calls) -> None:
    books.connection.execute(CONTRADICT, ("it was done",))
    close(books, "ord-1")
    books.connection.execute(CONTRADICT, ("it was done twice",))
    assert books.violations() == {"no evidence contradicts how an order ended"}
    assert close(books, "ord-1") == ["ord-1: it was done twice"]


def test_what_is_said_against_a_deposit_is_closed_by_its_name(books: Calls) -> None:
    books.connection.execute(GIVEN_BACK, ("credited, the provider now says failed",))
    assert close(books, "deposit:coinqpay:rec-1") == []
    assert close(books, "rec-1") == []
    detail = "deposit ccpayment:rec-1: credited, the provider now says failed"
    assert close(books, "deposit:ccpayment:rec-1") == [detail]
    assert books.violations() == set()
    books.connection.execute(GIVEN_BACK, ("credited, the provider now says risky",))
    assert books.violations() == {"a credited deposit stays what the provider says"}


def test_no_other_broken_promise_can_be_closed(books: Calls) -> None:
    books.connection.execute("SET session_replication_role = replica")
    for crime in (str(parameters.values[0]) for parameters in PLANTED[:-2]):
        with books.connection.transaction(force_rollback=True):
            books.connection.execute(crime.encode())
            before = books.violations()
            assert [close(books, f"ord-{number}") for number in range(8)] == [[]] * 8
            assert books.violations() == before != set()


def test_what_was_closed_is_never_changed(books: Calls) -> None:
    books.connection.execute(CONTRADICT, ("it was done",))
    close(books, "ord-1")
    for change in ("UPDATE ledger.closing SET reason = 'none'", "DELETE FROM ledger.closing"):
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"), books.connection.transaction():
            books.connection.execute(change.encode())
