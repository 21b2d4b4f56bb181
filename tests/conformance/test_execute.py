"""Every instruction that a provider executes: its success, a repetition, a refusal, and what is never sent."""

from datetime import timedelta
from decimal import Decimal
from typing import get_args

import pytest

from tests.conformance.clock import NOW, Clock
from tests.conformance.ends import SETTINGS, Ends
from tests.conformance.orders import (
    COLLECT,
    CONVERT,
    MOVE,
    ORDERS,
    PAYOUT,
    SENDS,
    WITHDRAW,
    Order,
    count,
    only,
    truth,
)
from tests.conformance.port import base_urls, deaf_url
from worker.providers import registry
from worker.providers.protocol import (
    Absent,
    Deferred,
    Instruction,
    Succeeded,
    Unknown,
)
from worker.settings import read_settings

EACH = pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.name)


async def test_the_table_has_every_instruction_that_a_provider_executes(ends: Ends) -> None:
    samples = {type(order.instruction): order.instruction for order in ORDERS}
    assert samples.keys() == set(get_args(Instruction))
    assert {order.provider for order in ORDERS} == ends.providers.keys() == registry._OPENERS.keys()
    executed = set()
    for name, provider in ends.providers.items():
        for instruction in [order.instruction for order in ORDERS]:
            try:
                provider.prepare(instruction, NOW)
            except TypeError:
                continue
            executed.add((name, instruction))
    assert executed == {(order.provider, order.instruction) for order in ORDERS}


@EACH
async def test_an_order_is_executed_once_and_reported_as_the_books_have_it(ends: Ends, order: Order) -> None:
    attempt = await ends.attempt(order)
    assert attempt.outcome == truth(ends.sandbox, order) != Absent()
    assert only(await ends.look_up(attempt)) == attempt.outcome
    assert count(ends.sandbox, order) == 1
    assert ends.heard().count(order.route) == 1


@EACH
async def test_what_was_not_sent_is_absent(ends: Ends, order: Order) -> None:
    prepared = ends.providers[order.provider].prepare(order.instruction, ends.clock.now())
    attempt = await ends.send(order, prepared, seconds_left=-1)
    assert isinstance(attempt.outcome, Deferred)
    assert attempt.outcome.code == "not_sent"
    assert ends.heard() == []
    assert only(await ends.look_up(attempt)) == Absent()


@EACH
async def test_with_nobody_at_the_other_end_it_is_put_off(order: Order) -> None:
    clock = Clock()
    settings = read_settings({**SETTINGS, **base_urls(deaf_url())})
    async with registry.open_providers(settings, clock) as providers:
        provider = providers[order.provider]
        prepared = provider.prepare(order.instruction, clock.now())
        outcome = await provider.execute(order.instruction, prepared, clock.at + timedelta(seconds=60))
        assert isinstance(outcome, Deferred)
        assert outcome.code == "provider_unreachable"


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (MOVE, "order_duplicate"),
        (CONVERT, "order_duplicate"),
        (PAYOUT, "replay_detected"),
        (WITHDRAW, "replay_detected"),
        (COLLECT, "replay_detected"),
    ],
    ids=lambda value: value.name if isinstance(value, Order) else value,
)
async def test_the_same_bytes_twice_are_done_once_and_the_second_time_promises_nothing(
    ends: Ends, order: Order, code: str
) -> None:
    first = await ends.attempt(order)
    second = await ends.send(order, first.prepared)
    assert isinstance(second.outcome, Unknown)
    assert second.outcome.code == code
    assert only(await ends.look_up(second)) == truth(ends.sandbox, order)
    assert count(ends.sandbox, order) == 1


@pytest.mark.parametrize("order", [MOVE, CONVERT, COLLECT], ids=lambda order: order.name)
async def test_signed_anew_an_order_with_an_id_is_still_done_once(ends: Ends, order: Order) -> None:
    first = await ends.attempt(order)
    second = await ends.attempt(order)
    assert isinstance(second.outcome, Unknown)
    assert second.outcome.code == "order_duplicate"
    assert only(await ends.look_up(second)) == first.outcome
    assert count(ends.sandbox, order) == 1


@pytest.mark.parametrize("order", SENDS, ids=lambda order: order.name)
async def test_signed_anew_a_payment_without_an_id_is_a_second_payment(ends: Ends, order: Order) -> None:
    await ends.attempt(order)
    await ends.attempt(order)
    assert count(ends.sandbox, order) == 2


async def test_every_success_moves_exactly_what_was_asked_for(ends: Ends) -> None:
    for order in (MOVE, PAYOUT, WITHDRAW):
        await ends.attempt(order)
    books = ends.sandbox.books
    assert (books.balance("alice1", 1280), books.balance("bob123", 1280)) == (Decimal("998.5"), Decimal("1.5"))
    assert ends.sandbox.coinqpay_books.balance("TRON_USDT") == Decimal("987.75")
    assert isinstance(truth(ends.sandbox, MOVE), Succeeded)
