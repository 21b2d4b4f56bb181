"""The ledger port, the only user of asyncpg: one short method per SQL function.

Every method waits for a database that is away and goes on when it is back: each function may safely run twice.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID, uuid4

import asyncpg
import structlog

from schemas.command import Command
from schemas.event import Event, Line
from schemas.registry import COMMANDS
from schemas.rescan import Rescan
from worker.clock import Clock
from worker.database import Database
from worker.group_commit import GroupCommit
from worker.message import Incoming
from worker.order import Decision, Hold, Order, State
from worker.providers.protocol import Coin, Deposit, Prepared

log = structlog.get_logger()

Verdict = Literal["admitted", "waiting", "rejected", "duplicate", "conflict", "insufficient_funds"]


@dataclass(frozen=True, slots=True)
class Intake:
    """A command to admit: what it holds, and the first attempt as it will be sent."""

    command: Command
    message: Incoming
    fingerprint: bytes
    hold: Hold | None
    prepared: Prepared | None  # None: nothing is sent at once
    payee: str | None  # of a payment without an order id: at most one such is in doubt at a time


@dataclass(frozen=True, slots=True)
class Rejection:
    """A command to reject, and the event that says so."""

    command: Command
    message: Incoming
    fingerprint: bytes
    error_code: str
    event: Event


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of a command; for a duplicate, the sequence of the order's last event (0: none yet)."""

    verdict: Verdict
    events: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """A decision to apply to one revision of an order."""

    order: Order
    decision: Decision


# What became of a decision: applied; the order had moved on; the provider's id belongs to another order.
Applied = Literal["settled", "stale", "taken"]


@dataclass(frozen=True, slots=True)
class Watched:
    """A deposit that is not money (yet): known since when, and how often the provider was asked to look again."""

    deposit: Deposit
    seen_at: datetime
    rescans: int


