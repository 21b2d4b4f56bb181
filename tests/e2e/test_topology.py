"""Exchanges and queues as the contract has them: seen by declaring them again, and by `topology check`."""

import aio_pika
import pytest

from tests.e2e.client import connected
from tests.e2e.stage import Stage

QUEUES = {
    "ledger.commands.ccpayment": {
        "x-queue-type": "quorum",
        "x-delivery-limit": 20,
        "x-dead-letter-exchange": "ledger.dead",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    },
    "ledger.dead.ccpayment": {"x-queue-type": "quorum"},
}


async def test_the_worker_declares_durable_topics_and_quorum_queues(desk: Stage) -> None:
    async with desk.worker(), await aio_pika.connect(desk.amqp_url) as connection:
        channel = await connection.channel()
        for name in ("ledger.commands", "ledger.events", "ledger.dead"):
            # Refused by the broker when anything differs.
            await channel.declare_exchange(name, aio_pika.ExchangeType.TOPIC, durable=True)
        for name, arguments in QUEUES.items():
            await channel.declare_queue(name, durable=True, arguments=arguments)


async def test_what_is_applied_passes_the_check_and_may_be_applied_again(desk: Stage) -> None:
    for _ in range(2):
        assert (await desk.run("topology", "apply")).code == 0
        checked = await desk.run("topology", "check")
        assert (checked.code, checked.err) == (0, "")


async def test_the_check_names_everything_that_is_missing(desk: Stage) -> None:
    checked = await desk.run("topology", "check")
    assert checked.code == 1
    for name in ("ledger.commands", "ledger.events", "ledger.dead", *QUEUES):
        assert f"{name} is missing" in checked.out
    assert len(checked.err.splitlines()) == 1


async def test_the_check_finds_one_missing_queue(desk: Stage) -> None:
    await desk.run("topology", "apply")
    async with await aio_pika.connect(desk.amqp_url) as connection:
        await (await connection.channel()).queue_delete("ledger.dead.ccpayment")
    checked = await desk.run("topology", "check")
    assert (checked.code, checked.out) == (1, "queue ledger.dead.ccpayment is missing\n")


@pytest.mark.parametrize("name", QUEUES)
async def test_the_check_finds_a_queue_that_is_different(desk: Stage, name: str) -> None:
    await desk.run("topology", "apply")
    async with await aio_pika.connect(desk.amqp_url) as connection:
        channel = await connection.channel()
        await channel.queue_delete(name)
        await channel.declare_queue(name, durable=True)  # a classic queue, without any argument
    checked = await desk.run("topology", "check")
    assert checked.code == 1
    argument, ours = next((key, value) for key, value in sorted(QUEUES[name].items()) if key != "x-delivery-limit")
    assert checked.out.startswith(f"queue {name} differs: {argument} is ")
    assert f"ours is '{ours}'" in checked.out


async def test_the_check_finds_an_exchange_that_is_different(desk: Stage) -> None:
    async with await aio_pika.connect(desk.amqp_url) as connection:
        channel = await connection.channel()
        await channel.declare_exchange("ledger.dead", aio_pika.ExchangeType.FANOUT, durable=True)
    checked = await desk.run("topology", "check")
    assert checked.code == 1
    assert "exchange ledger.dead differs" in checked.out


async def test_a_worker_does_not_start_on_a_queue_that_is_different(desk: Stage) -> None:
    async with await aio_pika.connect(desk.amqp_url) as connection:
        channel = await connection.channel()
        await channel.declare_queue("ledger.commands.ccpayment", durable=True)
    ran = await desk.run("run")
    assert ran.code == 1
    assert "ledger.commands.ccpayment" in ran.err.splitlines()[-1]


async def test_commands_that_nobody_can_consume_are_refused_at_the_desk(desk: Stage) -> None:
    fields = ("orderId=ord-1", "fromUserId=alice1", "toUserId=bob123", "coinId=1280", "amount=1")
    async with connected(desk.amqp_url):  # declares the exchange, but no queue
        published = await desk.run("publish", "transfer", *fields)
    assert published.code == 1
    assert "no queue takes ccpayment.transfer" in published.err
