"""Admit: a command becomes a durable order with its funds held and its first attempt written down, or is refused.

Idempotency is judged first, then validity, then funds, each by the database in the transaction that acts on it.
"""

import structlog

from schemas.command import Command
from schemas.event import NO_SEQUENCE, ErrorDetail, Event, event_id_of, order_event
from worker.commands.coins import Refusal
from worker.commands.registry import RULES, payee_of
from worker.ledger import Admission, Intake, Rejection, stored
from worker.message import Incoming
from worker.order import Order
from worker.providers.protocol import Prepared
from worker.world import World

log = structlog.get_logger()

FIRST_REVISION = 1

_EXPIRED = ErrorDetail(code="expired", message="expiresAt has passed")
_SHORT = ErrorDetail(code="insufficient_funds", message="the account has not enough available funds")
_CONFLICT = ErrorDetail(code="order_id_conflict", message="the orderId was used before with other content")


async def admit(command: Command, message: Incoming, world: World) -> Order | None:
    """The order, when it is new and ours to execute; None when there is nothing left to do."""
    if command.has_expired(world.clock.now()):
        await _reject(command, message, _EXPIRED, world)
        return None
    refusal = await _refusal(command, message.provider, world)
    if refusal is not None:
        await _reject(command, message, ErrorDetail(code=refusal.code, message=refusal.message), world)
        return None

    provider = world.providers[message.provider]
    rules = RULES[command.type]
    instruction = rules.instruction(command, provider)
    # Signed for now: coin data may have been waited for, and a signature that is too old is not sent.
    prepared = None if instruction is None else provider.prepare(instruction, world.clock.now())
    admission = await world.ledger.admit(
        Intake(
            command=command,
            message=message,
            fingerprint=command.fingerprint(),
            hold=rules.hold(command, provider),
            prepared=prepared,
            payee=payee_of(instruction),
        )
    )
    world.metrics.admitted(message.provider, command.type, admission.verdict)
    match admission.verdict:
        case "admitted":
            assert prepared is not None, "what waits is not ours to send"
            return new_order(command, message, prepared, payee_of(instruction))
        case "waiting":
            log.info("order waits", order_id=command.order_id)
        case "insufficient_funds":
            await _reject(command, message, _SHORT, world)
        case _:
            await _repeated(command, message, admission, world)
    return None


def new_order(command: Command, message: Incoming, prepared: Prepared, payee: str | None = None) -> Order:
    """The row that ledger.admit has just written. The attempt was signed before the call, which may have waited."""
    return Order(
        command=command,
        provider=message.provider,
        state="sending",
        revision=FIRST_REVISION,
        attempts=1,
        doubtful=(1,),
        polls=0,
        due_at=None,
        doubt_since=None,
        absent_at=None,
        attempted_at=prepared.signed_at,
        provider_ref=None,
        error_code=None,
        events=0,
        correlation_id=message.correlation_id,
        traceparent=message.traceparent,
        app_id=message.app_id,
        payee=payee,
        prepared=prepared,
    )


async def _refusal(command: Command, provider_name: str, world: World) -> Refusal | None:
    """Why it is not accepted, by what is known beforehand. Coin data that speak against it are read anew first."""
    provider, rules = world.providers[provider_name], RULES[command.type]
    refusal = rules.refuse(command, provider, world.coins.of(provider_name))
    if refusal is not None and refusal.by_data:
        refusal = rules.refuse(command, provider, await world.coins.anew(provider_name))
    return refusal


async def _reject(command: Command, message: Incoming, why: ErrorDetail, world: World) -> None:
    """End the order before it began. The orderId is used up."""
    event = _rejected(command, message, why, world)
    admission = await world.ledger.reject(Rejection(command, message, command.fingerprint(), why.code, event))
    if admission.verdict == "rejected":
        log.info("order rejected", order_id=command.order_id, code=why.code)
        world.relay.offer(stored(event, message.traceparent, message.app_id))
    else:
        await _repeated(command, message, admission, world)


async def _repeated(command: Command, message: Incoming, admission: Admission, world: World) -> None:
    """The orderId is known: tell its stored result again, or that this is another order under its name."""
    if admission.verdict == "conflict":
        log.warning("orderId used twice with different content", order_id=command.order_id)
        event = _rejected(command, message, _CONFLICT, world)
        await world.ledger.announce(event, message.traceparent, message.app_id)
        world.relay.wake()
    elif admission.events > 0:
        await world.ledger.replay(event_id_of(command.order_id, admission.events))
        world.relay.wake()


def _rejected(command: Command, message: Incoming, why: ErrorDetail, world: World) -> Event:
    about = None
    if why is _CONFLICT:  # about this message only, under an id of its own
        sent_as = f"{message.message_id}/{message.correlation_id}"
        about = f"{command.order_id}/conflict/{sent_as}/{command.fingerprint().hex()}"
    return order_event(
        order_id=command.order_id,
        command_type=command.type,
        provider=message.provider,
        result="rejected",
        sequence=NO_SEQUENCE if about else 1,
        now=world.clock.now(),
        correlation_id=message.correlation_id,
        error=why,
        about=about,
    )
