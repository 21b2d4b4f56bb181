"""What operators read: the stable views, as role ledger_worker."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from schemas.fields import Instant
from worker.clock import SystemClock
from worker.database import Database
from worker.desk import patience
from worker.errors import BadInput
from worker.settings import Settings, required

ENTRY = ("journal_id", "order_id", "at", "account", "provider", "coin", "amount", "purpose", "balance_after")
_ENTRY = ", ".join(ENTRY)
_moment = TypeAdapter[datetime](Instant)


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
        "SELECT account, coin, amount, purpose, balance_after FROM ledger.numbered_line"
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


@dataclass(frozen=True, slots=True)
class Part:
    """Which of an account's lines: up to a moment, of a coin, of a provider; all where None."""

    at: datetime | None = None
    coin: str | None = None
    provider: str | None = None


def account(name: str) -> Query:
    """One account's balances, a row per provider and coin."""
    return Query("SELECT * FROM ledger.account_balance WHERE account = $1 ORDER BY provider, coin", (name,))


def balances(name: str, part: Part) -> Query:
    """One account's balances; of a past moment the sum of its lines until then, and nothing is known of holds."""
    if part.at is None:
        return Query(
            "SELECT * FROM ledger.account_balance WHERE account = $1 AND ($2::text IS NULL OR coin = $2)"
            " AND ($3::text IS NULL OR provider = $3) ORDER BY provider, coin",
            (name, part.coin, part.provider),
        )
    return Query(
        "SELECT account, provider, coin, trim_scale(sum(amount)) AS posted FROM ledger.entry_line"
        " WHERE account = $1 AND ($2::text IS NULL OR coin = $2) AND ($3::text IS NULL OR provider = $3)"
        " AND at <= $4 GROUP BY account, provider, coin ORDER BY provider, coin",
        (name, part.coin, part.provider, part.at),
    )


def statement(name: str, part: Part, limit: int) -> Query:
    """An account's last lines, oldest first, each with the balance that it left."""
    return Query(
        f"SELECT {_ENTRY} FROM (SELECT * FROM ledger.numbered_line"  # noqa: S608 - a constant
        " WHERE account = $1 AND ($2::text IS NULL OR coin = $2) AND ($3::text IS NULL OR provider = $3)"
        " AND ($4::timestamptz IS NULL OR at <= $4) ORDER BY journal_id DESC, line DESC LIMIT $5) AS last"
        " ORDER BY journal_id, line",
        (name, part.coin, part.provider, part.at, limit),
    )


def entries(name: str | None, order_id: str | None, limit: int | None) -> Query:
    """Ledger lines, newest first."""
    return Query(
        f"SELECT {_ENTRY} FROM ledger.numbered_line"  # noqa: S608 - a constant
        " WHERE ($1::text IS NULL OR account = $1) AND ($2::text IS NULL OR order_id = $2)"
        " ORDER BY journal_id DESC, line LIMIT $3",
        (name, order_id, limit),
    )


def journals() -> Query:
    """Every ledger line, oldest first, journal by journal."""
    return Query(f"SELECT {_ENTRY} FROM ledger.numbered_line ORDER BY journal_id, line")  # noqa: S608 - a constant


def deposits(state: str | None, limit: int) -> Query:
    """Deposits that providers have told of, newest first."""
    return Query(
        "SELECT provider, record_id, kind, state, account, coin, amount, fee, chain, tx_id, order_id, note, seen_at,"
        " updated_at FROM ledger.deposit_line WHERE $1::text IS NULL OR state = $1"
        " ORDER BY seen_at DESC, provider, record_id LIMIT $2",
        (state, limit),
    )


def jobs() -> Query:
    """The scheduled jobs."""
    return Query("SELECT * FROM ledger.job_status ORDER BY name")


def violations() -> Query:
    """Every broken promise."""
    return Query("SELECT * FROM ledger.violation")


def closed_violations() -> Query:
    """What was broken, and is closed: newest first."""
    return Query("SELECT * FROM ledger.closed_violation ORDER BY at DESC, detail")


def statement_line(row: dict[str, Any]) -> dict[str, Any]:
    """Of an account's line, what a statement shows."""
    return {name: row[name] for name in ("at", "order_id", "purpose", "provider", "coin", "amount", "balance_after")}


def read_moment(text: str, option: str) -> datetime:
    """A moment in UTC. Raises BadInput naming the option."""
    try:
        return _moment.validate_python(text)
    except ValidationError:
        raise BadInput(f"{option}: must be an RFC 3339 time with its offset") from None


async def stream(settings: Settings, query: Query) -> AsyncIterator[dict[str, Any]]:
    """The rows of one query as of one moment, however many. Raises WorkerError."""
    database = await Database.open(required(settings.database_url, "LEDGER_DATABASE_URL"), SystemClock(), quiet=True)
    try:
        async with aclosing(database.stream(query.text, *query.arguments)) as rows:
            async for row in rows:
                yield dict(row)
    finally:
        await database.close()


async def fetch(settings: Settings, query: Query) -> list[dict[str, Any]]:
    """The rows of one query."""
    database = await Database.open(required(settings.database_url, "LEDGER_DATABASE_URL"), SystemClock(), quiet=True)
    try:
        async with patience("the database"):
            return [dict(row) for row in await database.fetch(query.text, *query.arguments)]
    finally:
        await database.close()
