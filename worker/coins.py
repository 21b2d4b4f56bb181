"""What providers say of their coins, kept in the database and at hand in each process.

Nothing is refused on old data: before a command is refused by them the provider is asked anew, and when it cannot be
asked the command goes on to it.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from worker.clock import Clock
from worker.ledger import Ledger
from worker.providers.protocol import Coin, Provider, ReadFailed

log = structlog.get_logger()

# How often the scheduled job asks each provider.
REFRESH_SECONDS = 300.0
# How often each process reads what the job has stored.
RELOAD_SECONDS = 30.0
# A refusal may rest on data this old; it bounds how often refused commands make us ask.
FRESH = timedelta(seconds=10)
# What is older says nothing any more: the job has been failing.
STALE = timedelta(hours=1)

Known = tuple[datetime, Mapping[str, Coin]]


class Coins:
    """The coin data of all providers, as far as known."""

    def __init__(self, ledger: Ledger, providers: Mapping[str, Provider], clock: Clock) -> None:
        self._ledger = ledger
        self._providers = providers
        self._clock = clock
        self._known: dict[str, Known] = {}
        self._failed_at: dict[str, datetime] = {}
        self._asking = {name: asyncio.Lock() for name in providers}

    def of(self, provider: str) -> Mapping[str, Coin] | None:
        """By coin; None when nothing is known, or nothing recent."""
        known = self._known.get(provider)
        if known is None or self._clock.now() - known[0] > STALE:
            return None
        return known[1]

    async def anew(self, provider: str) -> Mapping[str, Coin] | None:
        """As `of`, from just now; None when the provider cannot be asked."""
        async with self._asking[provider]:
            known, failed_at = self._known.get(provider), self._failed_at.get(provider)
            if failed_at is not None and self._clock.now() - failed_at <= FRESH:
                return None  # each of those who wait would else wait for a time-out of its own
            if known is None or self._clock.now() - known[0] > FRESH:
                try:
                    await self.refresh(provider)
                except ReadFailed as error:
                    log.warning("coin data cannot be read anew; the provider decides", reason=str(error))
                    self._failed_at[provider] = self._clock.now()
                    return None
        return self.of(provider)

    async def refresh(self, provider: str) -> int:
        """Ask the provider and keep its answer for all processes; how many coins it has. Raises ReadFailed."""
        at = self._clock.now()
        coins = await self._providers[provider].coins()
        if not coins:  # taken at its word, it would have every command refused
            raise ReadFailed(f"{provider} lists no coins")
        await self._ledger.store_coins(provider, coins)
        self._known[provider] = at, {coin.coin: coin for coin in coins}
        return len(coins)

    async def run_once(self) -> int:
        """Read what the job, in whichever process, has stored; how many coins."""
        stored: dict[str, tuple[datetime, dict[str, Coin]]] = {}
        count = 0
        for provider, coin, fetched_at in await self._ledger.read_coins():
            stored.setdefault(provider, (fetched_at, {}))[1][coin.coin] = coin
            count += 1
        for provider, known in stored.items():
            if provider not in self._known or known[0] > self._known[provider][0]:
                self._known[provider] = known
        return count

    async def run(self) -> None:
        """Read it again and again, until cancelled."""
        while True:
            await self.run_once()
            await self._clock.sleep(RELOAD_SECONDS)
