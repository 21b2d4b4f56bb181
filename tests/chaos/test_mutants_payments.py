"""Mutants of payments and deposits: each names the scene in which it must be noticed, and is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

import sql
from tests.chaos import payment_mutants as mutants
from tests.chaos.payment_scenes import Scene
from tests.chaos.test_kill_payments import SCENES, Theatre, kills
from worker.database import Database

FUNCTIONS = Path(sql.__file__).parent / "functions"


@dataclass(frozen=True)
class Mutant:
    """A change of the code, or of the database. Unless `killed`, it shows without any kill."""

    name: str
    noticed_in: str
    in_code: Callable[[pytest.MonkeyPatch], None] | None = None
    in_database: tuple[str, ...] = ()
    killed: bool = False


def _sql(file: str, *changes: tuple[str, str]) -> str:
    """Functions with some of their text replaced."""
    text = (FUNCTIONS / file).read_text()
    for old, new in changes:
        assert old in text, f"{file} has no {old!r}"
        text = text.replace(old, new)
    return text


MUTANTS = [
    Mutant(
        "equal payments are in doubt together",
        "two equal payouts, answers lost, without confirmation",
        in_database=(
            "DROP INDEX ledger.orders_one_unbound",
            _sql(
                "02_admit_verdicts.sql",
                ("c.is_free AND c.turn = 1", "true"),
            ),
        ),
    ),
    Mutant("late is not too late", "stopped for a moment", mutants.late_is_not_too_late),
    Mutant("late is not too late, and paid", "stopped, at a lenient provider", mutants.late_is_not_too_late),
    Mutant("approve before binding", "answer lost", mutants.approve_before_binding),
    Mutant("approve everything", "stranger", mutants.approve_everything),
    Mutant(
        "refusals are forgotten",
        "stranger asks again",
        in_database=(
            _sql(
                "20_confirmation.sql",
                (
                    "INSERT INTO refusal (provider, provider_ref, reason, at)\n    VALUES",
                    "PERFORM FROM (VALUES",
                ),
                ("reason, now)\n    ON CONFLICT DO NOTHING;", "reason, now)) AS forgotten;"),
            ),
        ),
    ),
    Mutant(
        "a question that is asked again is refused",
        "answer lost",
        mutants.forget_what_is_bound,
        (_sql("20_confirmation.sql", ("AND o.state IN ('processing', 'succeeded')) THEN", "AND false) THEN")),),
        killed=True,
    ),
    Mutant("refuse what cannot be read", "cannot be read back", mutants.refuse_what_cannot_be_read),
    Mutant("the address does not matter", "another address by hand", mutants.address_does_not_matter),
    Mutant("the time does not matter", "request lost", mutants.time_does_not_matter),
    Mutant("the first will do", "equal one by hand, without confirmation", mutants.the_first_will_do),
    Mutant(
        "taken does not matter",
        "careless person",
        in_database=(
            "DROP INDEX ledger.orders_bound_once",
            _sql("13_settle.sql", ("AND b.payee IS NOT NULL AND b.order_id <> o.order_id", "AND false")),
        ),
    ),
    Mutant("persons are believed", "careless person", mutants.persons_are_believed),
    Mutant("void on unknown", "answer lost, without confirmation", mutants.void_on_unknown),
    Mutant("resend in doubt", "executed late, without confirmation", mutants.resend_in_doubt),
    Mutant("absence at once", "executed late, without confirmation", mutants.absence_at_once),
    Mutant("seven is failed", "exception, then sent", mutants.seven_is_failed),
    Mutant("hints are believed", "forged hint", mutants.hints_are_believed),
    Mutant("what was ordered is what was paid", "pay order of another amount", mutants.ordered_is_paid),
    Mutant("expired is over", "pay order paid late", mutants.expired_is_over),
    Mutant(
        "credit again",
        "deposit told and listed",
        in_database=(
            "ALTER TABLE ledger.journal DROP CONSTRAINT journal_once",
            "ALTER TABLE ledger.outbox DROP CONSTRAINT outbox_pkey",
            _sql(
                "22_deposit.sql",
                ("IF known = 'credited' THEN", "IF false THEN"),
                ("AND (d.output IS NULL OR credit_deposit.output IS NULL)) THEN", "AND false) THEN"),
                ("\n     WHERE d.state NOT IN ('credited', EXCLUDED.state);", ";"),
            ),
        ),
    ),
    Mutant("risky is money", "deposit flagged as risky", mutants.risky_is_money),
    Mutant("rescan credits", "rescan finds", mutants.rescan_credits),
]


async def notices(theatre: Theatre, scene: Scene, *, killed: bool) -> str | None:
    """How the scene ends otherwise than it should; None when it does not."""
    try:
        switches = await theatre.play(scene)
        for kill in kills(switches, "effects") if killed else ():
            await theatre.play(scene, kill)
    except (AssertionError, KeyError, asyncpg.PostgresError) as error:
        return f"{type(error).__name__}: {error}"
    return None


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
async def test_a_mutant_of_payments_is_noticed(
    mutant: Mutant, database: Database, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for statement in mutant.in_database:
        await owner.execute(statement)
    if mutant.in_code is not None:
        mutant.in_code(monkeypatch)
    [scene] = [scene for scene in SCENES if scene.name == mutant.noticed_in]
    how = await notices(Theatre(database, owner), scene, killed=mutant.killed)
    assert how is not None, f"nobody noticed: {mutant.name}"
