"""Events that no queue is bound for: kept and counted, told once, in nobody's way, delivered when one is bound."""

import json

import aio_pika
import httpx
from aio_pika.abc import AbstractChannel

from tests.e2e.client import Client, connected, transfer
from tests.e2e.house import free_port
from tests.e2e.stage import Stage

KIND = "transfer.rejected"
NOT_TAKEN = "event not taken, kept"


async def waiting(desk: Stage, kind: str) -> float:
    """How many events of a kind wait for a queue, as the worker's metrics say."""
    url = f"http://127.0.0.1:{desk.settings['LEDGER_HTTP_PORT']}/metrics"
    async with httpx.AsyncClient(trust_env=False) as client:
        lines = (await client.get(url)).text.splitlines()
    counted = {line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("ledger_events_unbound{")}
    return counted.get(f'ledger_events_unbound{{routing_key="{kind}"}}', 0)


async def publish(channel: AbstractChannel, *order_ids: str) -> None:
    """Orders that nobody can pay for; each ends with an event."""
    commands = await channel.get_exchange("ledger.commands")
    for order_id in order_ids:
        body = json.dumps(transfer(order_id, "alice1", "bob123", "1")).encode()
        await commands.publish(aio_pika.Message(body), "ccpayment.transfer")


async def until_parked(desk: Stage, count: int) -> None:
    await desk.until("SELECT coalesce(sum(events), 0) = $1 AS it FROM ledger.unbound_event", count)


async def heard_once(client: Client, *order_ids: str) -> None:
    for order_id in order_ids:
        assert (await client.tap.end_of(order_id))["data"]["error"]["code"] == "insufficient_funds"
    assert len(client.tap.events) == len(order_ids)


async def test_an_event_that_no_queue_takes_is_kept_and_arrives_when_one_is_bound(desk: Stage) -> None:
    desk = desk.having(LEDGER_HTTP_PORT=str(free_port()))
    async with desk.worker() as worker, await aio_pika.connect(desk.amqp_url) as connection:
        await publish(await connection.channel(), "ord-1", "ord-2")
        await until_parked(desk, 2)
        assert KIND in await worker.says(NOT_TAKEN)
        assert await waiting(desk, KIND) == 2
        assert len(worker.said(NOT_TAKEN)) == 1
        async with connected(desk.amqp_url) as client:
            await heard_once(client, "ord-1", "ord-2")
            await until_parked(desk, 0)
        assert await waiting(desk, KIND) == 0


async def test_a_kind_that_nobody_wants_is_in_no_other_kinds_way(desk: Stage) -> None:
    desk = desk.having(LEDGER_HTTP_PORT=str(free_port()))
    async with desk.worker(), await aio_pika.connect(desk.amqp_url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind("ledger.events", "unknown.*")
        await publish(channel, "ord-1")
        await until_parked(desk, 1)
        commands = await channel.get_exchange("ledger.commands")
        await commands.publish(aio_pika.Message(b'{"orderId":"ord-2"}'), "ccpayment.nonsense")
        async with queue.iterator(timeout=30) as events:
            event = await anext(events)
        assert event.routing_key == "unknown.rejected"
        assert await waiting(desk, KIND) == 1
        async with connected(desk.amqp_url) as client:
            await publish(channel, "ord-3")  # takes the one that waits along
            await heard_once(client, "ord-3", "ord-1")
