"""Refuse: a message that is not a command is told of, where it has an orderId, and kept with the dead letters."""

import hashlib

import structlog

from schemas.event import NO_SEQUENCE, ErrorDetail, Event, order_event
from worker.backoff import Backoff
from worker.errors import BrokerAway, BrokerRefused, Unroutable
from worker.message import Incoming, Outgoing
from worker.steps.decode import CONTENT_TYPE, UNKNOWN_TYPE, Malformed
from worker.topology import DEAD_EXCHANGE
from worker.world import World

log = structlog.get_logger()

REASON_HEADER = "x-ledger-reason"

# Within a second or so; a queue that is missing for longer is mended by an operator or by the next session.
PUBLISHES_MAX = 5


async def refuse(malformed: Malformed, message: Incoming, world: World) -> None:
    """Both are durable when this returns; killed in between, both are done again under the same event id."""
    log.warning("message refused", reason=malformed.reason, order_id=malformed.order_id)
    if malformed.order_id is not None:
        await world.ledger.announce(_event(malformed, message, world), message.traceparent, message.app_id)
        world.relay.wake()
    await _publish(_dead_letter(malformed, message, world), world)


def _event(malformed: Malformed, message: Incoming, world: World) -> Event:
    assert malformed.order_id is not None
    digest = hashlib.sha256(message.body).hexdigest()
    return order_event(
        order_id=malformed.order_id,
        command_type=malformed.command_type,
        provider=message.provider,
        result="rejected",
        sequence=NO_SEQUENCE,
        now=world.clock.now(),
        correlation_id=message.correlation_id,
        error=ErrorDetail(code="invalid_command", message=malformed.reason),
        about=f"{malformed.order_id}/invalid/{message.message_id}/{message.correlation_id}/{digest}",
    )


def _dead_letter(malformed: Malformed, message: Incoming, world: World) -> Outgoing:
    return Outgoing(
        exchange=DEAD_EXCHANGE,
        routing_key=_dead_routing_key(message),
        body=message.body,
        content_type=message.content_type or CONTENT_TYPE,
        message_id=message.message_id,
        correlation_id=message.correlation_id,
        app_id=message.app_id,
        headers={**message.headers, REASON_HEADER: malformed.reason},
        sent_at=world.clock.now(),
    )


def _dead_routing_key(message: Incoming) -> str:
    """Its own, unless that would lead past the provider's dead letters: it may come from anywhere."""
    is_ours = message.routing_key.startswith(f"{message.provider}.")
    return message.routing_key if is_ours else f"{message.provider}.{UNKNOWN_TYPE}"


async def _publish(message: Outgoing, world: World) -> None:
    """Raises when nobody takes it: the message then goes back to its queue, where the broker counts and keeps it."""
    backoff = Backoff(world.clock)
    for _ in range(PUBLISHES_MAX):
        try:
            return await world.publisher.publish(message)
        except BrokerAway:
            await world.publisher.ready()
        except (Unroutable, BrokerRefused) as error:
            log.warning("dead letter not taken", error=str(error))
        await backoff.wait()
    raise Unroutable(f"no queue takes the dead letter {message.routing_key}")
