"""Mutants: each breaks one promise, in code or in the database, and the dramas must notice."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import sql
from tests.chaos.ports import KillSwitch
from tests.chaos.scenes import SCENES
from tests.chaos.test_kill_every_step import play
from worker import flow
from worker.commands.swap import SwapRules
from worker.database import Database
from worker.loops.relay import Relay
from worker.order import SEND_WITHIN
from worker.providers.ccpayment import provider as ccpayment
from worker.providers.ccpayment.provider import CCPayment
from worker.providers.protocol import Refused, Unknown
from worker.steps import decide as decide_step
from worker.steps import settle as settle_step

FUNCTIONS = Path(sql.__file__).parent / "functions"
# Where each mutant shows itself at the latest.
STEPS_MAX = 60


@dataclass(frozen=True)
class Mutant:
    """A change of the code, or of the database, that must be caught."""

    name: str
    in_code: Callable[[pytest.MonkeyPatch], None] | None = None
    in_database: tuple[str, ...] = ()


def _sql(file: str, *changes: tuple[str, str]) -> str:
    """A function with some of its text replaced."""
    text = (FUNCTIONS / file).read_text()
    for old, new in changes:
        assert old in text, f"{file} has no {old!r}"
        text = text.replace(old, new)
    return text


def _void_on_unknown(patch: pytest.MonkeyPatch) -> None:
    """A timeout is taken for a refusal."""
    original = settle_step.decide

    def decide(order: Any, finding: Any, *rest: Any) -> Any:
        if isinstance(finding, Unknown):
            finding = Refused(finding.code, finding.message)
        return original(order, finding, *rest)

    patch.setattr(settle_step, "decide", decide)


def _refusal_ends_all(patch: pytest.MonkeyPatch) -> None:
    """A refusal of one attempt is taken for all."""
    original = settle_step.decide

    def decide(order: Any, finding: Any, *rest: Any) -> Any:
        if isinstance(finding, Refused):
            finding = replace(finding, by_record=True)
        return original(order, finding, *rest)

    patch.setattr(settle_step, "decide", decide)


def _absence_at_once(patch: pytest.MonkeyPatch) -> None:
    """The first "not found" is taken for proof, and a refusal then ends the order."""
    patch.setattr(CCPayment, "settling_time", timedelta(0))
    patch.setattr(decide_step, "ABSENCE_APART", timedelta(0))


def _ack_before_admit(patch: pytest.MonkeyPatch) -> None:
    original = flow.execute

    async def execute(delivery: Any, world: Any) -> None:
        await delivery.ack()
        await original(delivery, world)

    patch.setattr("tests.chaos.drama.execute", execute)


def _mark_before_publish(patch: pytest.MonkeyPatch) -> None:
    original = Relay._begin

    async def begin(self: Relay, most: int) -> None:
        if self._handed:
            await self._ledger.mark_outbox([one.event.event_id for one in self._handed])
        await original(self, most)

    patch.setattr(Relay, "_begin", begin)


def _never_sweep(patch: pytest.MonkeyPatch) -> None:
    async def run_once(self: Relay) -> int:
        return 0

    patch.setattr(Relay, "run_once", run_once)


def _never_resume(patch: pytest.MonkeyPatch) -> None:
    async def go_on(order: Any, world: Any) -> None:
        return None

    patch.setattr("tests.chaos.drama.go_on", go_on)


async def _send_now(provider_name: str, command: Any, world: Any) -> None:
    provider, now = world.providers[provider_name], world.clock.now()
    instruction = settle_step.RULES[command.type].instruction(command, provider)
    await provider.execute(instruction, provider.prepare(instruction, now), now + SEND_WITHIN)


def _send_before_writing(patch: pytest.MonkeyPatch) -> None:
    """The request leaves first; the order is written down afterwards."""
    original = flow.admit

    async def admit(command: Any, message: Any, world: Any) -> Any:
        await _send_now(message.provider, command, world)
        return await original(command, message, world)

    patch.setattr(flow, "admit", admit)


def _resend_before_writing(patch: pytest.MonkeyPatch) -> None:
    """The second request leaves first; the attempt is written down afterwards."""
    original = flow.start_attempt

    async def start_attempt(order: Any, world: Any) -> Any:
        await _send_now(order.provider, order.command, world)
        return await original(order, world)

    patch.setattr(flow, "start_attempt", start_attempt)


def _duplicate_is_no_news(patch: pytest.MonkeyPatch) -> None:
    """The provider's "this order id exists" does not keep the order from being proven absent."""
    patch.setattr(decide_step, "DUPLICATE", "never")


def _late_is_not_too_late(patch: pytest.MonkeyPatch) -> None:
    """A worker that stood still sends what it once wrote down, however long ago."""
    patch.setattr("worker.steps.submit.SEND_WITHIN", timedelta(days=1))


