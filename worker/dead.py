"""The desk of whoever looks at dead letters, where they lie.

Looking takes letters from their queue and acks none: they go back when the connection ends, however it ends.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from schemas.registry import PROVIDERS
from worker.broker import hold_waiting, publish_on, visit
from worker.clock import SystemClock
from worker.dead_letter import Letter, history, read_letter, row_of, shown_body, shown_headers
from worker.errors import BadInput, Finding
from worker.message import Outgoing
from worker.settings import Settings, required
from worker.steps.decode import CONTENT_TYPE
from worker.topology import DEAD_EXCHANGE, dead_queue

log = structlog.get_logger()

# RabbitMQ 4 drops a message of a quorum queue that was given back more than 20 times, and every look gives back. A
# letter that has been looked at this often is replaced by a copy of itself.
LOOKS_MAX = 10
LOOKS_HEADER = "x-delivery-count"

Publish = Callable[[Outgoing], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters: None is any. `letter` is a letter's id or its message id, `reason` a part of the reason."""

    providers: tuple[str, ...]
    limit: int
    letter: str | None = None
    reason: str | None = None
    order_id: str | None = None

    def takes(self, letter: Letter) -> bool:
        """Whether it is one of them."""
        return (
            self.letter in (None, letter.letter_id, letter.message.message_id)
            and (self.reason is None or self.reason.casefold() in (letter.reason or "").casefold())
            and self.order_id in (None, letter.order_id)
        )


def read_wanted(known: tuple[str, ...], provider: str | None, limit: int, **which: str | None) -> Wanted:
    """Which letters, checked: of one provider, or of all that are known. Raises BadInput."""
    if provider is not None and provider not in PROVIDERS:
        raise BadInput(f"--provider: must be one of {', '.join(PROVIDERS)}")
    if provider is None and not known:
        raise BadInput("--provider: is required, no provider is configured")
    return Wanted(known if provider is None else (provider,), limit, **which)


async def list_letters(settings: Settings, wanted: Wanted) -> list[dict[str, Any]]:
    """The letters, a row each, oldest first. Raises WorkerError."""
    now = SystemClock().now()
    async with held_letters(settings, wanted) as (letters, _):
        return [row_of(letter, now) for letter in letters]


async def show_letters(settings: Settings, wanted: Wanted) -> list[dict[str, Any]]:
    """All that there is of each: its row, headers, history and body. Raises WorkerError."""
    now = SystemClock().now()
    async with held_letters(settings, wanted) as (letters, _):
        return [
            {
                **row_of(letter, now),
                "correlation_id": letter.message.correlation_id,
                "app_id": letter.message.app_id,
                "headers": shown_headers(letter.held.headers),
                "history": history(letter.held.headers),
                "body": shown_body(letter.message.body),
            }
            for letter in letters
        ]


async def raw_body(settings: Settings, wanted: Wanted) -> bytes:
    """The bytes of the one letter, to be edited. Raises Finding."""
    async with held_letters(settings, wanted) as (letters, _):
        bodies = {letter.message.body for letter in letters}
        if len(bodies) != 1:
            raise Finding(f"{len(letters)} dead letters match: name one")
        return bodies.pop()


@asynccontextmanager
async def held_letters(settings: Settings, wanted: Wanted) -> AsyncIterator[tuple[list[Letter], Publish]]:
    """The wanted letters, while nobody else can take them, and a way to publish. Raises WorkerError."""
    async with visit(required(settings.amqp_url, "LEDGER_AMQP_URL")) as channel:
        publish = partial(publish_on, channel)
        found: list[Letter] = []
        for provider in wanted.providers:
            take = partial(hold_waiting, channel, dead_queue(provider).name, provider)
            waiting, is_all = await take(wanted.limit)
            if not is_all:
                log.warning("there may be more dead letters: only these were looked at", count=len(waiting))
            letters = [read_letter(held) for held in waiting]
            worn = [letter for letter in letters if _looks(letter) >= LOOKS_MAX]
            for letter in worn:
                await _renew(letter, publish)
            copies, _ = await take(len(worn))
            found += [letter for letter in letters if letter not in worn]
            found += [read_letter(held) for held in copies]
        yield [letter for letter in found if wanted.takes(letter)], publish


def _looks(letter: Letter) -> int:
    looks = letter.held.headers.get(LOOKS_HEADER)
    return looks if isinstance(looks, int) else 0


async def _renew(letter: Letter, publish: Publish) -> None:
    """A copy of it, confirmed before the letter is acked."""
    message = letter.message
    copy = Outgoing(
        exchange=DEAD_EXCHANGE,
        routing_key=letter.routing_key,
        body=message.body,
        content_type=message.content_type or CONTENT_TYPE,
        message_id=message.message_id,
        correlation_id=message.correlation_id,
        app_id=message.app_id,
        headers={name: value for name, value in message.headers.items() if name != LOOKS_HEADER},
        sent_at=letter.died_at,  # its age is the letter's
    )
    await publish(copy)
    await letter.held.delivery.ack()
