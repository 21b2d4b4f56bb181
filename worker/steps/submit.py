"""Submit: ask the provider. What may have been sent was written down before it is sent; no transaction is open."""

from dataclasses import replace

from worker.commands.registry import RULES, payee_of
from worker.order import SEND_WITHIN, Order
from worker.providers.protocol import (
    Absent,
    Candidates,
    Deferred,
    Disputed,
    Finding,
    Instruction,
    Outcome,
    Send,
    Trail,
    address_in,
)
from worker.providers.trace import traced
from worker.world import World


async def submit(order: Order, world: World) -> Outcome:
    """Send the attempt that this worker has written down, once; unless it is too late for it."""
    assert order.prepared is not None, "an attempt is written down before it is sent"
    began = world.clock.now()
    if order.has_expired(began):
        return Deferred("expired", "expiresAt passed before it was sent")
    send_by = order.prepared.signed_at + SEND_WITHIN
    with traced(order.traceparent):
        outcome = await world.providers[order.provider].execute(instruction_of(order, world), order.prepared, send_by)
    seconds = (world.clock.now() - began).total_seconds()
    world.metrics.called(order.provider, type(outcome).__name__.lower(), seconds)
    return outcome


async def look_up(order: Order, world: World) -> Finding:
    """Ask the provider what became of the order. One that was never sent cannot be there."""
    if order.attempts == 0:
        return Absent()
    if order.is_sent_once and order.provider_ref is None and not order.doubtful:
        return Absent()  # every attempt was definitely refused; what a list shows would be another's
    found = await look_up_raw(order, world)
    return await choose(order, found, world) if isinstance(found, Candidates) else found


async def look_up_raw(order: Order, world: World) -> Finding | Candidates:
    """What the provider says, before anything is made of it."""
    trail = Trail(order.provider_ref, order.attempted_at)
    with traced(order.traceparent):
        return await world.providers[order.provider].look_up(instruction_of(order, world), trail)


def may_send_again(order: Order, world: World) -> bool:
    """Whether the order may be sent once more, after a look-up found nothing.

    Not in review, not after expiry, and a payment without an order id never while an attempt is in doubt. Not while
    a later attempt was refused and an earlier one is in doubt: the order can end as failed only when the doubt has
    ended too. And not once every attempt in doubt has had time to settle: then absence is about to be proven, and a
    new attempt would begin the doubt anew.
    """
    now = world.clock.now()
    if order.has_expired(now):
        return False
    if order.is_sent_once and order.doubtful:
        return False
    match order.state:
        case "held" | "sending":
            return True
        case "unknown":
            settled_at = order.settled_at(world.providers[order.provider].settling_time)
            return order.error_code is None and now < settled_at
        case _:
            return False


def obstacle(order: Order, world: World) -> Deferred | None:
    """Why an order that may be sent cannot be, by the settings of this process.

    Whoever takes an address out of the settings wants nothing to be sent there, also by orders that waited.
    """
    match next_instruction(order, world):
        case Send(coin=coin, address=""):
            return Deferred("address_not_bound", f"no address is bound for {coin} any more", needs_operator=True)
        case _:
            return None


async def start_attempt(order: Order, world: World) -> Order | None:
    """Write the next attempt down; None when somebody else went on with the order, or an equal one is in doubt."""
    await world.line(order.provider).turn()  # before it is signed; whoever went on meanwhile, the ledger knows
    instruction = next_instruction(order, world)
    prepared = world.providers[order.provider].prepare(instruction, world.clock.now())
    if await world.ledger.start_attempt(order, prepared, payee_of(instruction)) != "started":
        return None
    number = order.attempts + 1
    return replace(
        order,
        state="sending",
        revision=order.revision + 1,
        attempts=number,
        doubtful=(*order.doubtful, number),
        error_code=None,
        attempted_at=prepared.signed_at,
        payee=payee_of(instruction),
        prepared=prepared,
    )


async def choose(order: Order, found: Candidates, world: World) -> Finding:
    """The one candidate that belongs to no other order. With several, no machine can tell which it is."""
    taken = await world.ledger.bound(order.provider, [provider_ref for provider_ref, _ in found.found])
    free = [(provider_ref, outcome) for provider_ref, outcome in found.found if provider_ref not in taken]
    match free:
        case []:
            return Absent(found.covered)
        case [(_, outcome)]:
            return outcome
        case _:
            which = ", ".join(provider_ref for provider_ref, _ in free[:10])
            return Disputed(f"{len(free)} payments at the provider may be this order's: {which}")


def instruction_of(order: Order, world: World) -> Instruction:
    """What was asked of the provider for this order.

    Where a withdrawal goes is a setting, and may have been another one when it was signed: that is what its record
    must say, and what other payments it is equal to.
    """
    instruction = next_instruction(order, world)
    if not isinstance(instruction, Send) or not instruction.bound or order.payee is None:
        return instruction
    signed_for, bound_now = address_in(order.payee), address_in(instruction.payee)
    return replace(instruction, address=signed_for, rebound=bound_now if bound_now not in ("", signed_for) else None)


def next_instruction(order: Order, world: World) -> Instruction:
    """What is asked of the provider when this order is sent now."""
    instruction = RULES[order.command.type].instruction(order.command, world.providers[order.provider])
    assert instruction is not None, "a scheduled job goes on with the others"
    return instruction