def _resend_blindly(patch: pytest.MonkeyPatch) -> None:
    """No look before the next attempt, and a new order id for it, as retry wrappers do."""

    async def look_up(order: Any, world: Any) -> Any:
        return flow.Absent()

    original = CCPayment.prepare
    patch.setattr(flow, "look_up", look_up)
    patch.setattr(
        CCPayment,
        "prepare",
        lambda self, move, at: original(self, replace(move, order_id=f"{move.order_id}-{secrets.token_hex(2)}"), at),
    )


def _under_way_is_done(patch: pytest.MonkeyPatch) -> None:
    """A swap that the provider has accepted is booked before its record says that it succeeded."""
    original = ccpayment.judge_swap

    def judge_swap(record: Any, instruction: Any) -> Any:
        return original(record.model_copy(update={"status": "Success"}), instruction)

    patch.setattr(ccpayment, "judge_swap", judge_swap)


def _gross_is_net(patch: pytest.MonkeyPatch) -> None:
    """A swap's fees are left out of the books."""
    original = SwapRules.lines

    def lines(*arguments: Any) -> Any:
        return tuple(line for line in original(*arguments) if not line.purpose.endswith("_fee"))

    patch.setattr(SwapRules, "lines", lines)


UNGUARDED = (
    "o.revision = c.revision AND o.due_at IS NOT NULL",
    "true",
)

MUTANTS = [
    Mutant("void on unknown", _void_on_unknown),
    Mutant("a refusal ends all attempts", _refusal_ends_all),
    Mutant("absence at once", _absence_at_once),
    Mutant("ack before admit", _ack_before_admit),
    Mutant("mark before publish", _mark_before_publish),
    Mutant("never sweep the outbox", _never_sweep),
    Mutant("never resume", _never_resume),
    Mutant("send before writing", _send_before_writing),
    Mutant("resend before writing", _resend_before_writing),
    Mutant("a duplicate is no news", _duplicate_is_no_news),
    Mutant("late is not too late", _late_is_not_too_late),
    Mutant("resend blindly", _resend_blindly),
    Mutant("under way is done", _under_way_is_done),
    Mutant("gross is net", _gross_is_net),
    Mutant("unguarded settle", in_database=(_sql("13_settle.sql", UNGUARDED),)),
    Mutant(
        "unguarded settle, no unique indexes, no final state",
        in_database=(
            "ALTER TABLE ledger.journal DROP CONSTRAINT journal_once",
            "DROP INDEX ledger.outbox_terminal_once",
            "DROP TRIGGER terminal_is_final ON ledger.orders",
            "ALTER TABLE ledger.balance DROP CONSTRAINT hold_is_not_negative",
            "ALTER TABLE ledger.outbox DROP CONSTRAINT outbox_pkey",
            _sql("13_settle.sql", UNGUARDED),
        ),
    ),
    Mutant(
        "the hold is never released",
        in_database=(_sql("13_settle.sql", ("held = b.held - d.released", "held = b.held")),),
    ),
    Mutant(
        "nothing is held",
        in_database=(_sql("10_admit.sql", ("SET held = b.held + h.amount", "SET held = b.held")),),
    ),
    Mutant(
        "other content is the same order",
        in_database=(_sql("10_admit.sql", ("WHEN o.fingerprint = c.fingerprint", "WHEN true")),),
    ),
    Mutant(
        "no event on settle",
        in_database=(
            _sql(
                "13_settle.sql",
                ("WHERE passed[e.item];", "WHERE NOT passed[e.item];"),
            ),
        ),
    ),
    Mutant(
        "an attempt is not written down",
        in_database=(
            _sql(
                "12_start_attempt.sql",
                (
                    "INSERT INTO attempt (order_id, number, body, signed_at, signature, created_at)\n    VALUES",
                    "PERFORM FROM (VALUES",
                ),
                ("signature, now);", "signature, now)) AS forgotten;"),
            ),
        ),
    ),
]


async def notices(play_one: Callable[[], Awaitable[None]]) -> bool:
    """Whether the drama ended otherwise than it should."""
    try:
        await play_one()
    except (AssertionError, KeyError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return True
    return False


async def test_the_original_is_not_caught(database: Database, owner: asyncpg.Connection) -> None:
    for scene in SCENES:
        for at in () if scene.undisturbed else (4, 9):
            switch = KillSwitch(at, "after")
            assert not await notices(lambda: play(scene, database, owner, switch))  # noqa: B023


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
async def test_a_mutant_is_caught(
    mutant: Mutant, database: Database, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for statement in mutant.in_database:
        await owner.execute(statement)
    if mutant.in_code is not None:
        mutant.in_code(monkeypatch)
    for at in range(STEPS_MAX):
        for scene in SCENES:
            if at > 0 and scene.undisturbed:
                continue
            switch = KillSwitch(at or None, "after")
            if await notices(lambda: play(scene, database, owner, switch)):  # noqa: B023
                return
    raise AssertionError(f"nobody noticed: {mutant.name}")
