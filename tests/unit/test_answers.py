"""What the broker is told of deliveries: each gets one answer, and an ack of several never covers one in hand."""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiormq import spec
from aiormq.abc import DeliveredMessage
from hypothesis import given
from hypothesis import strategies as st
from pamqp.header import ContentHeader

from worker.broker.answers import Answers
from worker.broker.delivery import BrokerDelivery


class Channel:
    """The broker's side of a channel: it has delivered some tags, and takes one answer for each."""

    def __init__(self, delivered: int) -> None:
        self.unanswered = set(range(1, delivered + 1))
        self.frames = 0
        self.rejects = True

    async def basic_ack(self, tag: int, multiple: bool = False, wait: bool = True) -> None:
        await asyncio.sleep(0)
        self._take({each for each in self.unanswered if each <= tag} if multiple else {tag}, tag)

    async def basic_reject(self, tag: int, *, requeue: bool) -> None:
        assert requeue
        await asyncio.sleep(0)
        if not self.rejects:
            raise TimeoutError
        self._take({tag}, tag)

    def _take(self, tags: set[int], named: int) -> None:
        assert named in self.unanswered, "RabbitMQ closes the channel over a tag that it does not know"
        self.unanswered -= tags
        self.frames += 1


def answers_on(channel: Channel) -> Answers:
    fake: Any = channel
    return Answers(fake)


async def ack_all(answers: Answers, tags: Iterable[int]) -> None:
    await asyncio.gather(*(answers.ack(tag) for tag in tags))


async def test_acks_of_one_moment_go_in_one_frame() -> None:
    channel = Channel(delivered=100)
    await ack_all(answers_on(channel), range(100, 0, -1))
    assert (channel.unanswered, channel.frames) == (set(), 1)


async def test_what_is_in_hand_is_not_acked_with_what_comes_after_it() -> None:
    channel = Channel(delivered=4)
    answers = answers_on(channel)
    await ack_all(answers, (1, 3, 4))
    assert channel.unanswered == {2}
    await answers.ack(2)
    assert channel.unanswered == set()


async def test_what_was_given_back_is_answered() -> None:
    channel = Channel(delivered=3)
    answers = answers_on(channel)
    await answers.give_back(1)
    await ack_all(answers, (2, 3))
    assert (channel.unanswered, channel.frames) == (set(), 2)


async def test_what_could_not_be_given_back_is_not_acked_with_what_comes_after_it() -> None:
    channel = Channel(delivered=3)
    answers = answers_on(channel)
    channel.rejects = False
    await answers.give_back(1)
    await ack_all(answers, (2, 3))
    assert channel.unanswered == {1}


async def test_what_another_took_from_the_channel_is_never_acked_for_it() -> None:
    channel = Channel(delivered=5)
    await ack_all(answers_on(channel), (3, 4, 5))
    assert channel.unanswered == {1, 2}


@given(
    st.permutations(range(1, 9)),
    st.lists(st.booleans(), min_size=8, max_size=8),
    st.lists(st.integers(0, 3), min_size=8, max_size=8),
)
def test_in_any_order_and_at_any_moment_each_has_one_answer_and_none_another_one(
    order: list[int], given_back: list[bool], moments: list[int]
) -> None:
    async def play() -> None:
        channel = Channel(delivered=9)  # the last stays in hand
        answers = answers_on(channel)

        async def answer(tag: int) -> None:
            await (answers.give_back(tag) if given_back[tag - 1] else answers.ack(tag))
            assert tag not in channel.unanswered

        answering = []
        for tag, moment in zip(order, moments, strict=True):
            for _ in range(moment):
                await asyncio.sleep(0)
                waiting = {each for each in order if each not in order[: len(answering)]}
                assert waiting <= channel.unanswered
            answering.append(asyncio.create_task(answer(tag)))
        await asyncio.gather(*answering)
        assert channel.unanswered == {9}

    asyncio.run(play())


async def test_a_delivery_has_the_first_answer_it_gets() -> None:
    channel = Channel(delivered=2)
    answers = answers_on(channel)
    acked, given_back = (
        BrokerDelivery(
            DeliveredMessage(spec.Basic.Deliver(delivery_tag=tag), ContentHeader(), b"{}", channel),  # type: ignore[arg-type]
            "ccpayment",
            answers,
        )
        for tag in (1, 2)
    )
    await acked.ack()
    await acked.requeue()
    await given_back.requeue()
    await given_back.ack()
    assert (channel.unanswered, channel.frames) == (set(), 2)


async def test_a_caller_who_is_cancelled_does_not_take_the_others_acks_along() -> None:
    channel = Channel(delivered=2)
    answers = answers_on(channel)
    first, second = asyncio.create_task(answers.ack(1)), asyncio.create_task(answers.ack(2))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert channel.unanswered == set()
