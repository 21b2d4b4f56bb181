"""Resolve: a person decides on an order in review, with evidence that is checked, and is itself recorded.

The table of what may be said, and of what it leads to, is in docs/PAYMENTS.md.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from worker.errors import BadInput, WorkerError
from worker.order import Order
from worker.providers.protocol import (
    Absent,
    Candidates,
    Deferred,
    Disputed,
    Finding,
    Processing,
    Refused,
    Send,
    Sent,
    Succeeded,
    Trail,
    Unknown,
)
from worker.providers.trace import traced
from worker.steps.settle import apply
from worker.steps.submit import choose, instruction_of, look_up_raw
from worker.world import World

# A worker looks at orders in review too, once a minute; a person's decision need not fail for that.
TRIES_MAX = 5


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a person says: the provider's id of what was executed, or None: it was not. Who says so, and why.

    `differing`: the fields in which the record is not what was ordered, and the person answers for that.
    """

    executed_as: str | None
    by: str
    reason: str
    differing: frozenset[str] = frozenset()


async def resolve(order_id: str, resolution: Resolution, world: World) -> str:
    """Apply it; what it led to, in words. Raises BadInput for what contradicts the evidence, WorkerError."""
    for _ in range(TRIES_MAX):
        words = await _try(order_id, resolution, world)
        if words is not None:
            return words
    raise WorkerError(f"{order_id}: has moved on meanwhile; look at it again")


async def _try(order_id: str, resolution: Resolution, world: World) -> str | None:
    """None: somebody has looked at the order meanwhile. Everything is read and checked anew then."""
    read = await world.ledger.read_orders([order_id])
    if not read:
        raise BadInput(f"no order {order_id}")
    order = read[0]
    if order.state != "review":
        raise BadInput(f"{order_id}: is {order.state}, not in review")
    finding = await _finding(order, resolution, world)
    match await apply(order, finding, "person", world, said=_said(resolution)):
        case "settled":
            return _words(order_id, finding)
        case "taken":
            raise BadInput(f"--executed: {resolution.executed_as} belongs to another order")
        case "stale":
            return None
        case verdict:
            assert_never(verdict)


async def _finding(order: Order, resolution: Resolution, world: World) -> Finding:
    if resolution.executed_as is not None:
        return await _read_back(order, resolution, world)
    if order.provider_ref is not None:
        await _refuse_unless_unpaid("--not-executed", order, world)
    if order.doubtful:
        settled_at = order.settled_at(world.providers[order.provider].settling_time)
        if world.clock.now() < settled_at:
            raise BadInput(
                f"--not-executed: a request may still be carried out, or be missing from the provider's lists, until"
                f" {settled_at:%Y-%m-%d %H:%M:%S} UTC"
            )
        await _refuse_if_shown(order, world)
    return Refused("not_executed", f"resolved by {resolution.by}: {resolution.reason}", by_record=True)


async def _refuse_unless_unpaid(option: str, order: Order, world: World) -> None:
    """Raises BadInput unless the record that the order is bound to differs from it, and says: not paid.

    One that does not differ and says so ends the order without anybody. One that does is not believed by a machine:
    it may be another's, and the order's own another one.
    """
    match await look_up_raw(order, world):
        case Disputed(apart=Refused(by_record=True)):
            return
        case Unknown(message=message) | Deferred(message=message):
            raise _cannot_be_asked(order, message)
        case _:
            raise BadInput(
                f"{option}: the order is bound to {order.provider_ref} at the provider; its record decides"
            )


async def _refuse_if_shown(order: Order, world: World) -> None:
    """What the provider shows speaks louder than a person. Raises BadInput, WorkerError.

    Several payments that may be the order's speak of none: which of them it is, if any, is what the person was asked.
    """
    # What it is bound to was looked at by itself; here counts whether there is anything else.
    unbound = replace(order, provider_ref=None) if order.is_sent_once else order
    found = await look_up_raw(unbound, world)
    if isinstance(found, Candidates):
        await _refuse_if_mixed_up(order, found, world)
        found = await choose(unbound, found, world)
    match found:
        case Succeeded(ref) | Processing(ref):
            raise BadInput(f"--not-executed: the provider has it as {ref}")
        case Disputed(message, str()) if order.is_sent_once:
            raise BadInput(f"--not-executed: {message}")
        case Unknown(message=message) | Deferred(message=message):
            raise _cannot_be_asked(order, message)
        case Refused() | Disputed() | Absent():
            return


async def _refuse_if_mixed_up(order: Order, found: Candidates, world: World) -> None:
    """What equals this order and is bound to one that it differs from was most likely paid for this one.

    Once that one has succeeded with it, the payment is in the books, and counts for nobody else. Raises BadInput.
    """
    ours = instruction_of(order, world)
    for ref, outcome in found.found:
        if isinstance(outcome, Refused):
            continue
        known = await world.ledger.confirmation(order.provider, ref)
        if known.order_id in (None, order.order_id) or known.state == "succeeded":
            continue
        owners = await world.ledger.read_orders([known.order_id])
        theirs = [instruction_of(owner, world) for owner in owners]
        if [each.payee for each in theirs if isinstance(each, Send)] != [getattr(ours, "payee", None)]:
            raise BadInput(f"--not-executed: {ref} may be this order's, and is bound to {known.order_id}")


async def _read_back(order: Order, resolution: Resolution, world: World) -> Finding:
    """The provider's own record under that id, if it is a record of this order."""
    executed_as = resolution.executed_as
    assert executed_as is not None
    is_claimed = executed_as != order.provider_ref
    if is_claimed and order.provider_ref is not None:
        await _refuse_unless_unpaid("--executed", order, world)
    trail = Trail(executed_as, order.attempted_at, claimed=is_claimed)
    with traced(order.traceparent):
        found = await world.providers[order.provider].look_up(instruction_of(order, world), trail)
    match found:
        case Succeeded(ref) | Processing(ref) | Refused(by_record=True, provider_ref=str(ref)):
            if ref != executed_as:
                raise BadInput(f"--executed: the provider has the order as {ref}")
            return found
        case Disputed(apart=Succeeded(receipt=Sent()) as paid) if not is_claimed:
            return _answered_for(found, paid, resolution)
        case Disputed(message):
            raise BadInput(f"--executed: {message}")
        case Absent() | Candidates():
            raise BadInput(f"--executed: the provider has no record {executed_as}")
        case Refused(message=message) | Deferred(message=message) | Unknown(message=message):
            raise _cannot_be_asked(order, message)
        case _:
            assert_never(found)


def _answered_for(found: Disputed, paid: Succeeded, resolution: Resolution) -> Succeeded:
    """What was paid under the order's id, if the person has named every difference, and no other. Raises BadInput."""
    if resolution.differing != set(found.differing):
        raise BadInput(
            f"--executed: {found.message}; whoever answers for that adds --differing {','.join(found.differing)}"
        )
    return paid


def _cannot_be_asked(order: Order, message: str) -> WorkerError:
    return WorkerError(f"{order.provider} cannot be asked: {message}")


def _said(resolution: Resolution) -> str:
    """What the evidence keeps of it."""
    differing = f" (differing: {', '.join(sorted(resolution.differing))})" if resolution.differing else ""
    return f"{resolution.by}: {resolution.reason}{differing}"


def _words(order_id: str, finding: Finding) -> str:
    match finding:
        case Succeeded(ref):
            return f"{order_id}: succeeded as {ref}, posted"
        case Processing(ref):
            return f"{order_id}: bound to {ref}; it ends when the provider says so"
        case _:
            return f"{order_id}: failed, its funds are released"
