"""A broker that takes a question and never answers it, as it does about a queue without a leader: nobody hangs."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial

import pytest
from pamqp import commands, frame
from pamqp.base import Frame
from pamqp.header import ProtocolHeader

from ledger_client import LedgerClient, NotConnected
from tests.client.commands import transfer
from worker.broker import Broker, Stopping, answered, apply_topology, check_topology, tap_events, visit
from worker.clock import SystemClock
from worker.errors import BrokerAway, TopologyDiffers
from worker.message import Delivery, Outgoing
from worker.topology import queues

CAN = {"capabilities": {"publisher_confirms": True, "basic.nack": True, "consumer_cancel_notify": True}}
CONNECTS: dict[type[object], Frame] = {
    ProtocolHeader: commands.Connection.Start(server_properties=CAN, mechanisms="PLAIN", locales="en_US"),
    commands.Connection.StartOk: commands.Connection.Tune(channel_max=9, frame_max=131072, heartbeat=60),
    commands.Connection.Open: commands.Connection.OpenOk(),
    commands.Connection.Close: commands.Connection.CloseOk(),
    commands.Channel.Open: commands.Channel.OpenOk(),
    commands.Confirm.Select: commands.Confirm.SelectOk(),
    commands.Exchange.Declare: commands.Exchange.DeclareOk(),
    commands.Basic.Qos: commands.Basic.QosOk(),
    commands.Basic.Cancel: commands.Basic.CancelOk(consumer_tag="c"),
}


class Silent:
    """Answers what is about connections and exchanges, and nothing about queues but those that have a leader."""

    def __init__(self) -> None:
        self.url = ""
        self.led: set[str] = set()
        self.differs: str | None = None
        self.leads_all = False  # but answers a binding when it is told to
        self.held: list[Callable[[], Awaitable[None]]] = []
        self.published: asyncio.Queue[Frame] = asyncio.Queue()
        self.consumed: asyncio.Queue[str] = asyncio.Queue()
        self.asked: asyncio.Queue[Frame] = asyncio.Queue()

    async def let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = b""
        with suppress(ConnectionError):
            while more := await reader.read(65536):
                received += more
                while received:
                    try:
                        size, channel, asked = frame.unmarshal(received)
                    except ValueError:
                        break  # a part of one
                    received = received[size:]
                    if isinstance(asked, commands.Queue.Declare):
                        self.asked.put_nowait(asked)
                    if isinstance(asked, commands.Basic.Consume):
                        self.consumed.put_nowait(asked.queue)
                    if isinstance(asked, commands.Basic.Publish):
                        self.published.put_nowait(asked)
                    if isinstance(asked, commands.Queue.Bind) and self.leads_all:
                        self.held.append(partial(answer_late, writer, channel))
                        continue
                    if (answer := self.answer_to(asked)) is not None:
                        writer.write(frame.marshal(answer, channel))
        writer.close()

    def answer_to(self, asked: object) -> Frame | None:
        match asked:
            case commands.Queue.Declare(queue=self.differs):
                words = f"PRECONDITION_FAILED - inequivalent arg 'x' for queue '{self.differs}'"
                return commands.Channel.Close(reply_code=406, reply_text=words, class_id=50, method_id=10)
            case commands.Queue.Declare(queue=name) if name in self.led or self.leads_all:
                return commands.Queue.DeclareOk(queue=name, message_count=0, consumer_count=0)
            case commands.Queue.Bind(queue=name) if name in self.led:
                return commands.Queue.BindOk()
            case commands.Basic.Consume(queue=name) if name in self.led or self.leads_all:
                return commands.Basic.ConsumeOk(consumer_tag="c")
            case _:
                return CONNECTS.get(type(asked))


async def answer_late(writer: asyncio.StreamWriter, channel: int) -> None:
    """A queue is bound."""
    writer.write(frame.marshal(commands.Queue.BindOk(), channel))
    await writer.drain()


@pytest.fixture
async def broker(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Silent]:
    monkeypatch.setattr("worker.broker.connection.ANSWER_SECONDS", 0.2)
    monkeypatch.setattr("ledger_client.connection.ANSWER_SECONDS", 0.05)
    silent = Silent()
    server = await asyncio.start_server(silent.let_in, "127.0.0.1", 0)
    async with server:
        silent.url = f"amqp://guest:guest@127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        yield silent


async def apply(url: str) -> None:
    async with visit(url) as channel, answered():
        await apply_topology(channel, ("ccpayment",))


async def watch(url: str) -> None:
    async with tap_events(url, "#"):
        pass


@pytest.mark.parametrize("ask", [apply, watch])
async def test_a_command_line_does_not_wait_for_ever(broker: Silent, ask: Callable[[str], Awaitable[None]]) -> None:
    async with asyncio.timeout(10):
        with pytest.raises(BrokerAway, match="no answer"):
            await ask(broker.url)


async def test_the_check_names_every_queue_that_gives_no_answer(broker: Silent) -> None:
    async with asyncio.timeout(10):
        problems = await check_topology(broker.url, ("ccpayment",))
    assert [problem.partition(": ")[0] for problem in problems] == [
        "queue ledger.dead.ccpayment",
        "queue ledger.commands.ccpayment",
    ]


async def names_asked_for(broker: Silent, count: int) -> list[str]:
    async with asyncio.timeout(10):
        return [(await broker.asked.get()).queue for _ in range(count)]


async def test_the_client_says_once_what_it_waits_for_and_not_that_it_is_over(
    broker: Silent, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ledger_client")
    async with LedgerClient.connect(broker.url, service="shop") as client:
        hearing = asyncio.create_task(anext(client.events()))
        await names_asked_for(broker, 3)
        hearing.cancel()
        await asyncio.wait({hearing})
    said = [record.getMessage() for record in caplog.records if record.name.startswith("ledger_client")]
    [waits] = [line for line in said if "events of shop.events" in line]
    assert "no answer" in waits


async def test_each_session_of_answers_has_a_queue_of_its_own_name(broker: Silent) -> None:
    """The broker keeps an exclusive queue for a connection that it does not know to be gone."""
    async with LedgerClient.connect(broker.url, service="shop") as client:
        asking = asyncio.create_task(client.execute(transfer()))
        names = await names_asked_for(broker, 3)
        asking.cancel()
        await asyncio.wait({asking})
    assert len(set(names)) == 3
    assert all(name.startswith("shop.answers.") for name in names)


async def test_an_execute_that_is_given_up_while_it_binds_leaves_the_answers_to_others(
    broker: Silent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger_client.connection.ANSWER_SECONDS", 10)
    broker.leads_all = True
    async with LedgerClient.connect(broker.url, service="shop") as client:
        with pytest.raises(NotConnected):
            await client.execute(transfer(), timeout=0.3)
        [bind] = broker.held
        await bind()
        with pytest.raises(NotConnected):  # for it was published, and that is not confirmed
            await client.execute(transfer(), timeout=0.3)
    assert broker.published.qsize() == 1
    assert broker.asked.qsize() == 1  # one queue of answers


async def consumes(worker: Broker, broker: Silent, provider: str) -> None:
    async def leave(_: Delivery) -> None:
        raise AssertionError("nothing is delivered")

    stopping = Stopping(asyncio.Event(), asyncio.Event())
    consuming = asyncio.create_task(worker.consume(provider, 1, leave, stopping))
    async with asyncio.timeout(10):
        assert await broker.consumed.get() == f"ledger.commands.{provider}"
        stopping.asked.set()
        stopping.drained.set()
        await consuming


@pytest.mark.parametrize("silent", ["ccpayment", "coinqpay"])
async def test_a_worker_starts_though_the_queues_of_a_provider_give_no_answer(
    broker: Silent, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    monkeypatch.setattr("worker.broker.broker.DECLARE_SECONDS", 0.2)
    [other] = {"ccpayment", "coinqpay"} - {silent}
    broker.led = {queue.name for queue in queues((other,))}
    worker = Broker(broker.url, SystemClock())
    async with asyncio.timeout(10):
        await worker.declare_topology(("ccpayment", "coinqpay"))
    await consumes(worker, broker, other)
    broker.led = {queue.name for queue in queues((silent,))}
    await consumes(worker, broker, silent)  # it declares them itself: else there would be none


async def test_a_queue_that_differs_is_told_though_another_gives_no_answer(
    broker: Silent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.broker.broker.DECLARE_SECONDS", 0.2)
    broker.differs = "ledger.commands.coinqpay"
    broker.led = {"ledger.dead.coinqpay"}
    async with asyncio.timeout(10):
        with pytest.raises(TopologyDiffers, match=r"ledger\.commands\.coinqpay differs"):
            await Broker(broker.url, SystemClock()).declare_topology(("ccpayment", "coinqpay"))


async def test_a_provider_whose_queue_gives_no_answer_does_not_keep_the_other_from_consuming(broker: Silent) -> None:
    broker.led = {queue.name for queue in queues(("ccpayment", "coinqpay"))}
    worker = Broker(broker.url, SystemClock())
    async with asyncio.timeout(10):
        await worker.declare_topology(("ccpayment", "coinqpay"))
    broker.led = {queue.name for queue in queues(("ccpayment",))}
    await consumes(worker, broker, "ccpayment")


async def test_what_waits_for_its_confirm_is_told_when_the_connection_is_given_up_for_another(broker: Silent) -> None:
    publisher = Broker(broker.url, SystemClock(), at_first_use=True)
    running = asyncio.create_task(publisher.run())
    event = Outgoing("ledger.events", "transfer.succeeded", b"{}", "application/json", "1", None, None)
    async with asyncio.timeout(10):
        await asyncio.sleep(0.05)
        assert not publisher.is_connected
        with pytest.raises(BrokerAway, match="not connected"):
            await publisher.publish(event)
        for _ in range(2):
            await publisher.ready()
            publishing = asyncio.create_task(publisher.publish(event))
            await broker.published.get()
            publisher.renew()
            assert not publisher.is_ready
            with pytest.raises(BrokerAway, match="no confirm"):
                await publishing
    running.cancel()
    await asyncio.wait({running})
