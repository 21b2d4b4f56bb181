"""Webhooks on their way out: collected here, carried by whoever has a network, tried again as documented.

A delivery ends when its answer is the documented one, or when its last retry has failed. The
providers' retries differ, and so do the answers that they take for a yes: see `webhook_plans`.
"""

import heapq
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from worker.sandbox.webhook_plans import PLANS, Plan

JSON_HEADERS: Mapping[str, str] = MappingProxyType({"Content-Type": "application/json"})

Settled = Callable[[bool, float], None]

# What became of the last ones is for a person to read, not for ever.
ENDED_LIMIT = 1_000


@dataclass(slots=True)
class Switch:
    """How webhooks of one kind are sent, as somebody asked for."""

    is_on: bool = True
    delay_seconds: float = 0.0
    """Between the change and the first try."""
    duplicate: bool = False
    """Each is sent twice, as from a queue that delivers at least once."""
    retry_seconds: float | None = None
    """Between tries; None means the documented gaps."""


@dataclass(slots=True)
class Delivery:
    """One webhook and how far it is. `due` is the unix time of its next try."""

    delivery_id: int
    kind: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    due: float
    settled: Settled | None = None
    url: str = ""
    """Where this try goes; known once it is due."""
    tries: int = 0
    last_status: int | None = None
    """The HTTP status of the last answer; None when there was none."""
    outcome: str = "pending"
    """pending, accepted or failed."""


@dataclass(slots=True)
class Webhooks:
    """All deliveries of all providers. `to` is the base URL of the receiver, None sends nothing."""

    to: str | None = None
    switches: dict[str, Switch] = field(default_factory=lambda: {kind: Switch() for kind in PLANS})
    ended: deque[Delivery] = field(default_factory=lambda: deque(maxlen=ENDED_LIMIT))
    _queue: list[tuple[float, int]] = field(default_factory=list)
    _pending: dict[int, Delivery] = field(default_factory=dict)
    _sent: int = 0

    def is_on(self, kind: str) -> bool:
        """Whether the merchant has set a URL for this kind."""
        return self.to is not None and self.switches[kind].is_on

    def send(
        self, kind: str, body: bytes, headers: Mapping[str, str], at: float, settled: Settled | None = None
    ) -> None:
        """Have `body` posted to the receiver of this kind, unless it is off; then it is never sent.

        `settled` is told how the delivery ended, and when: accepted, or not by the last retry.
        """
        if not self.is_on(kind):
            return
        switch = self.switches[kind]
        for _ in range(2 if switch.duplicate else 1):
            self._sent += 1
            due = at + switch.delay_seconds
            self._put(Delivery(self._sent, kind, PLANS[kind].path, dict(headers), body, due, settled))

    def due(self, at: float) -> list[Delivery]:
        """The deliveries to try now. Each is handed out once until `answered` says what came of it."""
        handed: list[Delivery] = []
        while self.to is not None and self._queue and self._queue[0][0] <= at:
            _, delivery_id = heapq.heappop(self._queue)
            delivery = self._pending[delivery_id]
            delivery.url = self.to.rstrip("/") + delivery.path
            handed.append(delivery)
        return handed

    def answered(self, delivery_id: int, status: int | None, body: bytes, at: float) -> None:
        """What came of a try; no status means no answer. A refused one is due again, or at its end."""
        delivery = self._pending[delivery_id]
        plan = PLANS[delivery.kind]
        delivery.tries += 1
        delivery.last_status = status
        if status == 200 and plan.accepts(body):
            self._end(delivery, "accepted", at)
        elif delivery.tries > len(plan.gaps):
            self._end(delivery, "failed", at)
        else:
            delivery.due = at + self._gap(delivery, plan)
            self._put(delivery)

    def pending(self) -> Sequence[Delivery]:
        """What is not ended yet, oldest first."""
        return list(self._pending.values())

    def resend(self, at: float) -> int:
        """Try the failed ones once more from the start, as a person at the provider's site would."""
        failed = [delivery for delivery in self.ended if delivery.outcome == "failed"]
        for delivery in failed:
            self.ended.remove(delivery)
            delivery.outcome, delivery.tries, delivery.due = "pending", 0, at
            self._put(delivery)
        return len(failed)

    def _gap(self, delivery: Delivery, plan: Plan) -> float:
        asked = self.switches[delivery.kind].retry_seconds
        return plan.gaps[delivery.tries - 1] if asked is None else asked

    def _put(self, delivery: Delivery) -> None:
        self._pending[delivery.delivery_id] = delivery
        heapq.heappush(self._queue, (delivery.due, delivery.delivery_id))

    def _end(self, delivery: Delivery, outcome: str, at: float) -> None:
        del self._pending[delivery.delivery_id]
        delivery.outcome = outcome
        self.ended.append(delivery)
        if delivery.settled is not None:
            delivery.settled(outcome == "accepted", at)
