"""The whole road: commands wait in RabbitMQ, one worker process executes them, its events say when it is done.

Ours and the plain worker of peer.py in turn, in the same run: on a machine that others use, only what is side by
side compares.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import asyncpg

from benchmarks import load, processes
from worker.broker import apply_topology, open_channel
from worker.topology import COMMANDS_EXCHANGE, EVENTS_EXCHANGE, commands_queue

# A worker that does not come to its end this soon has stopped working.
DRAIN_SECONDS = 600
# For the last acks and marks after the last event.
REST_SECONDS = 0.3
PEER_QUEUE, PEER_EVENTS = "bench.peer", "bench.events"

RECONCILED = """
INSERT INTO ledger.job (name, run, due_at, started_at, finished_at, seconds, result)
VALUES ('reconcile.ccpayment', 1, now() + interval '1 day', now(), now(), 0, 'nothing to compare')
"""

PEER_TABLES = """
CREATE SCHEMA peer;
CREATE TABLE peer.balance (owner text PRIMARY KEY, amount numeric NOT NULL) WITH (fillfactor = 50);
CREATE TABLE peer.entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_id text NOT NULL,
    owner text NOT NULL REFERENCES peer.balance (owner), amount numeric NOT NULL);
INSERT INTO peer.balance SELECT 'payer' || lpad(i::text, 4, '0'), 1000000000 FROM generate_series(0, 999) i;
CREATE FUNCTION peer.transfer(order_id text, payer text, payee text, amount numeric) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM peer.balance b WHERE b.owner IN (payer, payee) ORDER BY b.owner FOR NO KEY UPDATE;
    UPDATE peer.balance b SET amount = b.amount - transfer.amount WHERE b.owner = payer;
    UPDATE peer.balance b SET amount = b.amount + transfer.amount WHERE b.owner = payee;
    INSERT INTO peer.entry (order_id, owner, amount)
    VALUES (transfer.order_id, payer, -transfer.amount), (transfer.order_id, payee, transfer.amount);
END $$;
"""

Rounds = list[tuple[float, float]]

OURS = "ledger-worker run"
PLAIN = "FastStream + httpx + asyncpg, no hold, outbox or crash safety"
PLAIN_AIOHTTP = "the same on httpx-aiohttp"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: commands of a round, all of them counted, after some that warm the worker up."""

    rounds: int = 3
    commands: int = 6000

    @property
    def warm_up(self) -> int:
        """They fill connections, prepared statements and caches."""
        return self.commands // 4


async def measure(url: str, amqp_url: str, plan: Plan) -> list[dict[str, Any]]:
    """A row per worker: commands per second and the process's CPU per command, the median of some rounds."""
    await _prepare_peer(url, amqp_url)
    seen: dict[str, list[tuple[float, float]]] = {OURS: [], PLAIN: [], PLAIN_AIOHTTP: []}
    async with processes.gateway() as gateway_url:
        for _ in range(plan.rounds):  # in turn, so that a noisy minute meets all of them
            seen[OURS].append(await ours(url, amqp_url, gateway_url, plan))
            for name, transport in ((PLAIN, "httpx"), (PLAIN_AIOHTTP, "aiohttp")):
                seen[name].append(await _plain(url, amqp_url, gateway_url, transport, plan))
    return [_row(name, rounds, seen[OURS]) for name, rounds in seen.items()]


def _row(name: str, rounds: Rounds, ours: Rounds) -> dict[str, Any]:
    """The ratio is the median of the rounds' own: what slows one round of ours slows its neighbours."""
    return {
        "worker": name,
        "commands/s": round(median(rate for rate, _ in rounds)),
        "CPU per command, µs": round(median(cpu for _, cpu in rounds)),
        "ours / this, rate": f"{median(a / b for (a, _), (b, _) in zip(ours, rounds, strict=True)):.2f}",
        "this / ours, CPU": f"{median(b / a for (_, a), (_, b) in zip(ours, rounds, strict=True)):.2f}",
    }


async def prepare(url: str, amqp_url: str) -> None:
    """Queues without messages, users who can pay, and a worker that has run before.

    Reconciliation has just been done, as far as the ledger knows: in service it is once an hour, so not in what is
    counted, and this gateway keeps no records to compare with.
    """
    async with open_channel(amqp_url) as (channel, _):
        await apply_topology(channel, ("ccpayment",))
        await (await channel.get_queue(commands_queue("ccpayment").name, ensure=False)).purge()
    await load.fund(url)
    owner = await asyncpg.connect(url)
    await owner.execute(RECONCILED)
    await owner.close()
    async with processes.gateway() as gateway_url:
        await ours(url, amqp_url, gateway_url, Plan(commands=2000))


async def _prepare_peer(url: str, amqp_url: str) -> None:
    async with open_channel(amqp_url) as (channel, _):
        await channel.declare_exchange(PEER_EVENTS, "topic", durable=True)
        queue = await channel.declare_queue(PEER_QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
        await queue.purge()
    owner = await asyncpg.connect(url)
    await owner.execute(PEER_TABLES)
    await owner.close()


async def ours(url: str, amqp_url: str, gateway_url: str, plan: Plan) -> tuple[float, float]:
    """Commands per second and CPU µs per command of a worker that is started for it."""
    publish = partial(load.publish, amqp_url, COMMANDS_EXCHANGE, "ccpayment.transfer")
    async with load.tap(amqp_url, EVENTS_EXCHANGE) as events:
        return await _drain(events, processes.worker(url, gateway_url), publish, plan)


async def _plain(url: str, amqp_url: str, gateway_url: str, transport: str, plan: Plan) -> tuple[float, float]:
    publish = partial(load.publish, amqp_url, "", PEER_QUEUE)
    async with load.tap(amqp_url, PEER_EVENTS) as events:
        return await _drain(events, processes.peer(url, amqp_url, gateway_url, transport), publish, plan)


async def _drain(
    events: AsyncIterator[dict[str, Any]],
    process: AbstractAsyncContextManager[asyncio.subprocess.Process],
    publish: Callable[[list[str]], Awaitable[None]],
    plan: Plan,
) -> tuple[float, float]:
    """Commands per second and CPU µs per command, of commands that are published while the worker stands still.

    From its going on to the last event, so that nothing of their execution lies before the first reading: a worker
    may execute many commands before it tells of the first.
    """
    async with asyncio.timeout(DRAIN_SECONDS), process as running:
        warm_up, counted = load.order_ids(plan.warm_up), load.order_ids(plan.commands)
        await publish(warm_up)
        await load.until_told(events, set(warm_up))
        await asyncio.sleep(REST_SECONDS)
        with processes.standing_still(running.pid):
            await publish(counted)
            began, cpu = perf_counter(), processes.cpu_seconds(running.pid)
        await load.until_told(events, set(counted))
        seconds = perf_counter() - began
        await asyncio.sleep(REST_SECONDS)
        return plan.commands / seconds, (processes.cpu_seconds(running.pid) - cpu) / plan.commands * 1e6
