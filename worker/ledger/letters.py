"""Dead letters that were replayed: by whom, and what became of it."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from worker.ledger.session import Session


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


class Letters:
    """The record of replays."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def begin_replay(self, replay: LetterReplay) -> None:
        """Before a dead letter is published again: by whom, and what."""
        await self._session.fetch_at(
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
        await self._session.fetch_at("SELECT ledger.end_replay($1,$2,$3)", lambda now: (replay_id, outcome, now))
