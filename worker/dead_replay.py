"""Replay: have dead letters carried out after all, as they are or edited.

A replay is written down, published with confirm, written down as published, and only then is its letter acked. Killed
in between, the letter is still there; replayed twice, its orderId makes one order of it.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from schemas.command import Command
from schemas.fields import is_clean
from worker.clock import SystemClock
from worker.dead import LOOKS_HEADER, Publish, Wanted, held_letters
from worker.dead_letter import Letter, plain, row_of
from worker.desk import patience
from worker.desk_world import open_books
from worker.errors import BadInput, BrokerRefused, Finding, Unroutable
from worker.ledger import Ledger, LetterReplay
from worker.message import Incoming, Outgoing
from worker.reads import Query
from worker.settings import Settings
from worker.steps.decode import CONTENT_TYPE, Malformed, decode
from worker.steps.refuse import REASON_HEADER
from worker.topology import COMMANDS_EXCHANGE

# Of a larger body no copy is kept.
COPIED_BYTES_MAX = 1024 * 1024

# Says which replay a command comes from, should it die again.
REPLAY_HEADER = "x-ledger-replay"

# What the last death left on a letter is not so of the command that is published again.
_OF_THE_DEAD = frozenset({REASON_HEADER, LOOKS_HEADER, REPLAY_HEADER, "x-death"})
_OF_THE_DEAD_TOO = ("x-first-death-", "x-last-death-")


@dataclass(frozen=True, slots=True)
class Replayer:
    """Who replays, and what instead of the letter's own body."""

    name: str
    edited: bytes | None = None
    only_tries: bool = False


def read_replayer(name: str, edited: bytes | None, only_tries: bool) -> Replayer:
    """Who replays, checked. Raises BadInput."""
    if not name.strip() or len(name) > 255 or not is_clean(name):
        raise BadInput("--by: must be 1-255 characters without control characters")
    return Replayer(name, edited, only_tries)


async def replay_letters(settings: Settings, wanted: Wanted, replayer: Replayer) -> list[dict[str, Any]]:
    """Replay every wanted letter; a row each, with what became of it. Raises BadInput, Finding, WorkerError."""
    now = SystemClock().now()
    async with held_letters(settings, wanted) as (letters, publish), open_books(settings, SystemClock()) as ledger:
        if not letters:
            raise Finding("no dead letter matches")
        if replayer.edited is not None and len({letter.letter_id for letter in letters}) > 1:
            raise BadInput(f"--edit: {len(letters)} dead letters match: name one")
        if replayer.edited is not None:
            _check_edit(replayer, letters[0])
        return [
            {**row_of(letter, now), "outcome": await _replay(letter, replayer, ledger, publish)} for letter in letters
        ]


def replays(limit: int) -> Query:
    """What was replayed, newest first; without an outcome the replay was cut short."""
    return Query(
        "SELECT at, replayed_by, provider, routing_key, message_id, order_id, reason, edited, outcome"
        " FROM ledger.letter_replay ORDER BY at DESC, id LIMIT $1",
        (limit,),
    )


async def _replay(letter: Letter, replayer: Replayer, ledger: Ledger, publish: Publish) -> str:
    """Replay one; what became of it. What the worker would refuse again stays where it is."""
    read = _read(letter, replayer)
    if isinstance(read, Malformed):
        return f"kept: {read.reason}"
    if len(letter.message.body) > COPIED_BYTES_MAX:
        return f"kept: its body has more than the {COPIED_BYTES_MAX} bytes of which a copy is kept"
    if replayer.only_tries:
        return "would be replayed"
    replay_id = uuid.uuid4()
    record = LetterReplay(
        replay_id=replay_id,
        replayed_by=replayer.name,
        provider=letter.message.provider,
        routing_key=plain(letter.message.routing_key) or "",
        message_id=letter.message.message_id,
        order_id=read.order_id,
        reason=letter.reason,
        dead_body=letter.message.body,
        edited_body=replayer.edited,
    )
    async with patience("the database"):
        await ledger.begin_replay(record)
    try:
        body = letter.message.body if replayer.edited is None else replayer.edited
        await publish(_command(letter.message, read, body, replay_id))
    except (Unroutable, BrokerRefused):
        async with patience("the database"):
            await ledger.end_replay(replay_id, "refused")
        raise
    async with patience("the database"):
        await ledger.end_replay(replay_id, "published")
    await letter.held.delivery.ack()
    return "replayed"


def _command(message: Incoming, command: Command, body: bytes, replay_id: uuid.UUID) -> Outgoing:
    kept = {name: value for name, value in message.headers.items() if not _is_of_the_dead(name)}
    return Outgoing(
        exchange=COMMANDS_EXCHANGE,
        routing_key=f"{message.provider}.{command.type}",
        body=body,
        content_type=CONTENT_TYPE,
        message_id=message.message_id,
        correlation_id=message.correlation_id,
        app_id=message.app_id,
        headers={**kept, REPLAY_HEADER: str(replay_id)},
    )


def _is_of_the_dead(header: str) -> bool:
    return header in _OF_THE_DEAD or header.startswith(_OF_THE_DEAD_TOO)


def _check_edit(replayer: Replayer, letter: Letter) -> None:
    read = _read(letter, replayer)
    if isinstance(read, Malformed):
        raise BadInput(f"--edit: {read.reason}")


def _read(letter: Letter, replayer: Replayer) -> Command | Malformed:
    """As the worker will read it. Unedited, the letter must have named its own type, and said that it is JSON."""
    message = letter.message
    if replayer.edited is None:
        return decode(message)
    return decode(Incoming(body=replayer.edited, routing_key="", provider=message.provider))
