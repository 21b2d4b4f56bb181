"""Role ledger_worker: executes the functions of the worker, reads the views, and can do nothing else."""

from decimal import Decimal

import psycopg
import pytest

from tests.sql.calls import Calls
from tests.sql.deposit_calls import Deposit, credit
from tests.sql.items import Coin, Intake, Rejection, fails, later, moves, succeeds

EXECUTABLE = {
    "admit",
    "reject",
    "start_attempt",
    "settle",
    "read_orders",
    "claim",
    "announce",
    "replay",
    "take_outbox",
    "mark_outbox",
    "postpone_outbox",
    "adjust",
    "contradict",
    "bound",
    "store_coins",
    "take_job",
    "keep_job",
    "end_job",
    "confirmation",
    "payment_in_doubt",
    "refuse_confirmation",
    "hasten",
    "remember_webhook",
    "note_deposit",
    "credit_deposit",
    "take_deposits",
    "postpone_deposit",
    "take_webhooks",
    "end_webhook",
    "forget_webhooks",
    "take_scans",
    "end_scan",
    "rescan_for",
    "credited_deposit",
    "hasten_rescans",
    "positions",
    "owned",
    "account_names",
    "open_payments",
    "booked_orders",
    "booked_deposits",
    "ended_orders",
    "count_ended",
    "credited_in",
    "note_drift",
    "open_drift",
    "reconciled_until",
    "end_reconcile",
    "begin_replay",
    "close_violations",
    "end_replay",
}
READABLE = {
    "order_status",
    "account_balance",
    "entry_line",
    "numbered_line",
    "evidence_line",
    "violation",
    "coin_data",
    "job_status",
    "order_detail",
    "attempt_line",
    "refused_confirmation",
    "deposit_line",
    "drift",
    "letter_replay",
    "closed_violation",
    "unbound_event",
}
TABLES = [
    "asset",
    "account",
    "balance",
    "orders",
    "attempt",
    "evidence",
    "journal",
    "entry",
    "outbox",
    "contradiction",
    "coin",
    "job",
    "refusal",
    "webhook",
    "deposit",
    "deposit_scan",
    "difference",
    "reconciliation",
    "replayed_letter",
    "replayed_letter_end",
]


@pytest.fixture
def worker(calls: Calls) -> Calls:
    """The functions, as the worker's role."""
    calls.connection.execute("SET ROLE ledger_worker")
    return calls


def test_the_worker_may_execute_exactly_these_functions(calls: Calls) -> None:
    rows = calls.connection.execute(
        "SELECT p.proname, has_function_privilege('ledger_worker', p.oid, 'EXECUTE') FROM pg_proc p"
        " WHERE p.pronamespace = 'ledger'::regnamespace"
    ).fetchall()
    names = [name for name, _ in rows]
    assert len(set(names)) == len(names), "an overloaded function would be granted by name"
    assert {name for name, executable in rows if executable} == EXECUTABLE
    assert set(names) > EXECUTABLE


def test_the_worker_may_read_exactly_these_views_and_write_nothing(calls: Calls) -> None:
    rows = calls.connection.execute(
        "SELECT c.relname, privilege, has_table_privilege('ledger_worker', c.oid, privilege)"
        "  FROM pg_class c, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS privilege"
        " WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f')"
    ).fetchall()
    assert {name for name, _, _ in rows} > {*TABLES, *READABLE}
    assert {(name, privilege) for name, privilege, granted in rows if granted} == {
        (name, "SELECT") for name in READABLE
    }


