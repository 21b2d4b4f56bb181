"""A broker that takes a question and never answers it, as it does about a queue without a leader: nobody hangs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
from pamqp import commands, frame
from pamqp.base import Frame
from pamqp.header import ProtocolHeader

from worker.broker import answered, apply_topology, check_topology, tap_events, visit
from worker.errors import BrokerAway

CAN = {"capabilities": {"publisher_confirms": True, "basic.nack": True, "consumer_cancel_notify": True}}
CONNECTS: dict[type[Frame | ProtocolHeader], Frame] = {
    ProtocolHeader: commands.Connection.Start(server_properties=CAN, mechanisms="PLAIN", locales="en_US"),
    commands.Connection.StartOk: commands.Connection.Tune(channel_max=9, frame_max=131072, heartbeat=60),
    commands.Connection.Open: commands.Connection.OpenOk(),
    commands.Connection.Close: commands.Connection.CloseOk(),
    commands.Channel.Open: commands.Channel.OpenOk(),
    commands.Confirm.Select: commands.Confirm.SelectOk(),
    commands.Exchange.Declare: commands.Exchange.DeclareOk(),
}


async def let_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer what is about connections and exchanges, and nothing about queues."""
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
                if (answer := CONNECTS.get(type(asked))) is not None:
                    writer.write(frame.marshal(answer, channel))
    writer.close()


@pytest.fixture
async def url(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setattr("worker.broker.connection.ANSWER_SECONDS", 0.2)
    server = await asyncio.start_server(let_in, "127.0.0.1", 0)
    async with server:
        yield f"amqp://guest:guest@127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def apply(url: str) -> None:
    async with visit(url) as channel, answered():
        await apply_topology(channel, ("ccpayment",))


async def watch(url: str) -> None:
    async with tap_events(url, "#"):
        pass


@pytest.mark.parametrize("ask", [apply, watch])
async def test_a_command_line_does_not_wait_for_ever(url: str, ask: Callable[[str], Awaitable[None]]) -> None:
    async with asyncio.timeout(10):
        with pytest.raises(BrokerAway, match="no answer"):
            await ask(url)


async def test_the_check_names_every_queue_that_gives_no_answer(url: str) -> None:
    async with asyncio.timeout(10):
        problems = await check_topology(url, ("ccpayment",))
    assert [problem.partition(": ")[0] for problem in problems] == [
        "queue ledger.dead.ccpayment",
        "queue ledger.commands.ccpayment",
    ]
