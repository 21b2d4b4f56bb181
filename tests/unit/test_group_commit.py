"""Group commit: what comes while a batch is in flight goes together, and each caller gets its own answer."""

import asyncio
from collections.abc import Sequence
from itertools import chain

import pytest

from worker.group_commit import BATCH_ITEMS_MAX, ENOUGH_ITEMS, QUIET_ROUNDS, ROUNDS_MAX, GroupCommit


class Bank:
    """A function that answers a batch when it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.asked = asyncio.Event()
        self._gates: list[asyncio.Future[None]] = []
        self.poison: set[int] = set()

    async def commit(self, items: Sequence[int]) -> list[str]:
        self.batches.append(list(items))
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gates.append(gate)
        self.asked.set()
        await gate
        if self.poison & set(items):
            raise ValueError(f"poison in {items}")
        return [f"answer {item}" for item in items]

    async def answer(self, error: BaseException | None = None) -> None:
        """Let the batch in flight be answered, once there is one."""
        while not self._gates:
            self.asked.clear()
            await self.asked.wait()
        gate = self._gates.pop(0)
        if error is None:
            gate.set_result(None)
        else:
            gate.set_exception(error)

    async def answer_all(self) -> None:
        while True:
            await self.answer()


async def ready(*tasks: asyncio.Task[str]) -> None:
    """Let tasks that were just made run up to where they wait, and their batch leave."""
    for _ in range(len(tasks) + 2 + QUIET_ROUNDS):
        await asyncio.sleep(0)


async def test_one_call_alone_goes_at_once() -> None:
    bank = Bank()
    call = GroupCommit(bank.commit)
    task = asyncio.create_task(call(1))
    await bank.answer()
    assert await task == "answer 1"
    assert bank.batches == [[1]]


async def test_what_comes_while_a_batch_is_in_flight_goes_together_in_order() -> None:
    bank = Bank()
    call = GroupCommit(bank.commit)
    first = asyncio.create_task(call(0))
    await ready(first)
    assert bank.batches == [[0]]
    others = [asyncio.create_task(call(number)) for number in range(1, 6)]
    await ready(*others)
    assert bank.batches == [[0]], "they wait for the one in flight"
    await bank.answer()
    await bank.answer()
    assert await asyncio.gather(first, *others) == [f"answer {number}" for number in range(6)]
    assert bank.batches == [[0], [1, 2, 3, 4, 5]]


async def one_each_round(call: GroupCommit[int, str], count: int) -> "list[asyncio.Task[str]]":
    """Calls of which each comes when the event loop has gone round once more."""
    tasks = []
    for number in range(count):
        tasks.append(asyncio.create_task(call(number)))
        await asyncio.sleep(0)
    return tasks


async def test_what_comes_round_by_round_joins_the_batch() -> None:
    bank = Bank()
    call = GroupCommit(bank.commit)
    tasks = await one_each_round(call, ROUNDS_MAX)
    assert bank.batches == [], "it has not left yet"
    await bank.answer()
    assert await asyncio.gather(*tasks) == [f"answer {number}" for number in range(ROUNDS_MAX)]
    assert bank.batches == [list(range(ROUNDS_MAX))]


async def test_a_batch_leaves_when_nothing_came_for_some_rounds() -> None:
    bank = Bank()
    call = GroupCommit(bank.commit)
    task = asyncio.create_task(call(1))
    for _ in range(QUIET_ROUNDS + 2):  # one in which it is called, one in which its batch begins
        assert bank.batches == []
        await asyncio.sleep(0)
    assert bank.batches == [[1]]
    await bank.answer()
    await task


async def test_a_stream_that_never_ends_keeps_nobody_waiting_for_long() -> None:
    bank = Bank()
    call = GroupCommit(bank.commit)
    tasks = await one_each_round(call, ROUNDS_MAX + 2)  # one in which it is called, one in which its batch begins
    assert bank.batches == [list(range(ROUNDS_MAX + 1))]
    await bank.answer()
    await bank.answer()
    await asyncio.gather(*tasks)


async def test_enough_leave_at_once() -> None:
    bank = Bank()
    call = GroupCommit(bank.commit)
    tasks = [asyncio.create_task(call(number)) for number in range(ENOUGH_ITEMS)]
    for _ in range(2):  # one in which they are called, one in which their batch begins
        assert bank.batches == []
        await asyncio.sleep(0)
    assert bank.batches == [list(range(ENOUGH_ITEMS))]
    await bank.answer()
    await asyncio.gather(*tasks)


async def test_a_batch_has_an_end() -> None:
    bank = Bank()
    call = GroupCommit(bank.commit)
    tasks = [asyncio.create_task(call(number)) for number in range(2 * BATCH_ITEMS_MAX + 1)]
    answering = asyncio.create_task(bank.answer_all())
    assert await asyncio.gather(*tasks) == [f"answer {number}" for number in range(2 * BATCH_ITEMS_MAX + 1)]
    answering.cancel()
    assert max(map(len, bank.batches)) == BATCH_ITEMS_MAX
    assert list(chain(*bank.batches)) == list(range(2 * BATCH_ITEMS_MAX + 1))


async def test_it_goes_on_after_a_pause() -> None:
    bank = Bank()
    call = GroupCommit(bank.commit)
    for number in range(3):
        task = asyncio.create_task(call(number))
        await bank.answer()
        assert await task == f"answer {number}"
    assert bank.batches == [[0], [1], [2]]


async def test_one_poisonous_item_fails_alone() -> None:
    bank = Bank()
    bank.poison = {2}
    call = GroupCommit(bank.commit)
    tasks = [asyncio.create_task(call(number)) for number in range(4)]
    answering = asyncio.create_task(bank.answer_all())
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    answering.cancel()
    assert [answers[number] for number in (0, 1, 3)] == ["answer 0", "answer 1", "answer 3"]
    assert isinstance(answers[2], ValueError)
    assert str(answers[2]) == "poison in [2]"


async def test_a_failure_does_not_stop_what_comes_after_it() -> None:
    bank = Bank()
    bank.poison = {1}
    call = GroupCommit(bank.commit)
    failing = asyncio.create_task(call(1))
    await ready(failing)
    waiting = asyncio.create_task(call(2))
    await bank.answer()
    with pytest.raises(ValueError, match="poison"):
        await failing
    await bank.answer()
    assert await waiting == "answer 2"


async def test_a_caller_that_is_cancelled_leaves_the_others_and_its_item_is_still_committed() -> None:
    bank = Bank()
    call = GroupCommit(bank.commit)
    tasks = [asyncio.create_task(call(number)) for number in range(3)]
    await ready(*tasks)
    tasks[0].cancel()
    tasks[1].cancel()
    await bank.answer()
    assert await tasks[2] == "answer 2"
    assert bank.batches == [[0, 1, 2]], "cancelling a COMMIT would leave its result unknown"
    assert tasks[0].cancelled()
    assert tasks[1].cancelled()


async def test_a_cancelled_caller_whose_item_is_poison_disturbs_nobody() -> None:
    bank = Bank()
    bank.poison = {0}
    call = GroupCommit(bank.commit)
    tasks = [asyncio.create_task(call(number)) for number in range(2)]
    await ready(*tasks)
    tasks[0].cancel()
    answering = asyncio.create_task(bank.answer_all())
    assert await tasks[1] == "answer 1"
    answering.cancel()


async def test_nobody_waits_for_a_batch_that_will_never_be_answered() -> None:
    # A cancellation from below: nobody cancelled a caller, and no answer will come.
    bank = Bank()
    call = GroupCommit(bank.commit)
    in_flight = asyncio.create_task(call(0))
    await ready(in_flight)
    waiting = asyncio.create_task(call(1))
    await ready(waiting)
    await bank.answer(asyncio.CancelledError())
    async with asyncio.timeout(5):
        answers = await asyncio.gather(in_flight, waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [asyncio.CancelledError] * 2
    task = asyncio.create_task(call(2))
    await bank.answer()
    assert await task == "answer 2"
    assert bank.batches == [[0], [2]], "what was given up is not committed behind its caller's back"
