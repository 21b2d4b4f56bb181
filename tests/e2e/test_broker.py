"""A connection to RabbitMQ that does not come about leaves nothing behind; a question without an answer is left."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import pytest

from ledger_client import LedgerClient
from ledger_client.connection import ConnectionLost, open_session
from tests.e2e.program import DEADLINE_SECONDS, on_port
from tests.e2e.proxy import proxied
from worker.broker import Broker, Stopping, apply_topology, publish_on, visit
from worker.clock import SystemClock
from worker.errors import BrokerAway
from worker.message import Delivery, Outgoing
from worker.topology import COMMANDS_EXCHANGE

Opens = Callable[[str], AbstractAsyncContextManager[Any]]

OPENS: dict[str, Opens] = {"client": open_session, "worker": visit}


async def collect_where_no_loop_runs() -> None:
    """The library's finalizers would close what was not closed: here they make a coroutine that nobody awaits."""
    await asyncio.to_thread(gc.collect)


async def is_refused(opens: Opens, url: str) -> bool:
    try:
        async with opens(url):
            return False
    except (ConnectionLost, BrokerAway):
        return True


@pytest.mark.parametrize("who", OPENS)
@pytest.mark.parametrize("url", ["amqp://127.0.0.1:9/", "amqp://nobody:wrong-secret@{server}/"])
async def test_a_refused_connection_leaves_nothing_behind(amqp_url: str, url: str, who: str) -> None:
    wrong = url.format(server=amqp_url.rpartition("@")[2].partition("/")[0])
    assert await is_refused(OPENS[who], wrong)
    await collect_where_no_loop_runs()


@pytest.mark.parametrize("who", OPENS)
async def test_a_connection_that_is_given_up_at_any_moment_leaves_nothing_behind(amqp_url: str, who: str) -> None:
    before = asyncio.all_tasks()
    began = asyncio.get_running_loop().time()
    assert not await is_refused(OPENS[who], amqp_url)
    whole_seconds = asyncio.get_running_loop().time() - began
    for part in range(40):
        opening = asyncio.create_task(is_refused(OPENS[who], amqp_url))
        await asyncio.sleep(whole_seconds * part / 40)
        opening.cancel()
        with suppress(asyncio.CancelledError):
            await opening
    await asyncio.sleep(0.1)
    assert asyncio.all_tasks() == before
    await collect_where_no_loop_runs()


# ---------------------------------------------------------------- a question without an answer

# A server's answers: a queue is declared, a consumer has begun, a queue is bound (class, method).
ANSWERS = {"declare": b"\x00\x32\x00\x0b", "consume": b"\x00\x3c\x00\x15", "bind": b"\x00\x32\x00\x15"}


@asynccontextmanager
async def client_that_hears(url: str) -> AsyncIterator[None]:
    async with LedgerClient.connect(url, service="shop") as client, client.events():
        yield


@asynccontextmanager
async def client_that_asks(url: str) -> AsyncIterator[None]:
    """The queue on which the ends of orders arrive is bound."""
    async with LedgerClient.connect(url, service="shop") as client:
        listening = asyncio.create_task(client._answers.run())
        try:
            await client._answers.listen("transfer")
            yield
        finally:
            listening.cancel()
            await asyncio.wait({listening})


@asynccontextmanager
async def worker_that_takes(url: str) -> AsyncIterator[None]:
    taken = asyncio.Event()

    async def take(delivery: Delivery) -> None:
        await delivery.ack()
        taken.set()

    broker = Broker(url, SystemClock())
    await broker.declare_topology(("ccpayment",))
    stopping = Stopping(asyncio.Event(), asyncio.Event())
    consuming = asyncio.create_task(broker.consume("ccpayment", 1, take, stopping))
    try:
        async with visit(url) as channel:
            await publish_on(channel, Outgoing(COMMANDS_EXCHANGE, "ccpayment.transfer", b"{}", "application/json"))
        await taken.wait()
        yield
    finally:
        consuming.cancel()
        await asyncio.wait({consuming})


SETS_UP: dict[str, Opens] = {
    "client hears": client_that_hears,
    "client asks": client_that_asks,
    "worker takes": worker_that_takes,
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("who", SETS_UP)
async def test_a_question_that_the_broker_never_answers_is_asked_anew(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch, who: str, answer: str
) -> None:
    monkeypatch.setattr("worker.broker.session.SET_UP_SECONDS", 0.5)
    monkeypatch.setattr("ledger_client.connection.ANSWER_SECONDS", 0.5)
    async with visit(amqp_url) as channel:
        await apply_topology(channel, ())
    async with proxied(amqp_url) as proxy:
        proxy.hold_answers(having=ANSWERS[answer])

        async def set_up() -> None:
            async with SETS_UP[who](on_port(amqp_url, proxy.port)):
                pass

        setting_up = asyncio.create_task(set_up())
        await proxy.until_an_answer_is_held()
        proxy.hold_no_more()
        async with asyncio.timeout(DEADLINE_SECONDS):
            await setting_up
    async with visit(amqp_url) as channel:
        for queue in ("shop.events", "shop.events.dead"):
            await channel.queue_delete(queue)
