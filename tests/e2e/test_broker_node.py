"""A RabbitMQ node that is stopped, killed, short of memory, or out of patience: nothing is lost or done twice."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aio_pika
import httpx
import pytest

from devstack.node import Node
from ledger_client import LedgerClient, Transfer
from tests.e2e.client import connected, transfer
from tests.e2e.conftest import QUICK
from tests.e2e.house import free_port
from tests.e2e.program import DEADLINE_SECONDS, Program, on_port
from tests.e2e.proxy import proxied
from tests.e2e.stage import APP_ID, Stage, open_stage

ORDERS = 60
AT_ONCE = 5

# A server's confirm of a publish: class 60, method 80.
CONFIRM = b"\x00\x3c\x00\x50"

BLOCKED = "broker blocks publishing"
CLOSED = "channel closed by the broker"


@pytest.fixture
async def stage(node: Node, database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage on the node that may be broken; a story leaves it as it was."""
    settings = {**QUICK, "LEDGER_HTTP_PORT": str(free_port())}
    async with open_stage(database_url, node.url, tmp_path, **settings) as stage:
        yield stage
    async with await aio_pika.connect(node.url) as connection:
        channel = await connection.channel()
        for queue in ("ledger.commands.ccpayment", "ledger.dead.ccpayment", "shop.events", "shop.events.dead"):
            await channel.queue_delete(queue)


async def ask(node_does: Callable[..., Any], *arguments: str) -> None:
    """Something that takes the node seconds, while the programs go on."""
    await asyncio.to_thread(node_does, *arguments)


