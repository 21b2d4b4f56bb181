"""Writes every credited deposit into a database of its own, each once: `python deposits.py FILE [HOW_MANY]`.

Delivery is at least once, so the event's id goes into the same transaction as the effect, under a primary key. That
holds through crashes and for several processes, which the store in memory does not.
"""

import asyncio
import os
import sqlite3
import sys

from ledger_client import DepositCredited, Ledger, LedgerClient, ReceivedEvent


class Deposits:
    """The service's own database; it is a `SeenEvents`, too."""

    def __init__(self, path: str) -> None:
        self._database = sqlite3.connect(path)
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS deposit (event_id TEXT PRIMARY KEY, account TEXT, coin TEXT, amount TEXT)"
        )

    async def has(self, event_id: str) -> bool:
        """Whether the event had its effect."""
        found = self._database.execute("SELECT 1 FROM deposit WHERE event_id = ?", (event_id,))
        return found.fetchone() is not None

    async def add(self, event_id: str) -> None:
        """`record` has done it already."""

    def record(self, event: ReceivedEvent, deposit: DepositCredited) -> bool:
        """The effect and the event's id, or neither. False when another process was first."""
        with self._database as transaction:
            done = transaction.execute(
                "INSERT INTO deposit VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (event.id, deposit.account, deposit.coin, str(deposit.amount)),
            )
        return done.rowcount == 1


async def consume(ledger: Ledger, deposits: Deposits, how_many: int | None) -> None:
    """Until the process is stopped, or so many have come."""
    async with ledger.events("deposit.credited", queue="deposits", seen=deposits) as events:
        async for event in events:
            async with event:  # acked when the block is done, given back when it raises
                if isinstance(event.data, DepositCredited) and deposits.record(event, event.data):
                    print(event.data.account, event.data.amount, flush=True)
            if how_many is not None and (how_many := how_many - 1) == 0:
                return


async def main(path: str, how_many: int | None) -> None:
    """Connect, and consume."""
    async with LedgerClient.connect(os.environ["LEDGER_AMQP_URL"], service="example") as client:
        await consume(client, Deposits(path), how_many)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None))
