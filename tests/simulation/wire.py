"""A worker's connection to the provider: real requests, checked as they leave, and what chance makes of them."""

import asyncio
from collections.abc import Callable
from random import Random

import httpx

from tests.simulation.bank import Bank
from tests.simulation.life import Life
from tests.simulation.plan import Plan
from worker.providers.http import IS_TOO_LATE, IS_UNSENT, NeverConnected, TooLate
from worker.sandbox.message import Reply, Request, Reset, Response


class Wire(httpx.AsyncBaseTransport):
    """HTTP into the bank. `leaves` sees each request at the moment it leaves the worker."""

    def __init__(self, bank: Bank, life: Life, plan: Plan, random: Random, leaves: Callable[[Request], None]) -> None:
        self._bank = bank
        self._life = life
        self._plan = plan
        self._random = random
        self._leaves = leaves

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions[IS_UNSENT] = True
        await self._life.pause("connect")
        if self._random.random() < self._plan.refused_connections:
            raise NeverConnected("refused")
        # What the real connector asks when it has a connection.
        is_too_late = request.extensions.get(IS_TOO_LATE)
        if is_too_late is not None and is_too_late():
            raise TooLate
        self._life.may_die("before the wire")
        sent = Request(
            request.method, request.url.path, dict(request.headers), request.content, request.url.query.decode()
        )
        del request.extensions[IS_UNSENT]
        self._leaves(sent)
        # Stopped between the last look at the clock and the first byte: then it leaves when the worker wakes up.
        frozen = self._life.freeze("the wire") if self._random.random() < self._plan.freezes * 4 else 0.0
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._bank.carry(sent, frozen + self._random.random() * 0.2, answer)
        self._life.may_die("after the wire")
        reply = await answer
        if self._random.random() < self._plan.freezes * 8:
            self._life.freeze("answer")
        await self._life.pause("answer")
        match reply:
            case Response():
                return httpx.Response(reply.status, content=reply.body, headers={"Content-Type": reply.content_type})
            case Reset():
                raise httpx.ReadError("the connection was reset")
            case _:
                raise AssertionError(reply)
