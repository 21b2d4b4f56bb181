"""The operator's desk: publish a command by hand, watch events, adjust an account."""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from schemas.command import Command
from schemas.event import TERMINAL_RESULTS
from schemas.fields import ACCOUNT, ADDRESS, COIN_NAME, ORDER_ID, is_clean
from schemas.money import negate, parse_amount, show
from schemas.registry import COMMANDS, PROVIDERS
from schemas.strict_json import MalformedJson, read_object
from worker.broker import publish_on, tap_events, visit
from worker.clock import SystemClock
from worker.desk_world import open_books
from worker.errors import BadInput, Finding, WorkerError
from worker.ledger import Ledger
from worker.message import Incoming, Outgoing
from worker.settings import Settings
from worker.steps.decode import Malformed, decode
from worker.steps.resolve import Resolution
from worker.topology import COMMANDS_EXCHANGE

# A command line waits this long for a database or broker before it gives up.
PATIENCE_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A manual journal: the account's side of it; custody has the other."""

    order_id: str
    account: str
    provider: str
    coin: str
    amount: Decimal
    reason: str


def compose(command_type: str, pairs: Sequence[str], document: bytes | None) -> Command:
    """The command of these fields, checked exactly as the worker will. Raises BadInput."""
    if command_type not in COMMANDS:
        raise BadInput(f"type: must be one of {', '.join(COMMANDS)}")
    fields: dict[str, Any] = {"type": command_type}
    if document is not None:
        fields = {"type": command_type, **_read_document(document)}
        if fields["type"] != command_type:
            raise BadInput(f"--file: type: must be {command_type}")
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator:
            raise BadInput(f"{pair}: must be KEY=VALUE")
        fields[name] = _typed(command_type, name, text)
    provider = COMMANDS[command_type].executed_by
    body = json.dumps(fields, ensure_ascii=False).encode("utf-8", "surrogatepass")
    command = decode(Incoming(body=body, routing_key=f"{provider}.{command_type}", provider=provider))
    if isinstance(command, Malformed):
        raise BadInput(command.reason)
    return command


async def publish(amqp_url: str, command: Command, wait: bool, timeout_seconds: float) -> dict[str, Any] | None:
    """Publish with confirm. With `wait`, the order's terminal event. Raises WorkerError, Finding."""
    if not wait:
        await _publish(amqp_url, command)
        return None
    # Bound before the command is published, so that no event can be missed.
    async with tap_events(amqp_url, f"{command.type}.*") as events:
        await _publish(amqp_url, command)
        try:
            async with asyncio.timeout(timeout_seconds):
                async for event in events:
                    data = event["data"]
                    if data["orderId"] == command.order_id and data["result"] in TERMINAL_RESULTS:
                        return event
        except TimeoutError:
            pass
    raise Finding(f"{command.order_id}: no terminal event within {timeout_seconds:g} s; the order goes on")


async def follow_events(amqp_url: str, count: int | None, tell: Callable[[dict[str, Any]], None]) -> None:
    """Tell each event as it comes, until `count`."""
    told = 0
    async with tap_events(amqp_url, "#") as events:
        async for event in events:
            tell(event)
            told += 1
            if told == count:
                return
    raise WorkerError("the connection to RabbitMQ ended")


def read_adjustment(order_id: str, account: str, provider: str, coin: str, amount: str, reason: str) -> Adjustment:
    """The adjustment, checked. Raises BadInput."""
    if ORDER_ID.fullmatch(order_id) is None:
        raise BadInput("--order-id: must be 3-64 characters of A-Z a-z 0-9 _ -")
    if ACCOUNT.fullmatch(account) is None:
        raise BadInput("--account: must be merchant or user:<userId>")
    if provider not in PROVIDERS:
        raise BadInput(f"--provider: must be one of {', '.join(PROVIDERS)}")
    if COIN_NAME.fullmatch(coin) is None:
        raise BadInput("--coin: must be a coin as events name it")
    if not reason.strip() or len(reason) > 255 or not is_clean(reason):
        raise BadInput("--reason: must be 1-255 characters without control characters")
    try:
        size = parse_amount(amount.removeprefix("-"))
    except ValueError as error:
        raise BadInput(f"--amount: {error}, or the same with a minus sign") from None
    return Adjustment(order_id, account, provider, coin, negate(size) if amount.startswith("-") else size, reason)


