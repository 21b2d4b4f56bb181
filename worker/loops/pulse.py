"""Pulse: whether the database answers; while it has not for long, no commands are taken from the broker.

A delivery that cannot be admitted stays unacked. After 30 minutes RabbitMQ closes its channel and delivers it anew,
which counts: a database that is away for ten hours would make dead letters of commands that nothing is wrong with.
"""

import asyncio

import structlog

from worker.clock import Clock
from worker.ledger import Ledger

log = structlog.get_logger()

# How often to ask, while it answers.
LOOK_SECONDS = 5.0
# A restart, or a standby that takes over, is shorter: for those it is enough that deliveries wait.
AWAY_SECONDS = 60.0


class Pulse:
    """Two signals, of which one is set: `away` after a question had no answer for long, `there` otherwise."""

    def __init__(self, ledger: Ledger, clock: Clock, away_seconds: float = AWAY_SECONDS) -> None:
        self._ledger = ledger
        self._clock = clock
        self._away_seconds = away_seconds
        self.there = asyncio.Event()
        self.away = asyncio.Event()
        self.there.set()

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self.run_once()
            await self._clock.sleep(LOOK_SECONDS)

    async def run_once(self) -> None:
        """Ask once, and wait for the answer however long it takes."""
        asking = asyncio.create_task(self._ledger.read_orders([]))
        try:
            _, unanswered = await asyncio.wait({asking}, timeout=self._away_seconds)
            if unanswered:
                self._miss()
            await asking
            if unanswered:
                self._find()
        finally:
            asking.cancel()

    def _miss(self) -> None:
        self.there.clear()
        self.away.set()
        log.warning("database away for long, no more commands are taken", seconds=self._away_seconds)

    def _find(self) -> None:
        self.away.clear()
        self.there.set()
        log.info("commands are taken again")
