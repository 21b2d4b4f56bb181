"""A connection to RabbitMQ that does not come about leaves nothing behind that complains later."""

import asyncio
import gc
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import pytest

from ledger_client.connection import ConnectionLost, open_session
from worker.broker import visit
from worker.errors import BrokerAway

Opens = Callable[[str], AbstractAsyncContextManager[Any]]

OPENS: dict[str, Opens] = {"client": open_session, "worker": visit}


async def collect_where_no_loop_runs() -> None:
    """The library's finalizers would close what was not closed: here they make a coroutine that nobody awaits."""
    await asyncio.to_thread(gc.collect)


async def is_refused(opens: Opens, url: str) -> bool:
    try:
        async with opens(url):
            return False
    except (ConnectionLost, BrokerAway):
        return True


@pytest.mark.parametrize("who", OPENS)
@pytest.mark.parametrize("url", ["amqp://127.0.0.1:9/", "amqp://nobody:wrong-secret@{server}/"])
async def test_a_refused_connection_leaves_nothing_behind(amqp_url: str, url: str, who: str) -> None:
    wrong = url.format(server=amqp_url.rpartition("@")[2].partition("/")[0])
    assert await is_refused(OPENS[who], wrong)
    await collect_where_no_loop_runs()


@pytest.mark.parametrize("who", OPENS)
async def test_a_connection_that_is_given_up_at_any_moment_leaves_nothing_behind(amqp_url: str, who: str) -> None:
    before = asyncio.all_tasks()
    began = asyncio.get_running_loop().time()
    assert not await is_refused(OPENS[who], amqp_url)
    whole_seconds = asyncio.get_running_loop().time() - began
    for part in range(40):
        opening = asyncio.create_task(is_refused(OPENS[who], amqp_url))
        await asyncio.sleep(whole_seconds * part / 40)
        opening.cancel()
        with suppress(asyncio.CancelledError):
            await opening
    await asyncio.sleep(0.1)
    assert asyncio.all_tasks() == before
    await collect_where_no_loop_runs()