async def get(stage: Stage, path: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(f"http://127.0.0.1:{stage.settings['LEDGER_HTTP_PORT']}{path}")


async def transfers(stage: Stage) -> Counter[str]:
    """How often the provider carried out each order."""
    return Counter(record["orderId"] for record in (await stage.control("GET", "books"))["transfers"])


# ---------------------------------------------------------------- stopped, killed, cut


@dataclass
class Shop:
    """A service: its client publishes and hears through everything that happens to the broker."""

    client: LedgerClient
    ends: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def hear(self) -> None:
        async with self.client.events("transfer.*") as events:
            async for event in events:
                async with event, self.news:
                    self.ends[event.order_id or ""].add((event.id, event.result))
                    self.news.notify_all()

    async def publish(self, order_ids: list[str]) -> None:
        for order_id in order_ids:
            order = Transfer(order_id=order_id, from_user_id=APP_ID, to_user_id="bob123", coin_id=1280, amount="1")
            await self.client.publish(order, timeout=DEADLINE_SECONDS)

    async def until_ended(self, count: int, worker: Program) -> None:
        try:
            async with asyncio.timeout(DEADLINE_SECONDS), self.news:
                await self.news.wait_for(lambda: len(self.ends) >= count)
        except TimeoutError:
            raise AssertionError(f"only {sorted(self.ends)} were heard of:\n{worker.tail()}") from None


@asynccontextmanager
async def shop_at(url: str) -> AsyncIterator[Shop]:
    async with LedgerClient.connect(url, service="shop") as client:
        shop = Shop(client)
        hearing = asyncio.create_task(shop.hear())
        try:
            yield shop
        finally:
            hearing.cancel()
            await asyncio.wait({hearing})


async def write_down_queues(node: Node) -> None:
    """Have the node write down which queues it has, as it does by itself when it has been left alone for a moment.

    RabbitMQ keeps the names of its quorum queues in a file that it writes late. Killed before, it comes back with a
    queue that never has a leader again: docs/BROKER.md.
    """
    await ask(node.control, "eval", "ok = dets:sync(ra_directory_reverse).")


async def kill(node: Node) -> None:
    await ask(node.kill)
    await ask(node.start)


async def stop(node: Node) -> None:
    await ask(node.stop)
    await ask(node.start)


async def close_all_connections(node: Node) -> None:
    await ask(node.control, "close_all_connections", "maintenance")


@pytest.mark.parametrize("breaks", [kill, pytest.param(stop, marks=pytest.mark.long), close_all_connections])
async def test_commands_flow_on_through_a_node_that_breaks(
    stage: Stage, node: Node, breaks: Callable[[Node], Awaitable[None]]
) -> None:
    order_ids = [f"ord-{number:03}" for number in range(ORDERS)]
    async with stage.worker() as worker, shop_at(node.url) as shop:
        await stage.fund_merchant()
        await write_down_queues(node)
        publishing = [asyncio.create_task(shop.publish(order_ids[first::AT_ONCE])) for first in range(AT_ONCE)]
        await shop.until_ended(ORDERS // 6, worker)
        await breaks(node)
        await asyncio.gather(*publishing)
        await shop.until_ended(ORDERS, worker)
        await worker.says("broker away")
        await worker.says("broker is back", times=2)  # to publish, and to consume
    assert {order_id: [result for _, result in told] for order_id, told in shop.ends.items()} == {
        order_id: ["succeeded"] for order_id in order_ids
    }
    assert await transfers(stage) == dict.fromkeys(order_ids, 1)
    assert await stage.query("SELECT * FROM ledger.violation") == []


async def test_an_event_whose_confirm_is_lost_is_published_again_under_its_id(stage: Stage) -> None:
    async with proxied(stage.amqp_url) as proxy, connected(stage.amqp_url) as client:
        through = stage.having(LEDGER_AMQP_URL=on_port(stage.amqp_url, proxy.port))
        async with through.worker():
            proxy.lose_answers(1, having=CONFIRM)
            await client.publish(transfer("ord-1", "alice1", "bob123", "1"))
            await proxy.until_answers_are_lost()
            first, second = await client.tap.delivery("ord-1"), await client.tap.delivery("ord-1", 2)
            assert first["id"] == second["id"]
            # Confirmed and marked: a third would come with the next look into the outbox.
            await client.ask(transfer("ord-2", "alice1", "bob123", "1"))
            assert len(client.tap.of("ord-1")) == 2


# ---------------------------------------------------------------- short of memory


async def test_a_node_short_of_memory_blocks_events_and_nothing_else(stage: Stage, node: Node) -> None:
    order_ids = [f"ord-{number}" for number in range(10)]
    assert (await stage.run("topology", "apply")).code == 0
    await stage.fund_merchant()
    async with connected(stage.amqp_url) as client:
        for order_id in order_ids:
            await client.publish(transfer(order_id, APP_ID, "bob123", "1"))
        await ask(node.control, "set_vm_memory_high_watermark", "0.00001")
        try:
            async with stage.worker() as worker:
                await worker.says("http listens")
                await worker.says(BLOCKED)
                await stage.until(
                    "SELECT count(*) = $1 AS it FROM ledger.order_status"
                    " WHERE type = 'transfer' AND state = 'succeeded'",
                    len(order_ids),
                )
                assert "ledger_broker_blocked 1.0" in (await get(stage, "/metrics")).text
                assert (await get(stage, "/readyz")).status_code == 200
                assert client.tap.events == []
                await ask(node.control, "set_vm_memory_high_watermark", "0.4")
                await worker.says("broker takes messages again")
                for order_id in order_ids:
                    assert (await client.tap.end_of(order_id))["data"]["result"] == "succeeded"
                assert "ledger_broker_blocked 0.0" in (await get(stage, "/metrics")).text
                assert (len(worker.said(BLOCKED)), worker.said("broker away")) == (1, [])
        finally:
            await ask(node.control, "set_vm_memory_high_watermark", "0.4")
    assert await transfers(stage) == dict.fromkeys(order_ids, 1)


# ---------------------------------------------------------------- out of patience


async def wait_for_acks(node: Node, milliseconds: str, look_milliseconds: str) -> None:
    """How long the broker waits, and how often it looks; on channels that are opened from now on."""
    settings = {"consumer_timeout": milliseconds, "channel_tick_interval": look_milliseconds}
    said = ", ".join(f"application:set_env(rabbit, {name}, {value})" for name, value in settings.items())
    await ask(node.control, "eval", f"{said}.")


async def test_a_delivery_that_the_broker_would_not_wait_for_comes_again_and_is_recognised(
    stage: Stage, node: Node
) -> None:
    """The order is admitted, and the worker does not hear of it for longer than the broker waits for the ack."""
    await wait_for_acks(node, "1500", "500")
    try:
        async with proxied(stage.database_url) as database, connected(stage.amqp_url) as client:
            through = stage.having(LEDGER_DATABASE_URL=on_port(stage.database_url, database.port))
            async with through.worker() as worker:
                await worker.says("http listens")
                await stage.fund_merchant()
                database.hold_answers(having=b"admitted")
                await client.publish(transfer("ord-1", APP_ID, "bob123", "1"))
                await database.until_an_answer_is_held()
                assert "delivery acknowledgement on channel" in await worker.says(CLOSED)
                database.release()
                assert (await client.tap.end_of("ord-1"))["data"]["result"] == "succeeded"
                await worker.says("working again")
                assert (await client.ask(transfer("ord-2", APP_ID, "bob123", "1")))["data"]["result"] == "succeeded"
                counted = (await get(stage, "/metrics")).text
                assert 'type="transfer",verdict="duplicate"} 1.0' in counted
    finally:
        await wait_for_acks(node, "1800000", "60000")
    assert await transfers(stage) == {"ord-1": 1, "ord-2": 1}
