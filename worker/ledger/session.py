"""One process's way to the database: its functions, the time at which they run, and its leases."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from worker.clock import Clock
from worker.database import Database


class Session:
    """What all parts of a ledger share."""

    def __init__(self, database: Database, clock: Clock, lease_seconds: float, token: UUID | None) -> None:
        self.database = database
        self.clock = clock
        # How long an order is left to the worker that took it, and an event to the one that wrote it.
        self.lease = timedelta(seconds=lease_seconds)
        self.event_lease = self.lease
        # This process's name on the outbox rows it publishes: all its ledgers write, one relay publishes and marks.
        self.token = token or uuid4()

    async def fetch(self, query: str, *arguments: object) -> list[Any]:
        """The rows of a function that only reads, or of a view."""
        return await self.database.fetch(query, *arguments)

    async def fetch_at(self, query: str, arguments: Callable[[datetime], Sequence[object]]) -> list[Any]:
        """The rows of a function that is told the time at which it really runs."""
        return await self.database.fetch_anew(query, lambda: arguments(self.clock.now()))
