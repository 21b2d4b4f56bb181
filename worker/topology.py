"""Exchanges and queues, as data; worker/broker/ declares and checks them."""

from dataclasses import dataclass, field

COMMANDS_EXCHANGE = "ledger.commands"
EVENTS_EXCHANGE = "ledger.events"
DEAD_EXCHANGE = "ledger.dead"

EXCHANGES = (COMMANDS_EXCHANGE, EVENTS_EXCHANGE, DEAD_EXCHANGE)  # all topic, durable

# A message that kills its worker comes back; with a prefetch above one, each crash counts for its neighbours
# too, so the limit is well above what a bad day of restarts adds up to. RabbitMQ before 4.0 has none of its own.
DELIVERY_LIMIT = 20


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable quorum queue and the one binding it has."""

    name: str
    exchange: str
    binding: str
    arguments: dict[str, str | int] = field(default_factory=dict)


def commands_queue(provider: str) -> Queue:
    """Where a provider's commands wait. Dead-lettered at least once: a dead letter is copied before it is dropped."""
    return Queue(
        name=f"{COMMANDS_EXCHANGE}.{provider}",
        exchange=COMMANDS_EXCHANGE,
        binding=f"{provider}.#",
        arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": DEAD_EXCHANGE,
            # Without `reject-publish` the broker silently falls back to dead-lettering at most once.
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )


def dead_queue(provider: str) -> Queue:
    """Where a provider's dead letters wait for a person; they keep their routing key."""
    return Queue(
        name=f"{DEAD_EXCHANGE}.{provider}",
        exchange=DEAD_EXCHANGE,
        binding=f"{provider}.#",
        arguments={"x-queue-type": "quorum"},
    )


def queues(providers: tuple[str, ...]) -> tuple[Queue, ...]:
    """Every queue; the dead ones first, for the others lead to them."""
    return (*map(dead_queue, providers), *map(commands_queue, providers))
