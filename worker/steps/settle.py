"""Settle: apply what was learned, once. The one function that ends an order, whoever calls."""

from dataclasses import replace

import structlog

from schemas.event import order_event
from worker.commands.registry import RULES
from worker.ledger import Settlement, stored
from worker.order import Decision, Order
from worker.providers.protocol import Absent, Disputed, Finding, Processing, Refused, Succeeded
from worker.steps.decide import Source, decide
from worker.world import World

log = structlog.get_logger()


async def settle(order: Order, finding: Finding, source: Source, world: World) -> None:
    """Decide on the order as it is, and apply the decision; if it has moved on meanwhile, look and decide again."""
    attempt = order.attempts
    while not order.is_terminal:
        decision = _decide(order, finding, attempt, source, world)
        if await world.ledger.settle(Settlement(order, decision)):
            _tell(order, decision, world)
            return
        if isinstance(finding, Absent):
            # Somebody went on with the order since it was looked up, and may have sent it: an old reading proves
            # nothing about that, and must not count as one that was made now.
            return
        read = await world.ledger.read_orders([order.order_id])
        if not read:  # a newer version's command, which read_orders has told of: its workers go on
            return
        order = read[0]
    contradiction = _contradiction(order, finding)
    if contradiction is not None:
        log.error("evidence contradicts how the order ended", order_id=order.order_id)
        await world.ledger.contradict(order.order_id, contradiction)


def _decide(order: Order, finding: Finding, attempt: int, source: Source, world: World) -> Decision:
    provider = world.providers[order.provider]
    lines = RULES[order.command.type].lines(order.command, provider.merchant_user_id)
    now = world.clock.now()
    decision = decide(order, finding, attempt, source, lines, now, world.policy, provider.settling_time)
    if decision.tells is None:
        return decision
    event = order_event(
        order_id=order.order_id,
        command_type=order.command.type,
        provider=order.provider,
        result=decision.tells,
        sequence=order.events + 1,
        now=now,
        correlation_id=order.correlation_id,
        provider_ref=decision.provider_ref or order.provider_ref,
        lines=decision.lines,
        error=decision.error,
    )
    return replace(decision, event=event)


def _tell(order: Order, decision: Decision, world: World) -> None:
    log.info(
        "order settled",
        order_id=order.order_id,
        attempt=decision.evidence.attempt,
        verdict=decision.evidence.verdict,
        state=decision.state,
        code=decision.error_code,
    )
    if decision.event is not None:
        world.relay.offer(stored(decision.event, order.traceparent))


def _contradiction(order: Order, finding: Finding) -> str | None:
    """What is wrong when this was learned of an order that ended as it did; None: nothing."""
    match finding:
        case Succeeded(provider_ref) if order.state != "succeeded":
            return f"the provider executed it as {provider_ref}, the order is {order.state}"
        case Succeeded(provider_ref) if provider_ref != order.provider_ref:
            return f"the provider executed it as {provider_ref} and as {order.provider_ref}"
        case Processing(provider_ref) | Disputed(provider_ref=provider_ref) if order.state != "succeeded":
            return f"the provider has it as {provider_ref}, the order is {order.state}"
        case Refused(by_record=True) if order.state == "succeeded":
            return "the provider's record says it failed, the order is succeeded"
        case _:
            return None
