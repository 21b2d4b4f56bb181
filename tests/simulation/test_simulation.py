"""Many seeds: no promise is broken, all that can go wrong went wrong somewhere, and every mutant is noticed.

SEEDS and MINUTES of the environment say how long the long run is.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.simulation.actor import Kit
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.points import POINTS, RARE
from tests.simulation.simulation import Report, make_kit, run, silence

FAST_SEEDS = 300
# They broke a promise once, or reach what few others do.
REGRESSIONS = (101, 155, 352, 361, 408, 530, 887, 2023, 2238, 2409)
# The long run begins where the fast one never comes.
LONG_FROM = 1_000_000


@pytest.fixture(scope="module")
def kit() -> Iterator[Kit]:
    with silence():
        yield make_kit()


def test_no_promise_is_broken_and_everything_went_wrong_somewhere(kit: Kit) -> None:
    points: Counter[str] = Counter()
    for seed in (*REGRESSIONS, *range(1, FAST_SEEDS + 1)):
        points.update(_sound(run(seed, kit)).points)
    assert not POINTS - points.keys(), f"never seen: {sorted(POINTS - points.keys())}"
    assert points.keys() <= POINTS | RARE, f"not on the list: {sorted(points.keys() - POINTS - RARE)}"


@pytest.mark.parametrize("seed", [1, 68, 2023])
def test_the_same_seed_tells_the_same_story(seed: int, kit: Kit) -> None:
    assert run(seed, kit).digest == run(seed, kit).digest


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_noticed(mutant: Mutant, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    _sound(run(mutant.noticed_at, kit))
    mutant.plant(monkeypatch)
    for seed in (mutant.noticed_at, *REGRESSIONS, *range(1, FAST_SEEDS + 1)):
        if run(seed, kit).broken:
            return
    pytest.fail(f"nobody noticed: {mutant.name}")


@pytest.mark.long
def test_no_promise_is_broken_in_many_more_seeds(kit: Kit) -> None:
    most = int(os.environ.get("SEEDS", "20000"))
    until = time.monotonic() + 60 * int(os.environ.get("MINUTES", "10"))
    first = LONG_FROM
    for seed in range(first, first + most):
        _sound(run(seed, kit))
        if (seed - first + 1) % 500 == 0:
            sys.stderr.write(f"{seed - first + 1} seeds, {until - time.monotonic():.0f} s left\n")
        if time.monotonic() > until:
            break


def _sound(report: Report) -> Report:
    assert not report.broken, (
        f"SEED={report.seed}: {report.broken[0]} (.venv/bin/python -m tests.simulation {report.seed})"
    )
    return report
