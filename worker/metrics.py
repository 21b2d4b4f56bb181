"""What this process did, counted for Prometheus."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """The counters of one process; each has its own, so that tests and several workers in a process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._admissions = Counter(
            "ledger_admissions_total",
            "Commands, by what became of them on arrival",
            ("provider", "type", "verdict"),
            registry=self._registry,
        )
        self._decisions = Counter(
            "ledger_decisions_total",
            "Decisions applied to orders, by the state they led to",
            ("provider", "type", "state"),
            registry=self._registry,
        )
        self._contradictions = Counter(
            "ledger_contradictions_total",
            "Evidence against how an order ended; each needs a person",
            ("provider",),
            registry=self._registry,
        )
        self._drift = Counter(
            "ledger_drift_total",
            "Differences between a provider's books and ours, as they were found",
            ("provider", "what"),
            registry=self._registry,
        )
        self._drift_open = Gauge(
            "ledger_drift_open",
            "Differences that were open at the end of this process's last reconciliation",
            ("provider",),
            registry=self._registry,
        )
        self._up = Gauge(
            "ledger_provider_up",
            "1 while the provider answers this process, 0 while it is down and its commands wait",
            ("provider",),
            registry=self._registry,
        )
        self._calls = Histogram(
            "ledger_provider_seconds",
            "How long providers took to answer attempts",
            ("provider", "outcome"),
            registry=self._registry,
        )

        self._unbound = Gauge(
            "ledger_events_unbound",
            "Events that wait for somebody to bind a queue; more than 10,000 are not counted",
            ("routing_key",),
            registry=self._registry,
        )
        self._job_finished = Gauge(
            "ledger_job_finished_timestamp_seconds",
            "When the last run of a scheduled job ended, in whichever process",
            ("job",),
            registry=self._registry,
        )
        self._job_seconds = Gauge("ledger_job_seconds", "How long that run took", ("job",), registry=self._registry)
        self._job_failed = Gauge(
            "ledger_job_failed", "1 when that run was not done, 0 when it was", ("job",), registry=self._registry
        )
        # What every order counts, found without the library's lock.
        self._admission = cache(self._admissions.labels)
        self._decision = cache(self._decisions.labels)
        self._call = cache(self._calls.labels)

    def admitted(self, provider: str, command_type: str, verdict: str) -> None:
        """A command arrived."""
        self._admission(provider, command_type, verdict).inc()

    def decided(self, provider: str, command_type: str, state: str) -> None:
        """Something was learned of an order, and applied."""
        self._decision(provider, command_type, state).inc()

    def contradicted(self, provider: str) -> None:
        """Something was learned that should not be."""
        self._contradictions.labels(provider).inc()

    def drifted(self, provider: str, what: str) -> None:
        """A difference was found that was not known."""
        self._drift.labels(provider, what).inc()

    def drift_open(self, provider: str, count: int) -> None:
        """A reconciliation ended."""
        self._drift_open.labels(provider).set(count)

    def called(self, provider: str, outcome: str, seconds: float) -> None:
        """A provider answered an attempt, or did not."""
        self._call(provider, outcome).observe(seconds)

    def unbound(self, events: Mapping[str, int]) -> None:
        """The database was asked what waits for a queue; a kind that is not in it waits no more."""
        self._unbound.clear()
        for routing_key, count in events.items():
            self._unbound.labels(routing_key).set(count)

    def job_ended(self, job: str, finished_at: datetime, seconds: float, *, failed: bool) -> None:
        """The database was asked how a job's last run ended."""
        self._job_finished.labels(job).set(finished_at.timestamp())
        self._job_seconds.labels(job).set(seconds)
        self._job_failed.labels(job).set(failed)

    def watch_publishing(self, is_blocked: Callable[[], bool]) -> None:
        """Show whether the broker takes our messages, asked whenever the metrics are."""
        gauge = Gauge(
            "ledger_broker_blocked",
            "1 while RabbitMQ, short of memory or disk, takes no events from this process",
            registry=self._registry,
        )
        gauge.set_function(is_blocked)

    def watch_consuming(self, is_consuming: Mapping[str, Callable[[], bool]]) -> None:
        """Show, by provider, whether the broker hands us its commands."""
        gauge = Gauge(
            "ledger_consuming",
            "1 while RabbitMQ hands this process the provider's commands",
            ("provider",),
            registry=self._registry,
        )
        for provider, answer in is_consuming.items():
            gauge.labels(provider).set_function(answer)

    def watch(self, provider: str, is_up: Callable[[], bool]) -> None:
        """Whether a provider is there is asked whenever the metrics are read."""
        self._up.labels(provider).set_function(is_up)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)
