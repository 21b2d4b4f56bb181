"""Settle: apply what was learned, once. The one function that ends an order, whoever calls."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import assert_never

import structlog

from schemas.event import Event, Line, order_event
from schemas.pay_order import PayOrder
from schemas.rescan import Rescan
from worker.commands.registry import RULES
from worker.ledger import Applied, Settlement, stored
from worker.order import Decision, Order
from worker.providers.protocol import (
    Absent,
    Collected,
    Deposit,
    Disputed,
    Finding,
    Found,
    Payable,
    Processing,
    Refused,
    Succeeded,
)
from worker.steps.credit import deposit_lines, take
from worker.steps.decide import Source, decide
from worker.steps.tell import contradicted, pay_order_created
from worker.world import World

log = structlog.get_logger()


async def settle(
    order: Order, finding: Finding, source: Source, world: World, learned_at: datetime | None = None
) -> None:
    """Decide on the order as it is, and apply the decision; if it has moved on meanwhile, look and decide again.

    `learned_at`: before the provider was asked: what is not there then may be there by now; else now.
    """
    attempt, says_nothing_there = order.attempts, _says_nothing_there(order, finding)
    is_guess = source == "record" and order.is_sent_once and order.provider_ref is None
    deposit = deposit_of(order, finding)
    if deposit is not None:
        order, finding = await _with_deposit(order, finding, deposit, learned_at or world.clock.now(), world)
    while not order.is_terminal:
        verdict = await apply(order, finding, source, world, attempt=attempt, learned_at=learned_at)
        if verdict == "settled" or (verdict == "taken" and is_guess):
            return  # taken: while somebody has the lease; the next look leaves that id out
        if verdict == "taken":
            finding = Disputed("the provider's id of it belongs to another order")
            continue
        read = None if says_nothing_there else await _read_again(order, finding, is_guess, world)
        if read is None:
            return
        order = read
    if deposit is not None and deposit.state == "final":
        return  # credited all the same, whenever it comes
    contradiction = _contradiction(order, finding)
    if contradiction is not None:
        log.error("evidence contradicts how the order ended", order_id=order.order_id)
        world.metrics.contradicted(order.provider)
        await world.ledger.contradict(order, contradiction, contradicted(order, contradiction, world.clock.now()))
        world.relay.wake()


def _says_nothing_there(order: Order, finding: Finding) -> bool:
    """Not sent, not paid, or not found: what may be otherwise a moment later.

    When somebody went on with the order since it was looked up, and may have sent it, or have credited what was paid,
    an old reading proves nothing about that, and must not count as one that was made now.
    """
    match finding:
        case Absent():
            return True
        case Refused(by_record=True):
            return isinstance(order.command, PayOrder | Rescan)
        case _:
            return False


async def _with_deposit(
    order: Order, finding: Finding, deposit: Deposit, read_at: datetime, world: World
) -> tuple[Order, Finding]:
    """Credit it, or remember it; the order and the finding after that."""
    match await take(deposit, read_at, world, order):
        case "credited":  # its event has the order's next place
            return replace(order, revision=order.revision + 1, events=order.events + 1), finding
        case "known" | "changed":  # what the order tells is what is posted, whatever is said now
            booked = await world.ledger.booked_deposit(deposit.provider, deposit.record_id)
            return order, Succeeded(deposit.record_id, Found(booked))
        case "repeated":
            message = "the payment is credited already, under another id of the provider"
            return order, Disputed(message, deposit.record_id)
        case "denied" if not order.is_terminal:
            return order, Disputed("its payment is credited, and the provider now says otherwise", deposit.record_id)
        case "denied" | "remembered":
            return order, finding
        case taken:
            assert_never(taken)


async def _read_again(order: Order, finding: Finding, is_guess: bool, world: World) -> Order | None:
    """The order that has moved on, as it is; None when the finding says nothing of that."""
    read = await world.ledger.read_orders([order.order_id])
    if not read:  # a newer version's command, which read_orders has told of: its workers go on
        return None
    if is_guess and read[0].provider_ref not in (None, getattr(finding, "provider_ref", None)):
        # That it was this order's was our guess, by a list. The order has got an id of its own: that speaks against
        # the guess alone, and must not put an order in review whose own withdrawal would then be refused.
        return None
    return read[0]


async def apply(
    order: Order,
    finding: Finding,
    source: Source,
    world: World,
    *,
    said: str | None = None,
    attempt: int | None = None,
    learned_at: datetime | None = None,
) -> Applied:
    """Decide on this revision of an order and apply the decision, if it is still at it. `said`: by a person."""
    at = learned_at or world.clock.now()
    decision = _decide(order, finding, order.attempts if attempt is None else attempt, source, at, world)
    if said is not None:
        decision = replace(decision, evidence=replace(decision.evidence, message=said))
    verdict = await world.ledger.settle(Settlement(order, decision))
    if verdict == "settled":
        _tell(order, decision, world)
    return verdict


def _decide(order: Order, finding: Finding, attempt: int, source: Source, now: datetime, world: World) -> Decision:
    provider = world.providers[order.provider]
    decision = decide(order, finding, attempt, source, now, world.policy, provider.settling_time)
    lines: tuple[Line, ...] = ()
    if decision.state == "succeeded":
        assert isinstance(finding, Succeeded)
        lines = RULES[order.command.type].lines(order.command, provider, finding.receipt)
    return replace(decision, lines=lines, events=_events(order, decision, lines, finding, world.clock.now()))


def _events(
    order: Order, decision: Decision, lines: tuple[Line, ...], finding: Finding, now: datetime
) -> tuple[Event, ...]:
    """What is told, in the order of the sequences. The last is what a repeated command is told again."""
    if decision.tells is None:
        return ()
    deposit = deposit_of(order, finding) if decision.state == "succeeded" else None
    sequence = order.events + 1
    events = [
        order_event(
            order_id=order.order_id,
            command_type=order.command.type,
            provider=order.provider,
            result=decision.tells,
            sequence=sequence,
            now=now,
            correlation_id=order.correlation_id,
            provider_ref=decision.provider_ref or order.provider_ref,
            lines=lines if deposit is None else deposit_lines(deposit),
            error=decision.error,
        )
    ]
    if decision.tells == "processing" and isinstance(payable := getattr(finding, "payable", None), Payable):
        events.append(pay_order_created(order, payable, sequence + 1, now))
    return tuple(events)


def _tell(order: Order, decision: Decision, world: World) -> None:
    log.info(
        "order settled",
        order_id=order.order_id,
        attempt=decision.evidence.attempt,
        verdict=decision.evidence.verdict,
        state=decision.state,
        code=decision.error_code,
    )
    world.metrics.decided(order.provider, order.command.type, decision.state)
    for event in decision.events:
        world.relay.offer(stored(event, order.traceparent, order.app_id))


def deposit_of(order: Order, finding: Finding) -> Deposit | None:
    """The deposit that ends the order, or that may still come for it; it is credited, or remembered, by itself."""
    match finding, order.command:
        case Succeeded(_, Found(deposit)), _:
            return deposit
        case Succeeded(provider_ref, Collected() as paid), PayOrder() as command:
            return Deposit(
                provider=order.provider,
                record_id=provider_ref,
                kind="payOrder",
                state="final",
                account=command.account,
                coin=command.coin,
                amount=paid.amount,
                fee=Decimal(0),
                chain=paid.chain,
                tx_id=paid.transaction,
                output=None,
                address=paid.address,
                memo=None,
                order_id=order.order_id,
            )
        case Refused(by_record=True, provider_ref=str(provider_ref)) as refused, PayOrder() as command:
            # Expired or failed, and it may still be paid: the provider's own example was, an hour later.
            return Deposit(
                provider=order.provider,
                record_id=provider_ref,
                kind="payOrder",
                state="failed",
                account=command.account,
                coin=command.coin,
                amount=None,
                fee=None,
                chain="",
                tx_id=None,
                output=None,
                address=None,
                memo=None,
                note=refused.message,
                order_id=order.order_id,
            )
        case _:
            return None


def _contradiction(order: Order, finding: Finding) -> str | None:
    """What is wrong when this was learned of an order that ended as it did; None: nothing."""
    match finding:
        case Succeeded(provider_ref) if order.state != "succeeded":
            return f"the provider executed it as {provider_ref}, the order is {order.state}"
        case Succeeded(provider_ref) if provider_ref != order.provider_ref:
            return f"the provider executed it as {provider_ref} and as {order.provider_ref}"
        case Processing(provider_ref) if order.state != "succeeded" and provider_ref != order.provider_ref:
            return f"the provider has it as {provider_ref}, the order is {order.state}"
        case Disputed(provider_ref=provider_ref) if order.state != "succeeded":
            return f"the provider has it as {provider_ref}, the order is {order.state}"
        case Refused(by_record=True) if order.state == "succeeded":
            return "the provider's record says it failed, the order is succeeded"
        case _:
            return None
