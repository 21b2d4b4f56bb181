"""The AsyncAPI 3.0 document: where commands and events travel in RabbitMQ, and what they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.asyncapi_messages import Document, asyncapi_messages, asyncapi_schemas
from schemas.event_catalogue import EventKind, event_kinds
from schemas.registry import COMMANDS

# Of the contract, not of the program that keeps it.
CONTRACT_VERSION = "1.0.0"
BINDING_VERSION = "0.3.0"


class Queue(Protocol):
    """A durable queue and the one binding it has."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def exchange(self) -> str:
        """Where its messages come from."""
        ...

    @property
    def binding(self) -> str:
        """Which of them: a topic."""
        ...

    @property
    def arguments(self) -> Mapping[str, str | int]:
        """What it is declared with."""
        ...


@dataclass(frozen=True, slots=True)
class Topology:
    """The topic exchanges of commands, events and dead letters, and the queues."""

    commands: str
    events: str
    dead: str
    queues: Sequence[Queue]


def asyncapi(topology: Topology) -> Document:
    """The document, as the worker sees it: it receives commands and sends events."""
    kinds = event_kinds()
    return {
        "asyncapi": "3.0.0",
        "id": "urn:ledger-worker",
        "info": {
            "title": "ledger-worker",
            "version": CONTRACT_VERSION,
            "description": "Carries payment commands from RabbitMQ to payment providers and keeps a double-entry"
            " ledger. Delivery is at least once, both ways: a command is told apart by its orderId, an event by its"
            " id.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "localhost:5672",
                "protocol": "amqp",
                "protocolVersion": "0-9-1",
                "description": "Wherever LEDGER_AMQP_URL leads to.",
            }
        },
        "channels": {
            **{f"command.{name}": _command_channel(name, topology) for name in COMMANDS},
            **{f"event.{kind.routing_key}": _event_channel(kind, topology) for kind in kinds},
            **{f"queue.{queue.name}": _queue_channel(queue, topology) for queue in topology.queues},
        },
        "operations": _operations(kinds, topology),
        "components": {"messages": asyncapi_messages(kinds), "schemas": asyncapi_schemas()},
    }


def _command_channel(name: str, topology: Topology) -> Document:
    return {
        "address": f"{COMMANDS[name].executed_by}.{name}",
        "description": "Publish persistent, mandatory, and wait for the confirm.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": _routing(topology.commands),
    }


def _event_channel(kind: EventKind, topology: Topology) -> Document:
    return {
        "address": kind.routing_key,
        "description": kind.summary,
        "messages": {kind.routing_key: {"$ref": f"#/components/messages/{kind.routing_key}"}},
        "bindings": _routing(topology.events),
    }


def _queue_channel(queue: Queue, topology: Topology) -> Document:
    provider = queue.binding.partition(".")[0]
    names = [name for name, command in COMMANDS.items() if command.executed_by == provider]
    if queue.exchange == topology.dead:
        names = ["deadLetter"]
    shape = {"name": queue.name, "durable": True, "exclusive": False, "autoDelete": False}
    return {
        "address": queue.name,
        "description": f"Bound to {queue.exchange} with {queue.binding}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"amqp": {"is": "queue", "queue": shape, "bindingVersion": BINDING_VERSION}},
        "x-binding": {"exchange": queue.exchange, "routingKey": queue.binding},
        "x-arguments": dict(queue.arguments),
    }


def _routing(exchange: str) -> Document:
    shape = {"name": exchange, "type": "topic", "durable": True, "autoDelete": False}
    return {"amqp": {"is": "routingKey", "exchange": shape, "bindingVersion": BINDING_VERSION}}


def _operations(kinds: Sequence[EventKind], topology: Topology) -> Document:
    sent = {"amqp": {"deliveryMode": 2, "bindingVersion": BINDING_VERSION}}
    received = {"amqp": {"ack": True, "bindingVersion": BINDING_VERSION}}
    events = {
        f"send.{kind.routing_key}": _operation("send", f"event.{kind.routing_key}", [kind.routing_key], sent)
        for kind in kinds
    }
    queues: Document = {}
    for queue in topology.queues:
        action, bindings = ("send", sent) if queue.exchange == topology.dead else ("receive", received)
        messages = list(_queue_channel(queue, topology)["messages"])
        queues[f"{action}.{queue.name}"] = _operation(action, f"queue.{queue.name}", messages, bindings)
    return events | queues


def _operation(action: str, channel: str, messages: Sequence[str], bindings: Document) -> Document:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
        "bindings": bindings,
    }