class UnreadableOrder(Exception):
    """An order's command is of a newer version than this; other workers can read it."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A signed webhook that is to be looked into: what it is about, and since when it is known."""

    digest: bytes
    kind: str
    record_id: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What is known of a withdrawal: whose it is (None: nobody's), and whether it was refused."""

    order_id: str | None
    state: State | None
    refused: bool


@dataclass(frozen=True, slots=True)
class LetterReplay:
    """A dead letter that a person has replayed; edited_body: None where it is published as it was."""

    replay_id: UUID
    replayed_by: str
    provider: str
    routing_key: str
    message_id: str | None
    order_id: str | None
    reason: str | None
    dead_body: bytes
    edited_body: bytes | None


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as the outbox holds it."""

    event_id: UUID
    routing_key: str
    body: str
    correlation_id: str | None
    traceparent: str | None
    app_id: str | None = None


def stored(event: Event, traceparent: str | None, app_id: str | None) -> Stored:
    """The outbox row of an event, for whoever publishes it without reading it first."""
    return Stored(event.event_id, event.routing_key, event.body, event.correlation_id, traceparent, app_id)


class Ledger:
    """The database as the flow sees it."""

    def __init__(self, database: Database, clock: Clock, lease_seconds: float, token: UUID | None = None) -> None:
        self._database = database
        self._clock = clock
        # How long an order is left to the worker that took it, and an event to the one that wrote it.
        self._lease = timedelta(seconds=lease_seconds)
        self._event_lease = self._lease
        # This process's name on the outbox rows it publishes: all its ledgers write, one relay publishes and marks.
        self.token = token or uuid4()
        self.admit = GroupCommit(self._admit)
        self.reject = GroupCommit(self._reject)
        self.settle = GroupCommit(self._settle)

    def leave_events(self) -> None:
        """This process has no relay: what it writes is for others to publish, at once and not after a lease."""
        self._event_lease = timedelta(0)

    async def _fetch_at(self, query: str, arguments: Callable[[datetime], Sequence[object]]) -> list[Any]:
        """The rows of a function that is told the time at which it really runs."""
        return await self._database.fetch_anew(query, lambda: arguments(self._clock.now()))

    async def _admit(self, items: Sequence[Intake]) -> list[Admission]:
        """Order, hold and first attempt; the lease is ours until it runs out."""
        columns = _sparse_columns(_intake_row(item) for item in items)
        rows = await self._fetch_at(
            "SELECT verdict, events FROM ledger.admit"
            "($1,$2,$3,$4,$5,$6,$7,$8::text[]::numeric[],$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19) ORDER BY item",
            lambda now: (*columns, now, now + self._lease),
        )
        return [Admission(row["verdict"], row["events"] or 0) for row in rows]

    async def _reject(self, items: Sequence[Rejection]) -> list[Admission]:
        """A terminal order and its event."""
        columns = _columns(_rejection_row(item) for item in items)
        rows = await self._fetch_at(
            "SELECT verdict, events FROM ledger.reject"
            "($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18) ORDER BY item",
            lambda now: (*columns, now, self.token, now + self._event_lease),
        )
        return [Admission(row["verdict"], row["events"]) for row in rows]

    async def _settle(self, items: Sequence[Settlement]) -> list[Applied]:
        """Apply decisions, each whole or not at all."""
        columns = (
            _sparse_columns(_settlement_row(item) for item in items) + _event_columns(items) + _line_columns(items)
        )
        rows = await self._fetch_at(
            "SELECT verdict FROM ledger.settle"
            "($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24,"
            "$25,$26::text[]::numeric[],$27,$28,$29,$30) ORDER BY item",
            lambda now: (*columns, now, self.token, now + self._event_lease),
        )
        return [row["verdict"] for row in rows]

    async def start_attempt(self, order: Order, prepared: Prepared) -> Literal["started", "stale", "busy"]:
        """Write down the next attempt before it is sent. Only `started` may be sent."""
        rows = await self._fetch_at(
            "SELECT ledger.start_attempt($1,$2,$3,$4,$5,$6,$7)",
            lambda now: (
                order.order_id,
                order.revision,
                prepared.body,
                prepared.signed_at,
                prepared.signature,
                now,
                now + self._lease,
            ),
        )
        verdict: Literal["started", "stale", "busy"] = rows[0][0]
        return verdict

    async def bound(self, provider: str, provider_refs: Sequence[str]) -> set[str]:
        """Those of the provider's ids that belong to orders without order ids there."""
        rows = await self._database.fetch("SELECT ledger.bound($1,$2)", provider, list(provider_refs))
        return {row[0] for row in rows}

    async def note_deposit(self, deposit: Deposit, due_at: datetime | None) -> bool:
        """Remember a deposit that is not money (yet), and when to look again. False: it was known as that."""
        rows = await self._fetch_at(
            "SELECT ledger.note_deposit($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17)",
            lambda now: (
                deposit.provider,
                deposit.record_id,
                deposit.kind,
                deposit.state,
                *_deposit_columns(deposit),
                deposit.note,
                deposit.order_id,
                due_at,
                now,
            ),
        )
        return bool(rows[0][0])

    async def credit_deposit(
        self, deposit: Deposit, order_id: str | None, event: Event, traceparent: str | None
    ) -> Literal["credited", "known", "changed", "repeated", "moved"]:
        """Post a deposit and tell of it, once. Moved: the order is not as the event has it, and nothing was done."""
        rows = await self._fetch_at(
            "SELECT ledger.credit_deposit"
            "($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22)",
            lambda now: (
                deposit.provider,
                deposit.record_id,
                deposit.kind,
                *_deposit_columns(deposit),
                order_id,
                event.event_id,
                event.sequence,
                event.routing_key,
                event.body,
                event.correlation_id,
                traceparent,
                now,
                self.token,
                now + self._event_lease,
            ),
        )
        verdict: Literal["credited", "known", "changed", "repeated", "moved"] = rows[0][0]
        return verdict

    async def take_deposits(self, provider: str, most: int) -> list[Watched]:
        """Deposits that are to be looked at again, with a lease for us."""
        rows = await self._fetch_at(
            "SELECT * FROM ledger.take_deposits($1,$2,$3,$4)", lambda now: (provider, now, now + self._lease, most)
        )
        return [Watched(_deposit(row), row["seen_at"], row["rescans"]) for row in rows]

    async def postpone_deposit(self, deposit: Deposit, due_at: datetime | None, *, rescanned: bool = False) -> None:
        """Look at it again then; None: never."""
        await self._fetch_at(
            "SELECT ledger.postpone_deposit($1,$2,$3,$4)",
            lambda _now: (deposit.provider, deposit.record_id, rescanned, due_at),
        )

    async def take_webhooks(self, provider: str, most: int) -> list[Webhook]:
        """Webhooks that are still to be looked into, with a lease for us."""
        rows = await self._fetch_at(
            "SELECT * FROM ledger.take_webhooks($1,$2,$3,$4)", lambda now: (provider, now, now + self._lease, most)
        )
        return [Webhook(row["digest"], row["kind"], row["record_id"], row["received_at"]) for row in rows]

    async def end_webhook(self, provider: str, digest: bytes, due_at: datetime | None) -> None:
        """It has been looked into (None), or is to be again then."""
        await self._fetch_at("SELECT ledger.end_webhook($1,$2,$3)", lambda _now: (provider, digest, due_at))

    async def forget_webhooks(self, age: timedelta) -> int:
        """Forget those that are older and have been looked into; how many."""
        rows = await self._fetch_at("SELECT ledger.forget_webhooks($1)", lambda now: (now - age,))
        return int(rows[0][0])

    async def take_scans(self, provider: str, since: datetime, most: int) -> list[tuple[str, datetime]]:
        """Whose lists of deposits are to be read ("" the merchant's), and up to when they have been."""
        rows = await self._fetch_at(
            "SELECT * FROM ledger.take_scans($1,$2,$3,$4,$5)",
            lambda now: (provider, since, now, now + self._lease, most),
        )
        return [(row["of"], row["read_until"]) for row in rows]

    async def end_scan(self, provider: str, of: str, read_until: datetime, *, found: bool) -> None:
        """A list has been read, up to then; `found`: there was something new in it."""
        await self._fetch_at(
            "SELECT ledger.end_scan($1,$2,$3,$4,$5)", lambda now: (provider, of, read_until, found, now)
        )

    async def rescan_for(self, deposit: Deposit) -> str | None:
        """The open rescan that waits for this payment."""
        rows = await self._database.fetch(
            "SELECT ledger.rescan_for($1,$2,$3,$4,$5,$6)",
            deposit.provider,
            deposit.chain,
            deposit.tx_id,
            deposit.address,
            deposit.memo,
            deposit.account,
        )
        order_id: str | None = rows[0][0]
        return order_id

    async def credited_deposit(self, provider: str, command: Rescan, account: str | None) -> Deposit | None:
        """The credited deposit that a rescan looks for."""
        rows = await self._database.fetch(
            "SELECT * FROM ledger.credited_deposit($1,$2,$3,$4,$5,$6)",
            provider,
            command.chain,
            command.tx_id,
            command.to_address,
            command.memo,
            account,
        )
        return _deposit(rows[0]) if rows else None

    async def hasten_rescans(self, provider: str, tx_id: str | None) -> int:
        """Have the open rescans of a transaction, or all, looked at soon; how many."""
        rows = await self._fetch_at("SELECT ledger.hasten_rescans($1,$2,$3)", lambda now: (provider, tx_id, now))
        return int(rows[0][0])

    async def store_coins(self, provider: str, coins: Sequence[Coin]) -> None:
        """Replace what is known of a provider's coins."""
        columns = (
            _columns(
                (coin.coin, coin.symbol, coin.decimals, coin.enabled, coin.minimum, coin.price_usd) for coin in coins
            )
            or [[]] * 6
        )
        await self._fetch_at(
            "SELECT ledger.store_coins($1,$2,$3,$4,$5,$6,$7,$8)", lambda now: (provider, *columns, now)
        )

    async def read_coins(self) -> list[tuple[str, Coin, datetime]]:
        """What is known of all providers' coins: provider, coin, and as of when."""
        return [
            (
                row["provider"],
                Coin(row["coin"], row["symbol"], row["decimals"], row["enabled"], row["minimum"], row["price_usd"]),
                row["fetched_at"],
            )
            for row in await self._database.fetch("SELECT * FROM ledger.coin_data")
        ]

    async def take_job(self, name: str, lease_seconds: float) -> int | None:
        """The number of the run that is now ours; None when the job is not due, or another has it."""
        rows = await self._fetch_at(
            "SELECT ledger.take_job($1,$2,$3)", lambda now: (name, now, now + timedelta(seconds=lease_seconds))
        )
        number: int | None = rows[0][0] if rows else None
        return number

    async def end_job(self, name: str, run: int, seconds_to_next: float, result: str) -> None:
        """Say how the run ended and when the next is due."""
        await self._fetch_at(
            "SELECT ledger.end_job($1,$2,$3,$4,$5)",
            lambda now: (name, run, now, now + timedelta(seconds=seconds_to_next), result),
        )

    async def claim(self, providers: Sequence[str], types: Sequence[str], most: int) -> list[Order]:
        """Orders whose lease ran out or whose time has come, with a lease for us."""
        rows = await self._fetch_at(
            "SELECT ledger.claim($1,$2,$3,$4,$5)",
            lambda now: (list(providers), list(types), now, now + self._lease, most),
        )
        return await self.read_orders([row[0] for row in rows]) if rows else []

    async def read_orders(self, order_ids: Sequence[str]) -> list[Order]:
        """Orders as they are now. One whose command this version cannot read is left to another, and told."""
        orders = []
        for row in await self._database.fetch("SELECT * FROM ledger.read_orders($1)", list(order_ids)):
            try:
                orders.append(_order(row))
            except (KeyError, ValueError):
                log.exception("a stored command cannot be read", order_id=row["order_id"])
        return orders

    async def announce(self, event: Event, traceparent: str | None, app_id: str | None) -> None:
        """Put an event about a message that never became an order into the outbox; again if it was there."""
        await self._fetch_at(
            "SELECT ledger.announce($1,$2,$3,$4,$5,$6,$7)",
            lambda now: (
                event.event_id,
                event.routing_key,
                event.body,
                event.correlation_id,
                traceparent,
                app_id,
                now,
            ),
        )

    async def replay(self, event_id: UUID) -> None:
        """Have a stored event published again."""
        await self._fetch_at("SELECT ledger.replay($1,$2)", lambda now: (event_id, now))

    async def take_outbox(self, most: int) -> list[Stored]:
        """Unpublished events that nobody is publishing."""
        rows = await self._fetch_at(
            "SELECT * FROM ledger.take_outbox($1,$2,$3,$4)",
            lambda now: (now, self.token, now + self._lease, most),
        )
        return [Stored(**row) for row in rows]

    async def mark_outbox(self, event_ids: Sequence[UUID]) -> None:
        """Remember that the broker has confirmed these events."""
        await self._fetch_at("SELECT ledger.mark_outbox($1,$2,$3)", lambda now: (list(event_ids), self.token, now))

    async def postpone_outbox(self, event_ids: Sequence[UUID]) -> None:
        """Park events that no queue takes, until one of their kind is taken."""
        await self._fetch_at(
            "SELECT ledger.postpone_outbox($1,$2,$3)", lambda now: (list(event_ids), self.token, now)
        )

    async def unbound_events(self) -> dict[str, int]:
        """How many events wait for a queue to be bound, by routing key; more than 10,000 are not counted."""
        rows = await self._database.fetch("SELECT routing_key, events FROM ledger.unbound_event")
        return {row["routing_key"]: row["events"] for row in rows}

    async def contradict(self, order: Order, detail: str, event: Event) -> None:
        """Remember evidence against how an order ended, and tell of it, once."""
        await self._fetch_at(
            "SELECT ledger.contradict($1,$2,$3,$4,$5,$6,$7,$8,$9)",
            lambda now: (
                order.order_id,
                detail,
                event.event_id,
                event.sequence,
                event.routing_key,
                event.body,
                event.correlation_id,
                order.traceparent,
                now,
            ),
        )

    async def confirmation(self, provider: str, provider_ref: str) -> Confirmation:
        """What is known of a withdrawal that the provider asks to confirm."""
        rows = await self._database.fetch("SELECT * FROM ledger.confirmation($1,$2)", provider, provider_ref)
        return Confirmation(rows[0]["order_id"], rows[0]["state"], rows[0]["refused"])

    async def payment_in_doubt(self, provider: str, payee: str) -> Order | None:
        """The one payment without an order id that may have led to a withdrawal of this payee."""
        rows = await self._database.fetch("SELECT ledger.payment_in_doubt($1,$2)", provider, payee)
        if not rows or not rows[0][0]:
            return None
        orders = await self.read_orders([rows[0][0]])
        if not orders:
            raise UnreadableOrder(rows[0][0])
        return orders[0]

    async def refuse_confirmation(self, provider: str, provider_ref: str, payee: str, reason: str) -> bool:
        """Refuse a withdrawal for ever. False: it has meanwhile become an order's."""
        rows = await self._fetch_at(
            "SELECT ledger.refuse_confirmation($1,$2,$3,$4,$5)",
            lambda now: (provider, provider_ref, payee, reason, now),
        )
        return bool(rows[0][0])

    async def hasten(
        self, provider: str, *, order_id: str | None = None, provider_ref: str | None = None, payee: str | None = None
    ) -> int:
        """Have orders of which a provider has told something looked at soon; how many."""
        rows = await self._fetch_at(
            "SELECT ledger.hasten($1,$2,$3,$4,$5)", lambda now: (provider, order_id, provider_ref, payee, now)
        )
        return int(rows[0][0])

    async def remember_webhook(self, provider: str, digest: bytes, kind: str, record_id: str | None) -> bool:
        """Remember a signed webhook. False: it was seen before."""
        rows = await self._fetch_at(
            "SELECT ledger.remember_webhook($1,$2,$3,$4,$5)", lambda now: (provider, digest, kind, record_id, now)
        )
        return bool(rows[0][0])

    def for_reconciling(self) -> "ReconcileLedger":
        """The same books, as they are compared with a provider's."""
        return ReconcileLedger(self._database, self._clock)

    async def adjust(
        self,
        *,
        order_id: str,
        fingerprint: bytes,
        account: str,
        provider: str,
        coin: str,
        amount: Decimal,
        reason: str,
    ) -> str:
        """A manual journal against custody: adjusted | duplicate | conflict | insufficient_funds."""
        rows = await self._fetch_at(
            "SELECT ledger.adjust($1,$2,$3,$4,$5,$6,$7,$8)",
            lambda now: (order_id, fingerprint, account, provider, coin, amount, reason, now),
        )
        return str(rows[0][0])

    async def begin_replay(self, replay: LetterReplay) -> None:
        """Before a dead letter is published again: by whom, and what."""
        await self._fetch_at(
            "SELECT ledger.begin_replay($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)",
            lambda now: (
                replay.replay_id,
                replay.replayed_by,
                replay.provider,
                replay.routing_key,
                replay.message_id,
                replay.order_id,
                replay.reason,
                replay.dead_body,
                replay.edited_body,
                now,
            ),
        )

    async def end_replay(self, replay_id: UUID, outcome: Literal["published", "refused"]) -> None:
        """After it was published, or the broker would not take it."""
        await self._fetch_at("SELECT ledger.end_replay($1,$2,$3)", lambda now: (replay_id, outcome, now))


def _intake_row(item: Intake) -> tuple[object, ...]:
    command, message, hold = item.command, item.message, item.hold
    return (
        command.order_id,
        command.type,
        message.provider,
        item.fingerprint,
        json.dumps(command.content()),
        hold and hold.account,
        hold and hold.coin,
        hold and hold.amount,  # as text: PostgreSQL reads it in a fraction of the time that encoding a Decimal takes
        item.prepared and item.prepared.body,
        item.prepared and item.prepared.signed_at,
        item.prepared and item.prepared.signature,
        item.payee,
        command.expires_at,
        message.message_id,
        message.correlation_id,
        message.app_id,
        message.traceparent,
    )


def _rejection_row(item: Rejection) -> tuple[object, ...]:
    command, message, event = item.command, item.message, item.event
    return (
        command.order_id,
        command.type,
        message.provider,
        item.fingerprint,
        json.dumps(command.content()),
        item.error_code,
        command.expires_at,
        message.message_id,
        message.correlation_id,
        message.app_id,
        message.traceparent,
        event.event_id,
        event.routing_key,
        event.body,
        event.correlation_id,
    )


def _settlement_row(item: Settlement) -> tuple[object, ...]:
    order, decision = item.order, item.decision
    return (
        order.order_id,
        order.revision,
        decision.state,
        decision.due_at,
        decision.provider_ref,
        decision.error_code,
        "{" + ",".join(map(str, decision.doubtful)) + "}",
        decision.doubt_since,
        decision.absent_at,
        decision.polls,
        decision.evidence.attempt,
        decision.evidence.source,
        decision.evidence.verdict,
        decision.evidence.provider_code,
        decision.evidence.message,
    )


def _event_columns(items: Sequence[Settlement]) -> list[Sequence[Any]]:
    events = [
        (
            number,
            event.event_id,
            event.sequence,
            event.terminal,
            event.routing_key,
            event.body,
            event.correlation_id,
        )
        for number, item in enumerate(items, start=1)
        for event in item.decision.events
    ]
    return _sparse_columns(events) or [()] * 7


def _line_columns(items: Sequence[Settlement]) -> list[Sequence[Any]]:
    lines = [
        (number, line.account, line.coin, str(line.amount), line.purpose)
        for number, item in enumerate(items, start=1)
        for line in item.decision.lines
    ]
    return _sparse_columns(lines) or [()] * 5


def _columns(rows: Any) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _sparse_columns(rows: Any) -> list[Sequence[Any]]:
    """As _columns; a column without values is left empty, which `unnest` fills up with NULL beside the others."""
    return [() if column.count(None) == len(column) else column for column in zip(*rows, strict=True)]


def _deposit_columns(deposit: Deposit) -> tuple[object, ...]:
    return (
        deposit.account,
        deposit.coin,
        deposit.amount,
        deposit.fee,
        deposit.chain,
        deposit.tx_id,
        deposit.output,
        deposit.address,
        deposit.memo,
    )


def _deposit(row: asyncpg.Record) -> Deposit:
    return Deposit(
        provider=row["provider"],
        record_id=row["record_id"],
        kind=row["kind"],
        state="final" if row["state"] == "credited" else row["state"],
        account=row["account"],
        coin=row["coin"],
        amount=row["amount"],
        fee=row["fee"],
        chain=row["chain"],
        tx_id=row["tx_id"],
        output=row["output"],
        address=row["address"],
        memo=row["memo"],
        note=row["note"],
        order_id=row["order_id"],
    )


def _order(row: asyncpg.Record) -> Order:
    return Order(
        command=COMMANDS[row["type"]].model_validate(json.loads(row["command"])),
        provider=row["provider"],
        state=row["state"],
        revision=row["revision"],
        attempts=row["attempts"],
        doubtful=tuple(row["doubtful"]),
        polls=row["polls"],
        due_at=row["due_at"],
        doubt_since=row["doubt_since"],
        absent_at=row["absent_at"],
        attempted_at=row["attempted_at"],
        provider_ref=row["provider_ref"],
        error_code=row["error_code"],
        events=row["events"],
        correlation_id=row["correlation_id"],
        traceparent=row["traceparent"],
        app_id=row["app_id"],
        created_at=row["created_at"],
    )


# ---------------------------------------------------------------- reconciliation


@dataclass(frozen=True, slots=True)
class Position:
    """What an account has of a coin. The same version, the same books; busy: an open order may change it."""

    posted: Decimal
    version: int
    is_busy: bool


@dataclass(frozen=True, slots=True)
class OpenPayment:
    """A payment or pay order that has not ended, or a pay order that may still be paid.

    In doubt: it may have been sent, and no id of the provider says so yet.
    """

    order_id: str
    type: str
    coin: str
    amount: Decimal
    provider_ref: str | None
    in_doubt: bool
    revision: int


@dataclass(frozen=True, slots=True)
class Booked:
    """What the ledger has of something that the provider keeps a record of: an order, or a deposit.

    Open: it may still become posted. `account` is who pays or is paid where the provider's record does not say it.
    """

    type: str
    state: str
    is_posted: bool
    is_open: bool
    order_id: str | None
    provider_ref: str | None
    account: str | None
    lines: tuple[Line, ...]
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which a provider's books and ours differ; None where there is no such thing."""

    subject: str
    what: str
    account: str | None
    coin: str | None
    ledger_amount: Decimal | None
    provider_amount: Decimal | None
    order_id: str | None
    record_id: str | None
    message: str


class ReconcileLedger:
    """What reconciliation reads of the books, and where it writes down what differs. It posts nothing."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def positions(self, provider: str, account: str, merchant_user_id: str) -> dict[str, Position]:
        """What an account has, by coin; also coins of which an open order may bring it the first."""
        rows = await self._database.fetch(
            "SELECT * FROM ledger.positions($1,$2,$3)", provider, account, merchant_user_id
        )
        return {row["coin"]: Position(row["posted"], row["version"], row["is_touched"]) for row in rows}

    async def owned(self, provider: str) -> dict[str, Position]:
        """What all accounts but custody have together, by coin."""
        rows = await self._database.fetch("SELECT * FROM ledger.owned($1)", provider)
        return {row["coin"]: Position(row["posted"], int(row["version"]), is_busy=False) for row in rows}

    async def account_names(self, provider: str, after: str, most: int) -> list[str]:
        """A page of the accounts but custody, by name."""
        rows = await self._database.fetch("SELECT ledger.account_names($1,$2,$3)", provider, after, most)
        return [row[0] for row in rows]

    async def open_payments(self, provider: str) -> list[OpenPayment]:
        """What may change the provider's balance without having changed ours yet, or the other way round."""
        rows = await self._database.fetch("SELECT * FROM ledger.open_payments($1)", provider)
        return [OpenPayment(**row) for row in rows]

    async def booked_orders(
        self, provider: str, *, order_ids: Sequence[str] = (), provider_refs: Sequence[str] = ()
    ) -> list[Booked]:
        """Orders by their ids, and payments by the provider's ids."""
        rows = await self._database.fetch(
            "SELECT * FROM ledger.booked_orders($1,$2,$3)", provider, list(order_ids), list(provider_refs)
        )
        return [_booked_order(row) for row in rows]

    async def booked_deposits(self, provider: str, record_ids: Sequence[str]) -> dict[str, Booked]:
        """Deposits by the provider's ids."""
        rows = await self._database.fetch("SELECT * FROM ledger.booked_deposits($1,$2)", provider, list(record_ids))
        return {row["record_id"]: _booked_deposit(row) for row in rows}

    async def count_ended(self, provider: str, since: datetime, until: datetime) -> int:
        """About how much ended in this time; never less than did."""
        rows = await self._database.fetch("SELECT ledger.count_ended($1,$2,$3)", provider, since, until)
        return int(rows[0][0])

    async def ended_orders(
        self, provider: str, types: Sequence[str], since: datetime, until: datetime, after: str, most: int
    ) -> list[str]:
        """A page of the orders that were sent, and ended in this time, by id."""
        rows = await self._database.fetch(
            "SELECT ledger.ended_orders($1,$2,$3,$4,$5,$6)", provider, list(types), since, until, after, most
        )
        return [row[0] for row in rows]

    async def credited_in(self, provider: str, since: datetime, until: datetime, after: str, most: int) -> list[str]:
        """A page of the deposits that were credited in this time, by the provider's id."""
        rows = await self._database.fetch(
            "SELECT ledger.credited_in($1,$2,$3,$4,$5)", provider, since, until, after, most
        )
        return [row[0] for row in rows]

    async def note_drift(
        self, provider: str, compared: Sequence[str], found: Sequence[tuple[Difference, Event]], now: datetime
    ) -> list[str]:
        """Write down what differs, and that the rest of what was compared does not; the kinds of what is new."""
        columns = _columns(_difference_row(difference, event) for difference, event in found) or [[]] * 13
        rows = await self._database.fetch(
            "SELECT ledger.note_drift($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16)",
            provider,
            list(compared),
            *columns,
            now,
        )
        return [row[0] for row in rows]

    async def open_drift(
        self, provider: str, whats: Sequence[str], seen_before: datetime, after: str, most: int
    ) -> list[str]:
        """A page of the subjects that still differ and were not compared since, in their order."""
        rows = await self._database.fetch(
            "SELECT subject FROM ledger.open_drift($1,$2,$3,$4,$5)", provider, list(whats), seen_before, after, most
        )
        return [row["subject"] for row in rows]

    async def drift(self, provider: str, most: int) -> list[dict[str, Any]]:
        """What differs as of now, oldest first."""
        rows = await self._database.fetch(
            "SELECT what, account, coin, ledger_amount, provider_amount, order_id, record_id, message, since"
            " FROM ledger.drift WHERE provider = $1 AND closed_at IS NULL"
            " ORDER BY since, what, account, coin, record_id, order_id LIMIT $2",
            provider,
            most,
        )
        return [dict(row) for row in rows]

    async def count_drift(self, provider: str) -> int:
        """How much differs as of now."""
        rows = await self._database.fetch(
            "SELECT count(*) FROM ledger.drift WHERE provider = $1 AND closed_at IS NULL", provider
        )
        return int(rows[0][0])

    async def reconciled_until(self, provider: str) -> datetime | None:
        """Up to when the provider's records have been compared; None: never."""
        rows = await self._database.fetch("SELECT ledger.reconciled_until($1)", provider)
        until: datetime | None = rows[0][0]
        return until

    async def end_reconcile(self, provider: str, read_until: datetime) -> None:
        """They have been, up to then."""
        await self._database.fetch("SELECT ledger.end_reconcile($1,$2)", provider, read_until)


def _booked_order(row: asyncpg.Record) -> Booked:
    return Booked(
        type=row["type"],
        state=row["state"],
        is_posted=row["state"] == "succeeded",
        is_open=row["is_open"],
        order_id=row["order_id"],
        provider_ref=row["provider_ref"],
        account=json.loads(row["command"]).get("account"),
        lines=_booked_lines(row["lines"]),
        created_at=row["created_at"],
    )


def _booked_deposit(row: asyncpg.Record) -> Booked:
    return Booked(
        type="deposit",
        state=row["state"],
        is_posted=row["state"] == "credited",
        is_open=row["is_open"],
        order_id=row["order_id"],
        provider_ref=row["record_id"],
        account=None,
        lines=_booked_lines(row["lines"]),
        created_at=None,
    )


def _booked_lines(text: str) -> tuple[Line, ...]:
    return tuple(Line(account, coin, Decimal(amount), purpose) for account, coin, amount, purpose in json.loads(text))


def _difference_row(difference: Difference, event: Event) -> tuple[object, ...]:
    return (
        difference.subject,
        difference.what,
        difference.account,
        difference.coin,
        difference.ledger_amount,
        difference.provider_amount,
        difference.order_id,
        difference.record_id,
        difference.message,
        event.event_id,
        event.routing_key,
        event.body,
        event.correlation_id,
    )
