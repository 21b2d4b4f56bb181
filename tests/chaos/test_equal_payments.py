"""Equal payments in quick succession: a question about the first must do nothing to the second."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from tests.chaos.payment_scenes import Scene, two_equal
from tests.chaos.play import Play
from tests.chaos.test_kill_payments import Theatre
from worker.database import Database

BOTH_DONE = {"order": {"succeeded"}, "second": {"succeeded"}}


class Question:
    """The second confirmation of the first payment, asked before its answer is there, and in the end long after.

    It stands still twice: when it has not found the first bound, and when it has found the second in doubt.
    """

    def __init__(self, play: Play) -> None:
        self._play = play
        self._first_is_unbound = asyncio.Event()
        self._second_is_sent = asyncio.Event()
        self._second_is_found = asyncio.Event()
        self._second_has_moved_on = asyncio.Event()
        self._asked: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Ask, between the effect of the first request and its answer."""
        self._play.meanwhile |= {"confirmation": self._wait_for_second, "payment_in_doubt": self._stand_still}
        self._asked = asyncio.create_task(self._play.carry_webhooks())
        await self._first_is_unbound.wait()

    async def find_the_second(self) -> None:
        """Go on, now that the second is in doubt."""
        self._second_is_sent.set()
        await self._second_is_found.wait()

    async def end(self) -> None:
        """Go on to the end, now that the second is no longer what it was."""
        assert self._asked is not None
        self._second_has_moved_on.set()
        await self._asked

    async def _wait_for_second(self) -> None:
        self._first_is_unbound.set()
        await self._second_is_sent.wait()

    async def _stand_still(self) -> None:
        self._second_is_found.set()
        await self._second_has_moved_on.wait()


async def _asked_before_the_second_is_bound(play: Play) -> None:
    await two_equal(play)
    question = Question(play)

    async def second() -> None:
        play.before_answers = None
        await question.find_the_second()
        await question.end()

    async def first() -> None:
        play.before_answers = second
        await question.begin()

    play.before_answers = first


async def _answered_after_the_second_is_bound(play: Play) -> None:
    await two_equal(play)
    question = Question(play)

    async def second() -> None:
        play.before_answers = None
        await question.find_the_second()
        play.meanwhile["settle"] = question.end

    async def first() -> None:
        play.before_answers = second
        await question.begin()

    play.before_answers = first


@pytest.mark.parametrize(
    "prepare",
    [_asked_before_the_second_is_bound, _answered_after_the_second_is_bound],
    ids=lambda prepare: prepare.__name__.strip("_").replace("_", " "),
)
async def test_a_question_about_one_of_two_equal_payments_does_nothing_to_the_other(
    prepare: Callable[[Play], Awaitable[None]], database: Database, owner: asyncpg.Connection
) -> None:
    await Theatre(database, owner).play(Scene("equal", prepare, BOTH_DONE))
    told = await owner.fetch("SELECT routing_key FROM ledger.outbox WHERE order_id LIKE 'second%' ORDER BY sequence")
    assert [row["routing_key"] for row in told] == ["payout.processing", "payout.succeeded"]
