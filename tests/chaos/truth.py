"""What is really the case in a payment drama: what is still to come, and what a truthful person would say."""

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chaos.play import Play


async def waits_for(play: "Play") -> set[str]:
    """What has not come to its end."""
    row = await play.owner.fetchrow(
        "SELECT (SELECT count(*) FROM ledger.orders WHERE due_at IS NOT NULL) AS orders,"
        " (SELECT count(*) FROM ledger.outbox WHERE published_at IS NULL) AS events,"
        " (SELECT count(*) FROM ledger.webhook WHERE due_at IS NOT NULL) AS webhooks"
    )
    assert row is not None
    here = {
        "messages": play.bus.waiting or play.bus.unacked,
        "bank": not play.bank.is_quiet(),
        "agenda": play.is_awaited,
        "deposits": play.bank.credited().keys() - await credited(play),
    }
    return {name for name, count in row.items() if count} | {name for name, some in here.items() if some}


async def credited(play: "Play") -> set[tuple[str, str]]:
    """The deposits that are in the books, by provider and record."""
    rows = await play.owner.fetch("SELECT provider, record_id FROM ledger.deposit WHERE state = 'credited'")
    return {(row["provider"], row["record_id"]) for row in rows}


async def next_due(play: "Play") -> list[datetime]:
    """When something of the ledger is to be done. Rescans have no time of their own: a job looks for them."""
    row = await play.owner.fetchrow(
        "SELECT (SELECT min(due_at) FROM ledger.orders WHERE due_at IS NOT NULL AND type <> 'rescan'),"
        " (SELECT min(lease_until) FROM ledger.outbox WHERE published_at IS NULL),"
        " (SELECT min(due_at) FROM ledger.job)"
    )
    return [at for at in row if at is not None]


async def in_review(play: "Play") -> list[tuple[str, str | None]]:
    """Orders that wait for a person, each with the provider's id of it."""
    rows = await play.owner.fetch("SELECT order_id, provider_ref FROM ledger.orders WHERE state = 'review'")
    return [(row["order_id"], row["provider_ref"]) for row in rows]


def clears(play: "Play", withdrawal_id: str) -> None:
    """The provider's people, whom ours have called, end what is unclear."""
    play.bank.clear_up(withdrawal_id, play.clears_to)


async def truth_of(play: "Play", order_id: str) -> str | None:
    """The withdrawal that is this order's, or of equal orders' one that nobody has yet; None: there is none."""
    play.bank.advance()
    rows = await play.owner.fetch(
        "SELECT a.order_id, a.signature FROM ledger.attempt a JOIN ledger.orders o USING (order_id)"
        " WHERE o.payee = (SELECT payee FROM ledger.orders WHERE order_id = $1)",
        order_id,
    )
    asked_by = {row["signature"]: row["order_id"] for row in rows}
    taken = await play.owner.fetch("SELECT provider_ref FROM ledger.orders WHERE payee IS NOT NULL")
    free = set(play.bank.made) - {row["provider_ref"] for row in taken}
    equal = sorted(each for each in free if play.bank.made[each] in asked_by)
    own = [each for each in equal if asked_by[play.bank.made[each]] == order_id]
    return next(iter([*own, *equal]), None)
