"""Many seeds: every payment is credited once or explained, everything went wrong somewhere, every mutant is noticed.

SEEDS and MINUTES of the environment say how long the long run is; SEED plays that one alone.
"""

import os
import sys
import time
from collections import Counter

import asyncpg
import pytest

from tests.chaos.test_kill_payments import Theatre
from tests.deposits_play.mutants import MUTANTS, Mutant
from tests.deposits_play.oracle import check
from tests.deposits_play.play import DepositPlay
from tests.deposits_play.points import POINTS
from worker.database import Database
from worker.metrics import Metrics

# They broke a promise once, or reach what few others do.
REGRESSIONS = (64, 94, 136, 248)
# With these every point is seen.
FAST_SEEDS = (*REGRESSIONS, 8, 10, 12, 17, 29, 33)
# Tried with a mutant that its own seeds have missed.
MUTANT_SEEDS = 60
LONG_FROM = 1_000_000
JOBS = ("deposits", "rescans", "late")


class Stage:
    """Plays seeds in one database, each of which finds it empty."""

    def __init__(self, database: Database, owner: asyncpg.Connection) -> None:
        self._database = database
        self._owner = owner
        self._theatre = Theatre(database, owner)
        self._metrics = Metrics()

    async def play(self, seed: int) -> Counter[str]:
        """From its beginning to its end; what was seen."""
        await self._theatre._empty()
        play = DepositPlay(self._database, self._owner, self._metrics, jobs=JOBS, seed=seed)
        try:
            await play.prepare()
            await play.run()
            await check(play)
        except AssertionError as error:
            raise AssertionError(f"SEED={seed}: {error}") from error
        return play.seen


@pytest.fixture
def stage(database: Database, owner: asyncpg.Connection) -> Stage:
    return Stage(database, owner)


async def test_each_payment_is_credited_once_or_explained_and_everything_went_wrong_somewhere(stage: Stage) -> None:
    if "SEED" in os.environ:
        await stage.play(int(os.environ["SEED"]))
        return
    seen: Counter[str] = Counter()
    for seed in FAST_SEEDS:
        seen.update(await stage.play(seed))
    assert not POINTS - (+seen).keys(), f"never seen: {sorted(POINTS - (+seen).keys())}"


@pytest.mark.parametrize(
    "mutant",
    [pytest.param(one, id=one.name, marks=() if one.is_quick else pytest.mark.long) for one in MUTANTS],
)
async def test_a_mutant_of_deposits_is_noticed(
    mutant: Mutant, stage: Stage, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for statement in mutant.statements:
        await owner.execute(statement)
    mutant.plant(monkeypatch)
    for seed in (*mutant.seeds, *range(1, MUTANT_SEEDS + 1)):
        try:
            await stage.play(seed)
        except (AssertionError, asyncpg.PostgresError):
            return
    pytest.fail(f"nobody noticed: {mutant.name}")


@pytest.mark.long
async def test_each_payment_is_credited_once_or_explained_in_many_more_seeds(stage: Stage) -> None:
    if "SEED" in os.environ:
        await stage.play(int(os.environ["SEED"]))
        return
    most = int(os.environ.get("SEEDS", "20000"))
    until = time.monotonic() + 60 * int(os.environ.get("MINUTES", "10"))
    for count in range(most):
        await stage.play(LONG_FROM + count)
        if (count + 1) % 200 == 0:
            sys.stderr.write(f"{count + 1} seeds, {until - time.monotonic():.0f} s left\n")
        if time.monotonic() > until:
            break
