"""The line to a provider: what counts as being there, what is withheld while it is not, and how fast it is asked."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from worker.order import SEND_WITHIN
from worker.providers.breaker import FAILURES_MAX
from worker.providers.health import Health
from worker.providers.line import Line, probing
from worker.providers.pace import Pace
from worker.providers.protocol import (
    Collect,
    Deferred,
    Finding,
    Instruction,
    Move,
    Provider,
    ReadFailed,
    Trail,
    Unknown,
)
from worker.providers.registry import open_ccpayment, open_coinqpay
from worker.settings import Settings, read_settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Clock:
    """Time passes only for whoever sleeps."""

    time: datetime = NOW
    slept: list[float] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.meanwhile()
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)


SETTINGS = read_settings(
    {
        "LEDGER_CCPAYMENT_APP_ID": "merchant-0001",
        "LEDGER_CCPAYMENT_APP_SECRET": "canary-secret",
        "LEDGER_COINQPAY_PRIVATE_KEY": "c0ffee4711" * 6 + "c0de",
    }
)
ORDERS: dict[str, Instruction] = {
    "ccpayment": Move("ord-1", "alice1", "bob123", 1280, "0.5", None),
    "coinqpay": Collect("ord-1", "TRON_USDT", "5"),
}
OPENERS: dict[str, Callable[[Settings, Clock, httpx.AsyncBaseTransport, Line], Provider]] = {
    "ccpayment": open_ccpayment,
    "coinqpay": open_coinqpay,
}
# What each says to something that it does not want to do.
REFUSALS: dict[str, dict[str, object]] = {
    "ccpayment": {"code": 14000, "msg": "no"},
    "coinqpay": {"success": False, "error_code": 12007, "error_message": "no"},
}


@dataclass
class End:
    """A provider that answers as it is told, and the line to it."""

    name: str
    requests_per_second: float | None = None
    answer: Callable[[], httpx.Response] = lambda: httpx.Response(500)
    requests: list[httpx.Request] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.health = Health(self.clock)
        self.line = Line(self.clock, Pace(self.requests_per_second), self.health)
        self.provider = self.over(self.line)

    def over(self, line: Line) -> Provider:
        transport = httpx.MockTransport(self._respond)
        return OPENERS[self.name](SETTINGS, self.clock, transport, line)

    def says(self, status: int, **options: Any) -> None:
        self.answer = lambda: httpx.Response(status, **options)

    def fails(self, error: Exception) -> None:
        def answer() -> httpx.Response:
            raise error

        self.answer = answer

    async def move(self) -> object:
        order, at = ORDERS[self.name], self.clock.now()
        return await self.provider.execute(order, self.provider.prepare(order, at), at + SEND_WITHIN)

    async def look_up(self) -> Finding | object:
        return await self.provider.look_up(ORDERS[self.name], Trail(None, NOW))

    async def go_down(self) -> None:
        self.says(502)
        for _ in range(FAILURES_MAX):
            await self.look_up()
        assert self.health.state == "down"
        self.requests.clear()

    def _respond(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer()


@pytest.fixture(params=ORDERS)
def end(request: pytest.FixtureRequest) -> End:
    return End(request.param)


FAILURES: dict[str, Callable[[End], None]] = {
    "a reset": lambda end: end.fails(httpx.ReadError("reset")),
    "a time-out": lambda end: end.fails(TimeoutError()),
    "no connection": lambda end: end.fails(httpx.ConnectError("refused")),
    "a page": lambda end: end.says(200, content=b"<html>"),
    "not found": lambda end: end.says(404, content=b"404 page not found"),
    "nothing": lambda end: end.says(200),
    "500": lambda end: end.says(500, content=b"<html>"),
    "502": lambda end: end.says(502),
    "500 with a code": lambda end: end.says(500, json=REFUSALS[end.name]),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
async def test_a_provider_that_gives_no_usable_answer_is_down_after_a_few(
    end: End, failure: Callable[[End], None]
) -> None:
    failure(end)
    for _ in range(FAILURES_MAX - 1):
        await end.look_up()
    assert end.health.state == "up"
    await end.move()
    assert (end.health.state, end.health.down.is_set(), end.health.up.is_set()) == ("down", True, False)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 429])
async def test_a_refusal_is_an_answer(end: End, status: int) -> None:
    end.says(status, json=REFUSALS[end.name])
    for _ in range(FAILURES_MAX * 2):
        await end.move()
        await end.look_up()
    assert end.health.state == "up"


async def test_too_many_requests_without_more_words_is_an_answer_too(end: End) -> None:
    end.says(429, content=b"<html>")
    for _ in range(FAILURES_MAX * 2):
        await end.look_up()
    assert end.health.state == "up"


async def test_while_it_is_down_nothing_is_sent_and_nothing_else_is_said_of_an_order(end: End) -> None:
    await end.go_down()
    assert isinstance(await end.move(), Deferred)  # not sent: nothing has happened, and it may be tried later
    found = await end.look_up()
    assert isinstance(found, Unknown)
    assert (found.code, end.requests) == ("look_up_failed", [])
    with pytest.raises(ReadFailed, match="down"):
        await end.provider.check()


async def test_the_probe_alone_gets_through_and_any_answer_to_it_ends_the_outage(end: End) -> None:
    await end.go_down()
    end.health.begin_probe()
    assert isinstance(await end.look_up(), Unknown)
    assert end.requests == []
    end.says(403, json=REFUSALS[end.name])
    with probing(), pytest.raises(ReadFailed):
        await end.provider.check()
    assert (end.health.state, len(end.requests)) == ("up", 1)
    await end.look_up()
    assert len(end.requests) == 2


async def test_a_probe_that_fails_leaves_it_down_for_longer(end: End) -> None:
    await end.go_down()
    before = end.health.pause_seconds
    end.health.begin_probe()
    with probing(), pytest.raises(ReadFailed):
        await end.provider.check()
    assert (end.health.state, end.health.pause_seconds) == ("down", before * 2)


async def test_a_probe_that_did_not_get_to_ask_leaves_it_down(end: End) -> None:
    await end.go_down()
    end.health.begin_probe()
    end.health.end_probe()
    assert end.health.state == "down"


async def test_what_is_urgent_is_never_withheld_and_never_waits_but_is_counted() -> None:
    end = End("coinqpay", requests_per_second=1)
    end.provider = end.over(replace(end.line, is_urgent=True))
    await end.go_down()
    for _ in range(3):
        await end.look_up()
    assert (len(end.requests), end.clock.slept) == (3, [])
    assert end.line.turns_within(timedelta(seconds=FAILURES_MAX), 10) == 0
    end.says(200, json=REFUSALS["coinqpay"])
    await end.look_up()
    assert end.health.state == "up"


async def test_an_answer_to_a_question_of_before_does_not_end_the_outage(end: End) -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def late(request: httpx.Request) -> httpx.Response:
        asked.set()
        await may_answer.wait()
        return httpx.Response(200, json=REFUSALS[end.name])

    transport = httpx.MockTransport(late)
    slow = OPENERS[end.name](SETTINGS, end.clock, transport, end.line)
    question = asyncio.create_task(slow.look_up(ORDERS[end.name], Trail(None, NOW)))
    await asked.wait()
    await end.go_down()
    may_answer.set()
    await question
    assert end.health.state == "down"


# ---------------------------------------------------------------- how fast


async def test_without_a_limit_nobody_waits(end: End) -> None:
    end.says(200, json=REFUSALS[end.name])
    for _ in range(20):
        await end.look_up()
    assert end.clock.slept == []


@pytest.mark.parametrize("name", ORDERS)
async def test_reads_wait_for_their_turn_and_are_signed_after_it(name: str) -> None:
    end = End(name, requests_per_second=0.05)
    end.says(200, json=REFUSALS[name])
    for _ in range(3):
        await end.look_up()
    assert end.clock.slept == [20, 20]
    header = {"ccpayment": "Timestamp", "coinqpay": "Biz-Api-Nonce"}[name]
    signed = [int(request.headers[header]) for request in end.requests]
    unit = {"ccpayment": 1, "coinqpay": 1000}[name]
    assert [at - NOW.timestamp() * unit for at in signed] == [0, 20 * unit, 40 * unit]


async def test_what_was_signed_and_written_down_is_sent_without_a_turn() -> None:
    end = End("ccpayment", requests_per_second=0.01)
    for _ in range(3):
        await end.move()
    assert (len(end.requests), end.clock.slept) == (3, [])


@pytest.mark.parametrize(
    ("name", "status", "content", "headers", "seconds"),
    [
        ("ccpayment", 429, b"", {}, 1),
        ("coinqpay", 429, b"", {}, 1),
        ("coinqpay", 429, b"", {"Retry-After": "17"}, 17),
        ("coinqpay", 429, b"", {"Retry-After": "Thu, 01 Jan 2026 00:00:30 GMT"}, 30),
        ("ccpayment", 503, b"", {"Retry-After": "5"}, 5),
        ("ccpayment", 200, b'{"code": 11004, "msg": "RateLimit"}', {}, 1),
        ("ccpayment", 200, b'{"code": 11009, "msg": "ReqDailyLimit"}', {}, 1),
        ("ccpayment", 200, b'{"code": 11018, "msg": "FrequentOperation"}', {}, 0),
        ("ccpayment", 503, b"", {}, 0),
        ("coinqpay", 200, b"", {"Retry-After": "5"}, 0),
    ],
)
async def test_a_provider_that_asks_for_a_pause_gets_it_from_everybody(
    name: str, status: int, content: bytes, headers: dict[str, str], seconds: int
) -> None:
    end = End(name)
    end.says(status, content=content, headers=headers)
    await end.move()
    assert end.line.turns_within(timedelta(seconds=seconds), 64) == (0 if seconds else 64)
    await end.line.turn()
    await end.look_up()
    if seconds:
        assert seconds <= end.clock.slept[0] <= seconds * 1.25  # not everybody at one moment
        assert end.clock.slept[0] == sum(end.clock.slept)
    else:
        assert end.clock.slept == []


async def test_a_pause_that_begins_while_somebody_waits_is_for_him_too() -> None:
    end = End("ccpayment", requests_per_second=1)
    await end.line.turn()

    def ask_for_a_pause() -> None:
        end.clock.meanwhile = lambda: None
        end.line.slow_down("10")

    end.clock.meanwhile = ask_for_a_pause
    await end.line.turn()
    first, *more = end.clock.slept
    assert (first, len(more)) == (1, 1)
    assert 9 <= more[0] <= 9 * 1.25 + 0.001


async def test_nobody_waits_for_a_turn_at_a_provider_that_is_down() -> None:
    end = End("ccpayment", requests_per_second=0.01)
    end.health._become(replace(end.health._breaker, state="down", times_down=1))
    for _ in range(3):
        await end.line.turn()
    assert end.clock.slept == []
