"""Check: which of our exchanges and queues are missing, differ, or give no answer."""

from collections.abc import Awaitable, Callable
from functools import partial

import aio_pika
from aio_pika.abc import AbstractChannel

from worker.broker.connection import answered, visit
from worker.broker.declare import check_exchange, check_queue
from worker.errors import BrokerAway, TopologyDiffers
from worker.topology import EXCHANGES, queues


async def check_topology(url: str, providers: tuple[str, ...]) -> list[str]:
    """What is missing, different or silent, a line each. A failed check closes its channel, so each has its own."""
    problems = []
    for name in EXCHANGES:
        problems += await _check(url, f"exchange {name}", partial(check_exchange, name=name))
    for queue in queues(providers):
        problems += await _check(url, f"queue {queue.name}", partial(check_queue, queue=queue))
    return problems


async def _check(url: str, what: str, check: Callable[[AbstractChannel], Awaitable[None]]) -> list[str]:
    async with visit(url) as channel:
        try:
            async with answered():
                await check(channel)
        except aio_pika.exceptions.ChannelNotFoundEntity:
            return [f"{what} is missing"]
        except TopologyDiffers as error:
            return [str(error)]
        except BrokerAway as silence:
            return [f"{what}: {silence}"]
    return []
