"""Killed before and after every call of every port, each scene ends as if nothing had happened."""

from typing import Literal

import asyncpg
import pytest

from tests.chaos.drama import Drama
from tests.chaos.ports import KillSwitch
from tests.chaos.scenes import SCENES, Scene
from worker.database import Database

# A scene takes some ten port calls; this only bounds a scene that never ends.
CALLS_MAX = 400


async def play(scene: Scene, database: Database, owner: asyncpg.Connection, switch: KillSwitch) -> None:
    drama = Drama(database, owner)
    await scene.prepare(drama)
    await drama.play(switch)
    ends = await drama.check(scene.dead_letters, scene.refusals)
    assert ends.keys() == scene.ends.keys()
    for order, state in ends.items():
        assert state in scene.ends[order], f"{order} is {state}"


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_undisturbed_it_ends_as_it_should(scene: Scene, database: Database, owner: asyncpg.Connection) -> None:
    await play(scene, database, owner, KillSwitch())


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("scene", [scene for scene in SCENES if not scene.undisturbed], ids=lambda scene: scene.name)
async def test_killed_at_any_step_it_ends_all_the_same(
    scene: Scene,
    moment: Literal["before", "after"],
    database: Database,
    owner: asyncpg.Connection,
) -> None:
    for at in range(1, CALLS_MAX):
        switch = KillSwitch(at, moment)
        try:
            await play(scene, database, owner, switch)
        except AssertionError as error:
            raise AssertionError(f"killed {moment} call {at}, {switch.last}: {error}") from error
        if not switch.fired:
            assert at > 5, "the scene has fewer steps than any road has"
            return
    raise AssertionError("the scene never ends")
