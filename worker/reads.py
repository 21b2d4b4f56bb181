"""What operators read: the stable views, as role ledger_worker."""

from dataclasses import dataclass
from typing import Any

from worker.clock import SystemClock
from worker.database import Database
from worker.desk import patience
from worker.settings import Settings, required


@dataclass(frozen=True, slots=True)
class Query:
    """A statement on the views and its arguments."""

    text: str
    arguments: tuple[object, ...] = ()


def orders(state: str | None, limit: int) -> Query:
    """Orders, newest first."""
    return Query(
        "SELECT * FROM ledger.order_status WHERE $1::text IS NULL OR state = $1"
        " ORDER BY created_at DESC, order_id LIMIT $2",
        (state, limit),
    )


def order(order_id: str) -> Query:
    """One order."""
    return Query("SELECT * FROM ledger.order_status WHERE order_id = $1", (order_id,))


def evidence(order_id: str) -> Query:
    """What was learned of an order, in order."""
    return Query(
        "SELECT at, attempt, source, verdict, provider_code, message FROM ledger.evidence_line"
        " WHERE order_id = $1 ORDER BY at",
        (order_id,),
    )


def lines_of(order_id: str) -> Query:
    """An order's ledger lines."""
    return Query(
        "SELECT account, coin, amount, purpose, balance_after FROM ledger.entry_line"
        " WHERE order_id = $1 OR order_id = (SELECT format('deposit:%s:%s', provider, provider_ref)"
        " FROM ledger.order_status WHERE order_id = $1 AND type IN ('payOrder', 'rescan'))"
        " ORDER BY journal_id, line",
        (order_id,),
    )


def review() -> Query:
    """Orders that need a person, oldest first, each with what was learned last."""
    return Query(
        "SELECT o.order_id, o.type, o.provider, o.hold_account AS account, o.hold_amount AS amount,"
        " o.provider_ref, o.error_code, o.updated_at AS since,"
        " (SELECT e.message FROM ledger.evidence_line e WHERE e.order_id = o.order_id AND e.message IS NOT NULL"
        " ORDER BY e.at DESC LIMIT 1) AS last_message"
        " FROM ledger.order_detail o WHERE o.state = 'review' ORDER BY o.created_at"
    )


def detail(order_id: str) -> Query:
    """All that is known of an order."""
    return Query("SELECT * FROM ledger.order_detail WHERE order_id = $1", (order_id,))


def attempts(order_id: str) -> Query:
    """What was about to be sent, byte for byte."""
    return Query(
        "SELECT number, signed_at, created_at, body FROM ledger.attempt_line WHERE order_id = $1 ORDER BY number",
        (order_id,),
    )


def accounts(limit: int) -> Query:
    """Every account with its balance."""
    return Query("SELECT * FROM ledger.account_balance ORDER BY provider, coin, account LIMIT $1", (limit,))


def account(name: str) -> Query:
    """One account's balances, a row per provider and coin."""
    return Query("SELECT * FROM ledger.account_balance WHERE account = $1 ORDER BY provider, coin", (name,))


def entries(name: str | None, order_id: str | None, limit: int) -> Query:
    """Ledger lines, newest first."""
    return Query(
        "SELECT journal_id, order_id, at, account, provider, coin, amount, purpose, balance_after"
        " FROM ledger.entry_line"
        " WHERE ($1::text IS NULL OR account = $1) AND ($2::text IS NULL OR order_id = $2)"
        " ORDER BY journal_id DESC, line LIMIT $3",
        (name, order_id, limit),
    )


def jobs() -> Query:
    """The scheduled jobs."""
    return Query("SELECT * FROM ledger.job_status ORDER BY name")


def violations() -> Query:
    """Every broken promise."""
    return Query("SELECT * FROM ledger.violation")


async def fetch(settings: Settings, query: Query) -> list[dict[str, Any]]:
    """The rows of one query."""
    database = await Database.open(required(settings.database_url, "LEDGER_DATABASE_URL"), SystemClock())
    try:
        async with patience("the database"):
            return [dict(row) for row in await database.fetch(query.text, *query.arguments)]
    finally:
        await database.close()
