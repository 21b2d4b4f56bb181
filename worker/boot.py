"""Boot: the one place that knows all the parts and puts them together."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from uuid import UUID

import structlog

from worker.broker import Broker, Stopping, Valve
from worker.clock import Clock, SystemClock
from worker.coins import Coins
from worker.database import FOR_FUNCTIONS, Database
from worker.desk_world import policy_of
from worker.errors import BadSettings
from worker.jobs.registry import make_jobs
from worker.ledger import Ledger
from worker.loops.consume import Consume
from worker.loops.http import Http
from worker.loops.probe import Probe
from worker.loops.pulse import Pulse
from worker.loops.relay import Relay
from worker.loops.resume import Resume
from worker.loops.schedule import Schedule
from worker.loops.slots import Slots
from worker.providers.line import Line
from worker.providers.protocol import Provider
from worker.providers.registry import make_lines, open_providers
from worker.settings import Settings, required
from worker.web.app import make_app
from worker.world import World

log = structlog.get_logger()

ROLES = ("consume", "resume", "relay", "schedule", "http")

# Beyond one provider call, for the database round trips on both sides of it.
DRAIN_MARGIN_SECONDS = 10
# So many more objects before the garbage collector looks for cycles among them, and so many times before it looks
# among the older ones. Orders in flight are some ten thousand objects that it would go through again and again: a
# tenth of the worker's CPU.
COLLECT_AFTER = (10_000, 20, 20)
# The last events; what is left is in the outbox.
FLUSH_SECONDS = 5
# Ending is a matter of milliseconds, but for a connection that closes slowly.
CANCEL_SECONDS = 10


async def run(settings: Settings, roles: Collection[str], declare: bool) -> None:
    """Work until SIGTERM or SIGINT; then take nothing more, finish what is in flight, and return."""
    stop = _stop_signal()
    async with open_worker(settings, roles) as worker:
        await _unless(stop, worker.check_schema())
        if declare and not stop.is_set():
            await _unless(stop, worker.declare_topology())
        if not stop.is_set():
            _collect_seldom()
            await worker.work(roles, stop)


class Worker:
    """One process: the ports and the loops on them."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        broker: Broker,
        aside: Broker,
        providers: Mapping[str, Provider],
        lines: Mapping[str, Line],
        clock: Clock,
    ) -> None:
        self.http: Http | None = None
        self._settings = settings
        self._broker = broker
        self._aside = aside
        self._clock = clock
        self.relay = Relay(ledger, broker, clock, settings.resume_after_seconds, aside)
        self.world = World(
            ledger=ledger,
            publisher=broker,
            relay=self.relay,
            providers=providers,
            coins=Coins(ledger, providers, clock),
            clock=clock,
            policy=policy_of(settings),
            lines=lines,
        )
        for name, line in lines.items():
            self.world.metrics.watch(name, partial(_is_up, line))
        self.world.metrics.watch_publishing(lambda: broker.is_blocked)

    async def check_schema(self) -> None:
        """Ask the database something before any message is taken. Raises SchemaMissing or BadSettings."""
        await self.world.ledger.read_orders([])

    async def declare_topology(self) -> None:
        """Declare exchanges and queues once the broker is there. Raises WorkerError when they differ."""
        await self._broker.declare_topology(tuple(self.world.providers))

    async def work(self, roles: Collection[str], stop: asyncio.Event) -> None:
        """Run the loops of these roles until the stop, then drain."""
        # Each provider has its share of the slots: one that hangs fills its own, and the others' orders go on.
        share = max(1, self._settings.concurrency // len(self.world.providers))
        slots = {provider: Slots(share, self._clock) for provider in self.world.providers}
        stopping = Stopping(asked=stop, drained=asyncio.Event())
        background = [asyncio.create_task(self._broker.run())]
        consumers = []
        if "relay" in roles:
            background += [asyncio.create_task(self.relay.run()), asyncio.create_task(self._aside.run())]
        else:
            self.world.ledger.leave_events()
        if "resume" in roles:
            background += [
                asyncio.create_task(Resume(self.world, slots[provider], provider).run()) for provider in slots
            ]
        if self.http is not None:
            background.append(asyncio.create_task(self.http.run()))
        if "schedule" in roles:
            jobs = list(make_jobs(self._settings, self.world))
            background.append(asyncio.create_task(Schedule(jobs, self.world.ledger, self._clock).run()))
        background += [asyncio.create_task(probe.run()) for probe in self._probes()]
        if "consume" in roles:
            pulse = Pulse(self.world.ledger, self._clock)
            background += [asyncio.create_task(pulse.run()), asyncio.create_task(self.world.coins.run())]
            self.world.metrics.watch_consuming(
                {provider: partial(self._broker.is_consuming, provider) for provider in self.world.providers}
            )
            consumers = [
                asyncio.create_task(self._consume(provider, share, slots[provider], stopping, pulse))
                for provider in slots
            ]
        background += [asyncio.create_task(one.hopeless()) for one in slots.values()]
        log.info("worker started", roles=sorted(roles), providers=list(self.world.providers))
        await _watch(stop, [*background, *consumers])
        log.info("worker stopping")
        patience = self._settings.provider_timeout_seconds + DRAIN_MARGIN_SECONDS
        await asyncio.gather(*(one.drain(patience) for one in slots.values()))
        stopping.drained.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._finish(roles, consumers)
        await _cancel([*background, *consumers])
        log.info("worker stopped")

    async def _consume(self, provider: str, share: int, slots: Slots, stopping: Stopping, pulse: Pulse) -> None:
        line = self.world.line(provider)
        assert line.health is not None, "a worker watches its providers"
        valves = Valve(shut=line.health.down, open=line.health.up), Valve(shut=pulse.away, open=pulse.there)
        await self._broker.consume(provider, share, Consume(self.world, slots, line).handle, stopping, *valves)

    def _probes(self) -> list[Probe]:
        """Whatever a process does, it must find out that a provider is back which it has seen go."""
        lines = self.world.lines.items()
        healths = {name: line.health for name, line in lines if line.health is not None}
        return [Probe(self.world.providers[name], health, self._clock) for name, health in healths.items()]

    async def _finish(self, roles: Collection[str], consumers: list[asyncio.Task[None]]) -> None:
        await asyncio.gather(*consumers)
        if "relay" in roles:
            await self.relay.flushed()


@asynccontextmanager
async def open_worker(settings: Settings, roles: Collection[str]) -> AsyncIterator[Worker]:
    """A worker on the system's clock, with its connections closed afterwards."""
    clock = SystemClock()
    amqp_url = required(settings.amqp_url, "LEDGER_AMQP_URL")
    broker = Broker(amqp_url, clock)
    aside = Broker(amqp_url, clock, "publishing to silent queues", at_first_use=True)
    lines = make_lines(settings, clock, watched=True)
    async with _open_ledger(settings, clock) as ledger, open_providers(settings, clock, lines) as providers:
        worker = Worker(settings, ledger, broker, aside, providers, lines, clock)
        if "http" not in roles:
            yield worker
            return
        # Connections of its own, to the database and to the providers: a confirmation must not wait for a slot of a
        # busy worker, nor for a turn, nor for a provider that was down a moment ago and now asks us something.
        urgent = {name: replace(line, is_urgent=True) for name, line in lines.items()}
        async with (
            _open_ledger(settings, clock, ledger.token) as web_ledger,
            open_providers(settings, clock, urgent) as web_providers,
        ):
            if "relay" not in roles:
                web_ledger.leave_events()
            world = replace(worker.world, ledger=web_ledger, providers=web_providers, lines=urgent)
            app = make_app(web_providers, world, lambda: broker.is_connected)
            worker.http = Http(app, settings.http_host, settings.http_port, clock)
            yield worker


@asynccontextmanager
async def _open_ledger(settings: Settings, clock: Clock, token: UUID | None = None) -> AsyncIterator[Ledger]:
    database = await Database.open(required(settings.database_url, "LEDGER_DATABASE_URL"), clock, FOR_FUNCTIONS)
    try:
        yield Ledger(database, clock, settings.resume_after_seconds, token)
    finally:
        await database.close()


def check_roles(text: str | None) -> tuple[str, ...]:
    """The roles in a comma-separated list; all of them when there is none. Raises BadSettings."""
    if text is None:
        return ROLES
    roles = tuple(role.strip() for role in text.split(","))
    for role in roles:
        if role not in ROLES:
            raise BadSettings(f"--role: {role!r} is none of {', '.join(ROLES)}")
    return roles


def _is_up(line: Line) -> bool:
    return not line.is_down


def _collect_seldom() -> None:
    """What is there by now stays: modules, classes, connections. The garbage collector leaves it alone."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _watch(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Wait for the stop. A loop that ends before it has met a bug or a missing schema: raise what it raised."""
    waiting = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if task is not waiting:
                task.result()
    finally:
        waiting.cancel()


async def _unless(stop: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Do it, unless the stop comes first."""
    task = asyncio.create_task(work)
    await _watch(stop, [task])
    await _cancel([task])


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    """End them; one that does not end within its time must not keep the process from ending."""
    for task in tasks:
        task.cancel()
    ended, stuck = await asyncio.wait(tasks, timeout=CANCEL_SECONDS)
    for task in ended:
        if not task.cancelled() and task.exception() is not None:
            log.warning("a loop ended badly", error=repr(task.exception()))
    for task in stuck:
        log.error("a loop did not end", task=task.get_name())
