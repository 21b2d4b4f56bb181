"""Probe: ask a provider that is down something harmless from time to time; its answer lets commands come again."""

import random
from contextlib import suppress

import structlog

from worker.clock import Clock
from worker.providers.health import Health
from worker.providers.line import probing
from worker.providers.protocol import Provider, ReadFailed

log = structlog.get_logger()


class Probe:
    """Watches one provider for this process. Said in the log when it goes, and when it is back."""

    def __init__(self, provider: Provider, health: Health, clock: Clock) -> None:
        self._provider = provider
        self._health = health
        self._clock = clock

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._health.down.wait()
            log.warning("provider down, its commands wait", provider=self._provider.name)
            while self._health.state != "up":
                # Up to half as long, so that many processes do not come at one moment.
                await self._clock.sleep(self._health.pause_seconds * random.uniform(0.5, 1.0))  # noqa: S311
                await self.run_once()
            log.info("provider is back", provider=self._provider.name)

    async def run_once(self) -> bool:
        """Ask once, unless something else was answered meanwhile; whether the provider is there."""
        self._health.begin_probe()
        try:
            if self._health.state == "probing":
                # What it says is none of our business here: a refusal is an answer too, and the line has heard it.
                with probing(), suppress(ReadFailed):
                    await self._provider.check()
        finally:
            self._health.end_probe()
        return self._health.state == "up"