def test_no_column_and_no_sequence_is_open_to_the_worker(calls: Calls) -> None:
    columns = calls.value(
        "SELECT count(*) FROM information_schema.column_privileges WHERE grantee = 'ledger_worker'"
        " AND table_schema = 'ledger' AND table_name <> ALL (%s)",
        list(READABLE),
    )
    sequences = calls.value(
        "WITH s AS MATERIALIZED"
        " (SELECT oid FROM pg_class WHERE relkind = 'S' AND relnamespace = 'ledger'::regnamespace)"
        " SELECT count(*) FILTER (WHERE has_sequence_privilege('ledger_worker', oid, 'USAGE, SELECT, UPDATE')) FROM s"
    )
    assert (columns, sequences) == (0, 0)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM ledger.{}",
        "DELETE FROM ledger.{}",
        "TRUNCATE ledger.{}",
        "INSERT INTO ledger.{} DEFAULT VALUES",
    ],
)
@pytest.mark.parametrize("table", TABLES)
def test_the_worker_is_denied_every_table(worker: Calls, table: str, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        worker.connection.execute(statement.format(table).encode())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.balance SET posted = 1000",
        "UPDATE ledger.orders SET state = 'succeeded'",
        "UPDATE ledger.outbox SET published_at = now()",
        "UPDATE ledger.order_status SET state = 'succeeded'",
        "SELECT body FROM ledger.attempt FOR UPDATE",
        "ALTER TABLE ledger.entry DISABLE TRIGGER ALL",
        "DROP TRIGGER zero_sum ON ledger.entry",
        "CREATE TABLE ledger.mine (x integer)",
        "CREATE FUNCTION ledger.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "SET session_replication_role = replica",
        "SELECT ledger.open_accounts('{p}', '{c}', '{custody}')",
        "SELECT ledger.find_accounts('{p}', '{c}', '{custody}')",
        "SELECT ledger.admit_all_at_once('{}', '{}', '{}', '{}', '{}')",
        "SELECT ledger.admit_one_by_one('{}', '{}', '{}', '{}', '{}', '{}')",
        "SELECT ledger.has_payment_in_doubt('p', 'a payee')",
        "SELECT ledger.keep_back('{}', '{}', '{}', '{}', '{}')",
        "SELECT ledger.check_zero_sum()",
        "SELECT ledger.refuse_change()",
    ],
)
def test_the_worker_is_denied_everything_else(worker: Calls, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        worker.connection.execute(statement.encode())


def test_the_worker_does_its_whole_work_through_functions_and_views(worker: Calls) -> None:
    worker.fund("10")
    assert worker.admit_verdicts(Intake("ord-1"), Intake("ord-2"), Intake("ord-3")) == ["admitted"] * 3
    assert worker.reject(Rejection("ord-9")) == [("rejected", "rejected", 1)]
    assert worker.claim(now=later(30), lease_until=later(60)) == {"ord-1", "ord-2", "ord-3"}
    assert worker.start_attempt("ord-1", 2) == "started"
    assert worker.settle(succeeds("ord-1", 3, lines=moves(Decimal(1))), fails("ord-2", 2)) == ["settled", "settled"]
    assert worker.read("ord-1")[0]["state"] == "succeeded"
    taken = worker.take_outbox(now=later(90))
    assert len(taken) == 3
    assert worker.mark_outbox(*taken) == 3
    for event_id in taken:
        worker.replay(event_id)
        worker.announce(event_id)
    worker.postpone_outbox(*worker.take_outbox(now=later(90)))
    assert worker.bound("ccpayment", "ref-ord-1") == set(), "a transfer has its order id at the provider"
    worker.store_coins("ccpayment", Coin("1280"))
    worker.end_job(worker.take_job() or 0, later(1), later(60))
    assert worker.payment_in_doubt("a payee") is None
    assert worker.refuse_confirmation("ref-1", "a payee")
    assert worker.confirmation("ref-1") == (None, None, True)
    assert worker.hasten(order_id="ord-3", now=later(30)) == 0
    assert worker.remember_webhook(b"digest")
    assert credit(worker, Deposit()) == "credited"
    for view in READABLE - {"violation", "drift", "letter_replay", "closed_violation"}:
        assert worker.count(view) > 0
    assert worker.violations() == set()
    assert worker.contradict("ord-2", "it was done")
    assert worker.violations() == {"no evidence contradicts how an order ended"}


def test_a_function_finds_its_own_tables_whatever_the_caller_puts_before_them(worker: Calls) -> None:
    worker.fund("10")
    worker.connection.execute("CREATE TEMP TABLE balance (account_id bigint, posted numeric, held numeric)")
    worker.connection.execute("CREATE TEMP TABLE orders (order_id text, fingerprint bytea)")
    worker.connection.execute("SET search_path = pg_temp, public")
    assert worker.admit_verdicts(Intake("ord-1", amount=Decimal(11))) == ["insufficient_funds"]
    assert worker.admit_verdicts(Intake("ord-1")) == ["admitted"]
    assert worker.held() == 1


def test_every_function_of_the_worker_runs_as_the_owner_on_a_fixed_path(calls: Calls) -> None:
    rows = calls.connection.execute(
        "SELECT proname, prosecdef, proconfig FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace"
    ).fetchall()
    assert {name for name, is_definer, _ in rows if is_definer} == EXECUTABLE
    assert {tuple(config) for _, is_definer, config in rows if is_definer} == {("search_path=ledger, pg_temp",)}
