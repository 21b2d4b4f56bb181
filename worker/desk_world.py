"""A world without a broker, for commands that decide something by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from worker.clock import Clock, SystemClock
from worker.coins import Coins
from worker.database import FOR_FUNCTIONS, Database
from worker.errors import BrokerAway
from worker.ledger import Ledger, Stored
from worker.message import Outgoing
from worker.providers.registry import make_lines, open_providers
from worker.settings import Settings, required
from worker.world import Policy, World


def policy_of(settings: Settings) -> Policy:
    """How patient the worker is, as its operator has set it."""
    return Policy(
        poll_seconds=settings.poll_seconds,
        review_after_seconds=settings.review_after_seconds,
        resend_payments=settings.coinqpay_resend,
        rescan_seconds=settings.rescan_seconds,
        rescan_give_up_seconds=settings.rescan_give_up_seconds,
    )


@asynccontextmanager
async def open_books(settings: Settings, clock: Clock) -> AsyncIterator[Ledger]:
    """The ledger alone, for one command line."""
    database = await Database.open(
        required(settings.database_url, "LEDGER_DATABASE_URL"), clock, FOR_FUNCTIONS, quiet=True
    )
    try:
        yield Ledger(database, clock, settings.resume_after_seconds)
    finally:
        await database.close()


@asynccontextmanager
async def open_desk(settings: Settings) -> AsyncIterator[World]:
    """A world without a broker: what is told goes to the outbox, and a worker's relay publishes it."""
    clock = SystemClock()
    async with open_books(settings, clock) as ledger:
        ledger.leave_events()
        lines = make_lines(settings, clock, watched=False)
        async with open_providers(settings, clock, lines) as providers:
            yield World(
                ledger=ledger,
                publisher=_NoBroker(),
                relay=_NoRelay(),
                providers=providers,
                coins=Coins(ledger, providers, clock),
                clock=clock,
                policy=policy_of(settings),
                lines=lines,
            )


class _NoBroker:
    async def publish(self, _message: Outgoing) -> None:
        raise BrokerAway("this process publishes nothing")

    async def ready(self) -> None:
        raise BrokerAway("this process publishes nothing")


class _NoRelay:
    def offer(self, event: Stored) -> None:
        """The outbox has it, under no lease."""

    def wake(self) -> None:
        """A worker looks into it within a second."""
