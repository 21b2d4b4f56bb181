"""Findings: what a run has compared and what of it differs, written down page by page, and told."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from schemas.event import Event, ReconcileDriftData, drift_event_id, event_of
from schemas.money import show
from worker.ledger import Difference, ReconcileLedger
from worker.reconcile.compare import Compared
from worker.world import World

# Written down together; also all that a run keeps in memory of what it has compared.
PAGE = 200
# More than anybody reads; with many users under way all of them would fill the memory.
PASSED_MAX = 1000


@dataclass(frozen=True, slots=True)
class Passed:
    """What could not be compared, and why."""

    what: str
    account: str | None
    coin: str | None
    message: str


@dataclass
class PassedOver:
    """All that could not be compared for one reason: counted, and the first of it kept for people to read."""

    first: list[Passed] = field(default_factory=list)
    count: int = 0

    def add(self, passed: Passed) -> None:
        """One more."""
        self.count += 1
        if len(self.first) < PASSED_MAX:
            self.first.append(passed)


@dataclass
class Findings:
    """Of one run for one provider, as of `now`."""

    provider: str
    books: ReconcileLedger
    world: World
    now: datetime
    compared: Counter[str] = field(default_factory=Counter)
    busy: PassedOver = field(default_factory=PassedOver)
    skipped: PassedOver = field(default_factory=PassedOver)
    _subjects: list[str] = field(default_factory=list)
    _differing: list[Difference] = field(default_factory=list)

    async def add(self, what: str, key: str, compared: Compared) -> None:
        """One comparison. What is open is not compared."""
        if compared == "open":
            return
        self.compared[what] += 1
        if isinstance(compared, Difference):
            self._differing.append(compared)
        else:
            self._subjects.append(f"{what} {key}")
        if len(self._subjects) + len(self._differing) >= PAGE:
            await self.write()

    async def write(self) -> None:
        """Have the database know what was compared since the last time."""
        subjects, differing = self._subjects, self._differing
        if not subjects and not differing:
            return
        self._subjects, self._differing = [], []
        found = [(difference, drift_event(self.provider, difference, self.now)) for difference in differing]
        for what in await self.books.note_drift(self.provider, subjects, found, self.now):
            self.world.metrics.drifted(self.provider, what)
        if found:
            self.world.relay.wake()


def drift_event(provider: str, difference: Difference, now: datetime) -> Event:
    """`reconcile.drift`: told once a day for as long as it lasts, under an id made of what differs."""
    content = "/".join(str(part) for part in _content(difference))
    return event_of(
        ReconcileDriftData(
            order_id=difference.order_id,
            provider=provider,
            what=difference.what,
            account=difference.account,
            coin=difference.coin,
            ledger_amount=_shown(difference.ledger_amount),
            provider_amount=_shown(difference.provider_amount),
            record_id=difference.record_id,
            message=difference.message,
        ),
        subject=f"{provider}:{difference.subject}",
        event_id=drift_event_id(provider, content, now.date()),
        schema="reconcile-drift",
        now=now,
        correlation_id=difference.order_id,
    )


def _content(difference: Difference) -> tuple[str | None, ...]:
    """Equal for equal differences; amounts in one spelling."""
    return (
        difference.subject,
        difference.account,
        difference.coin,
        _shown(difference.ledger_amount),
        _shown(difference.provider_amount),
        difference.message,
    )


def _shown(amount: Decimal | None) -> str | None:
    return None if amount is None else show(amount)
