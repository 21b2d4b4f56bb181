"""Three RabbitMQ nodes: the one that leads the queue of commands is killed under load. SEED=… repeats it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import monotonic

import pytest

from devstack import programs
from devstack.cluster import rabbitmq_cluster
from devstack.rabbitmq_cluster import RabbitCluster
from ledger_client import LedgerClient, Transfer
from tests.cluster.crew import crew_on
from tests.cluster.load import USERS, Load, fund, publish, run_out
from tests.cluster.scene import open_scene
from tests.e2e.load import draw_seed

pytestmark = pytest.mark.long

COMMANDS = "ledger.commands.ccpayment"
# What a service publishes by the library beside the load, before, while and after the node dies.
SERVICE_ORDERS = 300


@pytest.fixture(scope="module")
def cluster() -> Iterator[RabbitCluster]:
    if programs.find_rabbitmq() is None:
        pytest.skip("a cluster needs RabbitMQ's programs on this machine")
    with rabbitmq_cluster(nodes=3) as cluster:
        yield cluster


async def confirmed(client: LedgerClient) -> AsyncIterator[str]:
    """Publish transfers one after the other; each order id once the broker has taken it."""
    for number in range(SERVICE_ORDERS):
        order_id = f"load-service-{number:03}"
        await client.publish(
            Transfer(order_id=order_id, from_user_id=USERS[0], to_user_id=USERS[1], coin_id=1280, amount="0.01")
        )
        yield order_id


async def test_the_death_of_the_node_that_leads_the_queue_loses_no_confirmed_command(
    cluster: RabbitCluster, database_url: str, tmp_path: Path
) -> None:
    load = Load(draw_seed(), orders=1500)
    heard_at, leader, third = cluster.nodes
    workers_url = cluster.url(leader, third, heard_at)
    began = monotonic()
    async with (
        open_scene(database_url, workers_url, cluster.url(heard_at), tmp_path) as scene,
        crew_on(scene.stage) as crew,
        LedgerClient.connect(workers_url, service="cluster") as service,
    ):
        worker = await crew.hire("worker 1")
        await crew.hire("worker 2")
        await fund(scene)
        queue = (await asyncio.to_thread(cluster.queues, heard_at))[COMMANDS]
        assert queue["leader"] == leader.node
        assert set(queue["members"]) == {node.node for node in cluster.nodes}

        publishing = asyncio.create_task(_all_of(confirmed(service)))
        await publish(load, scene.client)
        await load.until_ended(len(load.commands) // 5, scene.client)
        await asyncio.to_thread(cluster.kill, leader)
        killed = monotonic()
        await worker.says("broker is back")
        away_seconds = monotonic() - killed
        service_ids = await publishing
        await asyncio.to_thread(cluster.start_again, leader)
        await run_out(load, scene)
        await asyncio.gather(*(scene.client.tap.end_of(order_id) for order_id in service_ids))

        results = await scene.judge(load.order_ids | service_ids)
        queue = (await asyncio.to_thread(cluster.queues, leader))[COMMANDS]
        assert set(queue["online"]) == {node.node for node in cluster.nodes}
        assert queue["leader"] != leader.node
    orders = len(load.order_ids) + len(service_ids)
    print(f"{orders} orders, {monotonic() - began:.1f} s, away {away_seconds:.2f} s, {results}")  # noqa: T201


async def _all_of(order_ids: AsyncIterator[str]) -> set[str]:
    return {order_id async for order_id in order_ids}
