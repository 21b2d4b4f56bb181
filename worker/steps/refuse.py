"""Refuse: a message that is not a command is told of, where it has an orderId, and kept with the dead letters."""

import hashlib

import structlog

from schemas.event import NO_SEQUENCE, ErrorDetail, Event, order_event
from worker.backoff import Backoff
from worker.errors import BrokerAway, BrokerRefused, Unroutable
from worker.message import Incoming, Outgoing
from worker.steps.decode import Malformed
from worker.topology import DEAD_EXCHANGE
from worker.world import World

log = structlog.get_logger()

REASON_HEADER = "x-ledger-reason"


async def refuse(malformed: Malformed, message: Incoming, world: World) -> None:
    """Both are durable when this returns; killed in between, both are done again under the same event id."""
    log.warning("message refused", reason=malformed.reason, order_id=malformed.order_id)
    if malformed.order_id is not None:
        await world.ledger.announce(_event(malformed, message, world), message.traceparent)
        world.relay.wake()
    await _publish_until_confirmed(_dead_letter(malformed, message), world)


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
        about=f"{malformed.order_id}/invalid/{message.routing_key}/{digest}",
    )


def _dead_letter(malformed: Malformed, message: Incoming) -> Outgoing:
    return Outgoing(
        exchange=DEAD_EXCHANGE,
        routing_key=message.routing_key,
        body=message.body,
        content_type="application/json",
        message_id=message.message_id,
        correlation_id=message.correlation_id,
        app_id=message.app_id,
        headers={**message.headers, REASON_HEADER: malformed.reason},
    )


async def _publish_until_confirmed(message: Outgoing, world: World) -> None:
    """A dead letter that nobody takes must not be lost: it is offered until somebody does."""
    backoff = Backoff(world.clock)
    while True:
        try:
            return await world.publisher.publish(message)
        except BrokerAway:
            await world.publisher.ready()
        except (Unroutable, BrokerRefused) as error:
            log.warning("dead letter not taken", error=str(error))
        await backoff.wait()