def read_resolution(executed: str | None, differing: str | None, by: str, reason: str) -> Resolution:
    """A person's decision, checked. Raises BadInput."""
    fields = frozenset() if differing is None else frozenset(name.strip() for name in differing.split(","))
    if "" in fields or (fields and executed is None):
        raise BadInput("--differing: names fields of the record, with commas between them, and goes with --executed")
    if executed is not None and ADDRESS.fullmatch(executed) is None:
        raise BadInput("--executed: must be the provider's id, 1-128 printable ASCII characters")
    check_word(by, reason)
    return Resolution(executed, by, reason, fields)


def check_word(by: str, reason: str) -> None:
    """A person's word is kept for ever. Raises BadInput."""
    for option, text in (("--by", by), ("--reason", reason)):
        if not text.strip() or len(text) > 255 or not is_clean(text):
            raise BadInput(f"{option}: must be 1-255 characters without control characters")


async def adjust(settings: Settings, adjustment: Adjustment) -> Literal["adjusted", "duplicate"]:
    """Post it once; a duplicate was posted before, and nothing changed. Raises BadInput when it cannot be."""
    async with _books(settings) as ledger:
        verdict = await ledger.adjust(
            order_id=adjustment.order_id,
            fingerprint=_fingerprint(adjustment),
            account=adjustment.account,
            provider=adjustment.provider,
            coin=adjustment.coin,
            amount=adjustment.amount,
            reason=adjustment.reason,
        )
    match verdict:
        case "adjusted" | "duplicate":
            return verdict
        case "conflict":
            raise BadInput("--order-id: was used before with other content")
        case _:
            raise BadInput("--amount: the account has not enough available funds")


async def close_violations(settings: Settings, subject: str, by: str, reason: str) -> list[str]:
    """Close what a provider says against an order or a deposit; what that was. Raises Finding: nothing is open."""
    async with _books(settings) as ledger:
        closed = await ledger.close_violations(subject, by, reason)
    if not closed:
        raise Finding(f"{subject}: nothing that a provider says against it is open")
    return closed


@asynccontextmanager
async def _books(settings: Settings) -> AsyncIterator[Ledger]:
    async with open_books(settings, SystemClock()) as ledger, patience("the database"):
        yield ledger


@asynccontextmanager
async def patience(whom: str) -> AsyncIterator[None]:
    """A command line does not wait for ever. Raises WorkerError."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            yield
    except TimeoutError:
        raise WorkerError(f"{whom} cannot be reached") from None


async def _publish(amqp_url: str, command: Command) -> None:
    async with patience("RabbitMQ"), visit(amqp_url) as channel:
        await publish_on(
            channel,
            Outgoing(
                exchange=COMMANDS_EXCHANGE,
                routing_key=f"{command.executed_by}.{command.type}",
                body=command.content().encode(),
                content_type="application/json",
                app_id="ledger-worker",
            ),
        )


def _read_document(document: bytes) -> dict[str, Any]:
    try:
        return read_object(document)
    except MalformedJson as error:
        raise BadInput(f"--file: {error}") from None


def _typed(command_type: str, name: str, text: str) -> object:
    """A field's text as JSON would have it: whole numbers for the fields that are integers, else text."""
    for field in COMMANDS[command_type].model_fields.values():
        if field.alias == name and field.annotation is int and re.fullmatch(r"[0-9]{1,18}", text):
            return int(text)
    return text


def _fingerprint(adjustment: Adjustment) -> bytes:
    meaning = [
        "adjust",
        adjustment.account,
        adjustment.provider,
        adjustment.coin,
        show(adjustment.amount),
        adjustment.reason,
    ]
    return hashlib.sha256(json.dumps(meaning).encode()).digest()
