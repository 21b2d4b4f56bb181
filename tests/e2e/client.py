"""A service beside the worker: publishes commands and consumes events, by its own AMQP client."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractIncomingMessage

from tests.e2e.program import DEADLINE_SECONDS

TERMINAL = frozenset({"succeeded", "failed", "rejected"})
# Rejections of messages that never became an order.
NEVER_AN_ORDER = frozenset({"invalid_command", "order_id_conflict"})

# Every other type is CCPayment's.
AT_COINQPAY = frozenset({"payout", "withdraw", "payOrder"})

Event = dict[str, Any]


class Tap:
    """Every event that was published since the tap was opened, and its message."""

    def __init__(self) -> None:
        self.messages: list[AbstractIncomingMessage] = []
        self.events: list[Event] = []  # every delivery, repeats too
        self.terminal_ids: dict[str, set[str]] = defaultdict(set)
        self._bodies: dict[str, bytes] = {}
        self._news = asyncio.Condition()

    async def take(self, message: AbstractIncomingMessage) -> None:
        """Note one delivery; a repeat must be a repeat to the last byte."""
        event = json.loads(message.body)
        assert self._bodies.setdefault(event["id"], message.body) == message.body, "one id, two contents"
        async with self._news:
            self.messages.append(message)
            self.events.append(event)
            if _ends_its_order(event):
                self.terminal_ids[event["data"]["orderId"]].add(event["id"])
            self._news.notify_all()

    def of(self, order_id: str) -> list[Event]:
        """The deliveries about this orderId, in order of arrival."""
        return [event for event in self.events if event["data"].get("orderId") == order_id]

    async def until(self, happened: Callable[[], object], seconds: float = DEADLINE_SECONDS) -> None:
        """Wait for events that make this true."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(happened)

    async def delivery(self, order_id: str, number: int = 1) -> Event:
        """The n-th delivery about this orderId."""
        await self.until(lambda: len(self.of(order_id)) >= number)
        return self.of(order_id)[number - 1]

    async def end_of(self, order_id: str, seconds: float = DEADLINE_SECONDS) -> Event:
        """The order's terminal event."""
        await self.until(lambda: self.terminal_ids.get(order_id), seconds)
        return next(event for event in self.of(order_id) if _ends_its_order(event))

    async def told(self, result: str, order_id: str, number: int = 1) -> Event:
        """The n-th delivery about this orderId with this result."""

        def found() -> list[Event]:
            return [event for event in self.of(order_id) if event["data"]["result"] == result]

        await self.until(lambda: len(found()) >= number)
        return found()[number - 1]

    def about(self, record_id: str) -> list[Event]:
        """The deliveries about this deposit, by the provider's id of it."""
        return [event for event in self.events if event["data"].get("recordId") == record_id]

    async def credited(self, record_id: str) -> Event:
        """The event of a deposit."""
        await self.until(lambda: self.about(record_id))
        return self.about(record_id)[0]

    def message_of(self, event: Event) -> AbstractIncomingMessage:
        """The first message that carried this event."""
        return self.messages[self.events.index(event)]


class Client:
    """Publishes commands with confirm, and sees every event."""

    def __init__(self, channel: AbstractChannel, commands: AbstractExchange) -> None:
        self.channel = channel
        self.tap = Tap()
        self._commands = commands

    async def publish(
        self, body: Mapping[str, object] | bytes, routing_key: str | None = None, **properties: Any
    ) -> None:
        """A command, or any bytes; as its type says unless a routing key is given."""
        if routing_key is None:
            assert not isinstance(body, bytes)
            command_type = body["type"]
            routing_key = f"{'coinqpay' if command_type in AT_COINQPAY else 'ccpayment'}.{command_type}"
        encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
        message = aio_pika.Message(encoded, **{"content_type": "application/json", **properties})
        await self._commands.publish(message, routing_key)

    async def ask(self, command: Mapping[str, object], **properties: Any) -> Event:
        """Publish a command and wait for its terminal event."""
        await self.publish(command, **properties)
        return await self.tap.end_of(str(command["orderId"]))

    async def dead_letter(self, provider: str = "ccpayment") -> AbstractIncomingMessage:
        """Take the next dead letter."""
        queue = await self.channel.get_queue(f"ledger.dead.{provider}")
        async with asyncio.timeout(DEADLINE_SECONDS), queue.iterator(no_ack=True) as letters:
            async for letter in letters:
                return letter
        raise AssertionError("no dead letter")


@asynccontextmanager
async def connected(amqp_url: str) -> AsyncIterator[Client]:
    """A client with a queue bound to all events; commands can be published once a worker has declared theirs."""
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel(on_return_raises=True)
        events = await channel.declare_exchange("ledger.events", aio_pika.ExchangeType.TOPIC, durable=True)
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(events, "#")
        commands = await channel.declare_exchange("ledger.commands", aio_pika.ExchangeType.TOPIC, durable=True)
        client = Client(channel, commands)
        await queue.consume(client.tap.take, no_ack=True)
        yield client


def transfer(order_id: str, sender: str, receiver: str, amount: str, **more: object) -> dict[str, object]:
    """A transfer of USDT, unless `coinId` says otherwise."""
    return {
        "type": "transfer",
        "orderId": order_id,
        "fromUserId": sender,
        "toUserId": receiver,
        "coinId": 1280,
        "amount": amount,
        **more,
    }


def _ends_its_order(event: Event) -> bool:
    data = event["data"]
    code = (data.get("error") or {}).get("code")
    return data["result"] in TERMINAL and code not in NEVER_AN_ORDER
