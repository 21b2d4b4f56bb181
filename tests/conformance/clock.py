"""One time for both ends, passed by hand, and the moments that records have."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Clock:
    """One time for both ends. It stands still, but for a tick whenever the worker asks.

    Ed25519 signs equal requests of one moment alike, and the second of them is a replay.
    """

    at: datetime = NOW
    tick: timedelta = timedelta(milliseconds=1)
    # By how much the worker's clock is ahead of the provider's.
    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        """The worker's time."""
        self.at += self.tick
        return self.at + self.ahead

    async def sleep(self, seconds: float) -> None:
        """Nobody waits on this clock: its time is passed by hand."""
        self.go_on(seconds)

    def go_on(self, seconds: float) -> None:
        """Let time pass at both ends."""
        self.at += timedelta(seconds=seconds)

    def provider_seconds(self) -> float:
        """The provider's time."""
        return self.at.timestamp()


def at(seconds: float) -> datetime:
    """The moment as a record has it: whole seconds, cut."""
    return datetime.fromtimestamp(int(seconds), UTC)
