"""Several workers on one database and one broker share the work, and are killed under it. SEED=… repeats it."""

from pathlib import Path
from time import monotonic

import pytest

from tests.cluster.crew import Crew, crew_on
from tests.cluster.load import Load, fund, publish, run_out
from tests.cluster.scene import Scene, open_scene
from tests.e2e.load import draw_seed

pytestmark = pytest.mark.long

# In processes of their own, twice where two may share.
SPLIT = {
    "consume 1": "consume",
    "consume 2": "consume",
    "resume": "resume",
    "relay": "relay",
    "schedule": "schedule",
    "http": "http",
}


async def carry(load: Load, scene: Scene, crew: Crew, victims: list[str]) -> None:
    """Publish everything, kill one after the other under it, and judge the end."""
    began = monotonic()
    await publish(load, scene.client)
    for victim, moment in zip(victims, load.moments(len(victims)), strict=True):
        await load.until_ended(moment, scene.client)
        await crew.replace(victim)
    await run_out(load, scene)
    seconds = monotonic() - began
    results = await scene.judge(load.order_ids)
    print(f"{len(load.commands)} orders, {len(victims)} kills, {seconds:.1f} s, {results}, {crew.work()}")  # noqa: T201


@pytest.mark.parametrize("workers", [2, 4])
async def test_workers_share_the_orders_and_lose_none_when_they_are_killed(
    database_url: str, amqp_url: str, tmp_path: Path, workers: int
) -> None:
    load = Load(draw_seed(), orders=3000)
    names = [f"worker {number}" for number in range(workers)]
    async with open_scene(database_url, amqp_url, amqp_url, tmp_path) as scene, crew_on(scene.stage) as crew:
        for name in names:
            await crew.hire(name)
        await fund(scene)
        victims = [load.random.choice(names) for _ in range(6)]
        await carry(load, scene, crew, victims)
        work = crew.work()
        assert min(work[name] for name in names) > len(load.commands) // (workers * 10)


async def test_roles_in_processes_of_their_own_are_killed_one_after_the_other(
    database_url: str, amqp_url: str, tmp_path: Path
) -> None:
    load = Load(draw_seed(), orders=1500)
    async with open_scene(database_url, amqp_url, amqp_url, tmp_path) as scene, crew_on(scene.stage) as crew:
        for name, roles in SPLIT.items():
            await crew.hire(name, roles)
        await fund(scene)
        victims = load.random.sample(list(SPLIT), len(SPLIT))
        await carry(load, scene, crew, victims)
        work = crew.work()
        assert min(work["consume 1"], work["consume 2"]) > len(load.commands) // 20
        assert work["relay"] == work["schedule"] == 0
