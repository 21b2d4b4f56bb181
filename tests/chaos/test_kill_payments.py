"""Payments and deposits, each process killed before and after every call: each scene ends as if nothing had been.

The run of every day leaves out what leaves the same behind: kills around calls that change nothing, and before one
that directly follows another which did. The long run kills before and after every single call.
"""

from collections.abc import Iterator
from typing import Literal

import asyncpg
import pytest

from tests.chaos.deposit_scenes import DEPOSIT_SCENES
from tests.chaos.end import check
from tests.chaos.payment_scenes import PAYMENT_SCENES, Scene
from tests.chaos.play import Play
from tests.chaos.ports import KillSwitch, Moment
from worker.database import Database
from worker.metrics import Metrics

SCENES = [*PAYMENT_SCENES, *DEPOSIT_SCENES]
ROLES = ("worker", "web", "desk")

Kill = tuple[str, int, Moment]


class Theatre:
    """Plays scenes in one database, each of which finds it empty."""

    def __init__(self, database: Database, owner: asyncpg.Connection) -> None:
        self._database = database
        self._owner = owner
        self._metrics = Metrics()

    async def play(self, scene: Scene, kill: Kill | None = None) -> dict[str, KillSwitch]:
        """From its beginning to its end; the switches of the first process of each role, as they were left."""
        await self._empty()
        switches = {role: KillSwitch() for role in ROLES}
        if kill is not None:
            role, at, moment = kill
            switches[role] = KillSwitch(at, moment)
        play = Play(
            self._database,
            self._owner,
            self._metrics,
            switches,
            jobs=scene.jobs,
            resend=scene.resend,
            clears_to=scene.clears_to,
        )
        play.webhooks("coinqpay.confirm", on=scene.is_confirmed)
        await play.fund()
        await scene.prepare(play)
        await play.run()
        ends = await check(play, is_confirmed=scene.is_confirmed)
        assert ends.keys() == scene.ends.keys()
        for order, state in ends.items():
            allowed = scene.ends if kill is None else scene.ends_when_killed
            assert state in allowed[order], f"{order} is {state}"
        return switches

    async def _empty(self) -> None:
        """What is appended only can be deleted by nobody but the owner, and only past the triggers."""
        rows = await self._owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'ledger'")
        deletions = ";".join(f"DELETE FROM ledger.{row['tablename']}" for row in rows)
        async with self._owner.transaction():
            await self._owner.execute(f"SET LOCAL session_replication_role = replica; {deletions}")


def kills(switches: dict[str, KillSwitch], which: Literal["effects", "all"]) -> Iterator[Kill]:
    """Around which calls to kill, by an undisturbed run."""
    for role, switch in switches.items():
        turns: set[int] = set()
        for at, turn in sorted(switch.effects) if which == "effects" else ():
            if turn not in turns:
                yield role, at, "before"
            turns.add(turn)
            yield role, at, "after"
        for at in range(1, switch.calls + 1) if which == "all" else ():
            yield role, at, "before"
            yield role, at, "after"


@pytest.fixture
def theatre(database: Database, owner: asyncpg.Connection) -> Theatre:
    return Theatre(database, owner)


async def play_all(theatre: Theatre, scene: Scene, which: Literal["effects", "all"]) -> int:
    switches = await theatre.play(scene)
    if scene.undisturbed:
        return 0
    played = 0
    for kill in kills(switches, which):
        switch = KillSwitch()
        try:
            switch = (await theatre.play(scene, kill))[kill[0]]
        except AssertionError as error:
            raise AssertionError(f"{kill[0]} killed {kill[2]} call {kill[1]}: {error}") from error
        assert switch.fired, f"{kill} was never reached"
        played += 1
    return played


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_killed_around_what_it_changes_it_ends_all_the_same(scene: Scene, theatre: Theatre) -> None:
    played = await play_all(theatre, scene, "effects")
    assert scene.undisturbed or played > 6, "the scene has fewer steps than any road has"


@pytest.mark.long
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_killed_around_every_call_it_ends_all_the_same(scene: Scene, theatre: Theatre) -> None:
    await play_all(theatre, scene, "all")
