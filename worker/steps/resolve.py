"""Resolve: a person decides on an order in review, with evidence that is checked, and is itself recorded."""

from dataclasses import dataclass
from typing import assert_never

from worker.commands.registry import RULES
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
    Succeeded,
    Trail,
    Unknown,
)
from worker.steps.settle import apply
from worker.steps.submit import look_up
from worker.world import World


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a person says: the provider's id of what was executed, or None: it was not. Who says so, and why."""

    executed_as: str | None
    by: str
    reason: str


async def resolve(order_id: str, resolution: Resolution, world: World) -> str:
    """Apply it; what it led to, in words. Raises BadInput for what contradicts the evidence, WorkerError."""
    read = await world.ledger.read_orders([order_id])
    if not read:
        raise BadInput(f"no order {order_id}")
    order = read[0]
    if order.state != "review":
        raise BadInput(f"{order_id}: is {order.state}, not in review")
    finding = await _finding(order, resolution, world)
    said = f"{resolution.by}: {resolution.reason}"
    match await apply(order, finding, "person", world, said=said):
        case "settled":
            return _words(order_id, finding)
        case "taken":
            raise BadInput(f"--executed: {resolution.executed_as} belongs to another order")
        case "stale":
            raise WorkerError(f"{order_id}: has moved on meanwhile; look at it again")
        case verdict:
            assert_never(verdict)


async def _finding(order: Order, resolution: Resolution, world: World) -> Finding:
    if resolution.executed_as is not None:
        return await _read_back(order, resolution.executed_as, world)
    if order.provider_ref is not None:
        raise BadInput(
            f"--not-executed: the order is bound to {order.provider_ref} at the provider; its record decides"
        )
    if order.doubtful:
        settled_at = order.settled_at(world.providers[order.provider].settling_time)
        if world.clock.now() < settled_at:
            raise BadInput(
                f"--not-executed: a request may still be carried out, or be missing from the provider's lists, until"
                f" {settled_at:%Y-%m-%d %H:%M:%S} UTC"
            )
        await _refuse_if_shown(order, world)
    return Refused("not_executed", f"resolved by {resolution.by}: {resolution.reason}", by_record=True)


async def _refuse_if_shown(order: Order, world: World) -> None:
    """What the provider shows speaks louder than a person. Raises BadInput, WorkerError.

    Several payments that may be the order's speak of none: which of them it is, if any, is what the person was asked.
    """
    match await look_up(order, world):
        case Succeeded(ref) | Processing(ref):
            raise BadInput(f"--not-executed: the provider has it as {ref}")
        case Disputed(message, str()) if order.is_sent_once:
            raise BadInput(f"--not-executed: {message}")
        case Unknown(message=message) | Deferred(message=message):
            raise WorkerError(f"{order.provider} cannot be asked: {message}")
        case Refused() | Disputed() | Absent():
            return


async def _read_back(order: Order, executed_as: str, world: World) -> Finding:
    """The provider's own record under that id, if it is a record of this order."""
    if order.provider_ref not in (None, executed_as):
        raise BadInput(f"--executed: the order is bound to {order.provider_ref} at the provider")
    provider = world.providers[order.provider]
    instruction = RULES[order.command.type].instruction(order.command, provider)
    assert instruction is not None, "what nobody sends is never in doubt"
    found = await provider.look_up(
        instruction, Trail(executed_as, order.attempted_at, claimed=order.provider_ref is None)
    )
    match found:
        case Succeeded(ref) | Processing(ref) | Refused(by_record=True, provider_ref=str(ref)):
            if ref != executed_as:
                raise BadInput(f"--executed: the provider has the order as {ref}")
            return found
        case Disputed(message):
            raise BadInput(f"--executed: {message}")
        case Absent() | Candidates():
            raise BadInput(f"--executed: the provider has no record {executed_as}")
        case Refused(message=message) | Deferred(message=message) | Unknown(message=message):
            raise WorkerError(f"{order.provider} cannot be asked: {message}")
        case _:
            assert_never(found)


def _words(order_id: str, finding: Finding) -> str:
    match finding:
        case Succeeded(ref):
            return f"{order_id}: succeeded as {ref}, posted"
        case Processing(ref):
            return f"{order_id}: bound to {ref}; it ends when the provider says so"
        case _:
            return f"{order_id}: failed, its funds are released"
