"""Submit: ask the provider. What may have been sent was written down before it is sent; no transaction is open."""

from dataclasses import replace

from worker.commands.registry import RULES
from worker.order import SEND_WITHIN, Order
from worker.providers.protocol import Absent, Deferred, Finding, Outcome
from worker.world import World


async def submit(order: Order, world: World) -> Outcome:
    """Send the attempt that this worker has written down, once; unless it is too late for it."""
    assert order.body is not None, "an attempt is written down before it is sent"
    assert order.attempted_at is not None
    now = world.clock.now()
    if order.has_expired(now):
        return Deferred("expired", "expiresAt passed before it was sent")
    if now > order.attempted_at + SEND_WITHIN:
        return Deferred("not_sent", "the worker was stopped for too long between writing it down and sending it")
    instruction = RULES[order.command.type].instruction(order.command)
    return await world.providers[order.provider].execute(instruction, order.body, now)


async def look_up(order: Order, world: World) -> Finding:
    """Ask the provider what became of the order. One that was never sent cannot be there."""
    if order.attempts == 0:
        return Absent()
    instruction = RULES[order.command.type].instruction(order.command)
    return await world.providers[order.provider].look_up(instruction)


def may_send_again(order: Order, world: World) -> bool:
    """Whether the same order id may be sent once more, after a look-up found nothing.

    Not in review, not after expiry. Not while a later attempt was refused and an earlier one is in doubt: the
    order can end as failed only when the doubt has ended too. And not once every attempt in doubt has had time to
    settle: then absence is about to be proven, and a new attempt would begin the doubt anew.
    """
    now = world.clock.now()
    if order.has_expired(now):
        return False
    match order.state:
        case "held" | "sending":
            return True
        case "unknown":
            settled_at = order.settled_at(world.providers[order.provider].settling_time)
            return order.error_code is None and now < settled_at
        case _:
            return False


async def start_attempt(order: Order, world: World) -> Order | None:
    """Write the next attempt down; None when somebody else went on with the order."""
    instruction = RULES[order.command.type].instruction(order.command)
    body = world.providers[order.provider].encode(instruction)
    began = world.clock.now()
    if not await world.ledger.start_attempt(order, body):
        return None
    number = order.attempts + 1
    return replace(
        order,
        state="sending",
        revision=order.revision + 1,
        attempts=number,
        doubtful=(*order.doubtful, number),
        error_code=None,
        attempted_at=began,
        body=body,
    )
