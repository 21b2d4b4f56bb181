"""What the loops ask again and again reads a bounded part of the tables, however much has gone through them."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.sql.calls import Calls
from tests.sql.connections import connected
from tests.sql.items import Intake, Line, succeeds

ENDED = 50_000
WAITING = 20
# Of 8 KiB each: twenty rows, and what writing them touches in every index. Each table has more, or the bound is none.
PAGES_MAX = 500
# Twenty orders, each with a row or two in every table and its indexes: some 28 pages each, and some 80. With a tenth
# of the orders they are an eighth less: what grows is the height of the indexes.
ADMIT_PAGES_MAX = 700
SETTLE_PAGES_MAX = 1800

# Orders that ended, with their published events; and a few that wait for somebody. No constraint is left out.
_ORDERS = f"""
INSERT INTO ledger.orders (order_id, type, provider, fingerprint, command, state, due_at, events, created_at,
                           updated_at)
SELECT 'ord-' || n, 'transfer', 'ccpayment', 'content', '{{}}',
       CASE WHEN n <= {ENDED} THEN 'succeeded' ELSE 'sending' END,
       CASE WHEN n > {ENDED} THEN timestamptz '2026-11-20 10:00+00' END, 1, now(), now()
  FROM generate_series(1, {ENDED + WAITING}) n
"""
_EVENTS = f"""
INSERT INTO ledger.outbox (event_id, order_id, sequence, terminal, routing_key, body, created_at, lease_until,
                           published_at)
SELECT gen_random_uuid(), 'ord-' || n, 1, true, 'transfer.succeeded', '{{}}', now(), '2026-11-20 10:00+00',
       CASE WHEN n <= {ENDED} THEN now() END
  FROM generate_series(1, {ENDED + WAITING}) n
"""

# Each order's journal: one coin from the one to the other.
_ACCOUNTS = f"""
INSERT INTO ledger.asset (provider, coin) VALUES ('ccpayment', '1280');
INSERT INTO ledger.account (asset_id, name)
SELECT id, unnest('{{user:alice1,user:bob123}}'::text[]) FROM ledger.asset;
INSERT INTO ledger.balance (account_id, posted, version, floor)
SELECT id, CASE name WHEN 'user:alice1' THEN 1000000 - {ENDED} ELSE {ENDED} END, {ENDED}, 0 FROM ledger.account;
INSERT INTO ledger.journal (id, order_id, at) OVERRIDING SYSTEM VALUE
SELECT nextval('ledger.journal_id_seq'), 'ord-' || n, now() FROM generate_series(1, {ENDED}) n;
INSERT INTO ledger.entry (account_id, version, journal_id, line, amount, purpose, balance_after)
SELECT a.id, j.n, j.id, 1, CASE a.name WHEN 'user:alice1' THEN -1 ELSE 1 END, 'transfer',
       CASE a.name WHEN 'user:alice1' THEN 1000000 - j.n ELSE j.n END
  FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM ledger.journal) j, ledger.account a;
"""


@pytest.fixture(scope="module")
def busy_url(shared_url: str) -> str:
    with psycopg.connect(shared_url, autocommit=True) as owner:
        owner.execute(_ORDERS.encode())
        owner.execute(_EVENTS.encode())
        owner.execute(_ACCOUNTS.encode())
        owner.execute("ANALYZE")
    return shared_url


@pytest.fixture
def session(busy_url: str) -> Iterator[psycopg.Connection]:
    """As the worker has it; what it changes is rolled back."""
    with connected(busy_url) as calls, calls.connection.transaction(force_rollback=True):
        yield calls.connection


NOW, LEASE = "timestamptz '2026-11-20 11:00+00'", "timestamptz '2026-11-20 11:01+00'"
ASKED = {
    "resume finds what is due": f"SELECT ledger.claim('{{ccpayment}}', '{{transfer}}', {NOW}, {LEASE}, 100)",
    "resume finds nothing of its own": f"SELECT ledger.claim('{{coinqpay}}', '{{payout}}', {NOW}, {LEASE}, 100)",
    "the relay takes what waits": f"SELECT ledger.take_outbox({NOW}, gen_random_uuid(), {LEASE}, 256)",
    "an order is read": "SELECT ledger.read_orders('{ord-17,ord-49999}')",
}


class Spelled(Calls):
    """Keeps the statement of a call, with its arguments in it, in place of running it."""

    query = ""

    def _rows(self, statement: str, *arguments: object) -> list[Any]:
        self.query = psycopg.ClientCursor(self.connection).mogrify(statement, arguments)
        return []


def test_admitting_reads_few_pages_of_a_large_ledger(session: psycopg.Connection) -> None:
    spelled = Spelled(session)
    spelled.admit(*(Intake(f"new-{number}") for number in range(WAITING)))
    assert _pages(session, spelled.query) < ADMIT_PAGES_MAX


def test_settling_reads_few_pages_of_a_large_ledger(session: psycopg.Connection) -> None:
    spelled = Spelled(session)
    lines = (Line("user:alice1", Decimal(-1)), Line("user:bob123", Decimal(1)))
    # Their one terminal event is there already, and published: what is told here is told beside it.
    ends = [succeeds(f"ord-{ENDED + number}", lines=lines, events=()) for number in range(1, WAITING + 1)]
    spelled.settle(*ends)
    assert _pages(session, spelled.query) < SETTLE_PAGES_MAX


@pytest.mark.parametrize("query", ASKED.values(), ids=ASKED)
def test_a_loop_reads_few_pages_of_a_large_ledger(session: psycopg.Connection, query: str) -> None:
    assert _pages(session, query) < PAGES_MAX


@pytest.mark.parametrize("table", ["orders", "outbox", "entry"])
def test_the_bound_is_less_than_the_table_has(session: psycopg.Connection, table: str) -> None:
    row = session.execute(f"SELECT pg_relation_size('ledger.{table}') / 8192".encode()).fetchone()
    assert row is not None
    assert row[0] > PAGES_MAX


def _pages(session: psycopg.Connection, query: str) -> int:
    """How many pages running it touched, those of the statements within a function included.

    The first run in a session also reads the catalogue, and is undone.
    """
    with session.transaction(force_rollback=True):
        session.execute(query.encode())
    answer = session.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}".encode()).fetchone()
    assert answer is not None
    plan = answer[0][0]["Plan"]
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])
