"""Every failure of the wire, before and after the effect: what is said at once, and what a look-up finds."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conformance.ends import Attempt, Ends
from tests.conformance.orders import CONVERT, MOVE, ORDERS, SENDS, Order, count, only, truth
from worker.providers.protocol import Absent, Candidates, Processing, ReadFailed, Succeeded, Unknown
from worker.sandbox.fault_rule import CONDITIONS, Kind

# Not the codes, which have a table of their own, and not what arrives whole.
KINDS = sorted({*Kind} - CONDITIONS - {Kind.CODE, Kind.SLOW})

EACH = pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.name)
OF_EACH_KIND = pytest.mark.parametrize("kind", KINDS)
BEFORE_AND_AFTER = pytest.mark.parametrize("when", ["before", "after"])


@contextmanager
def failing(ends: Ends, order: Order, route: str, kind: str, when: str) -> Iterator[None]:
    """One call of the route fails; a hang is not waited for long."""
    ends.sandbox.add_fault(kind, when=when, route=route, times=1)
    if kind == Kind.HANG:
        with ends.hasty(order.provider):
            yield
    else:
        yield


@EACH
@OF_EACH_KIND
@BEFORE_AND_AFTER
async def test_an_order_without_an_answer_is_in_doubt_until_it_is_looked_up(
    ends: Ends, order: Order, kind: str, when: str
) -> None:
    with failing(ends, order, order.route, kind, when):
        attempt = await ends.attempt(order)
    assert isinstance(attempt.outcome, Unknown)
    assert (attempt.outcome.code, attempt.outcome.provider_code) == ("no_answer", None)
    assert ends.heard().count(order.route) == 1, "sent again by itself"
    assert count(ends.sandbox, order) == (when == "after")
    found = only(await ends.look_up(attempt))
    assert found == truth(ends.sandbox, order)
    assert (found == Absent()) == (when == "before")


@EACH
@OF_EACH_KIND
@BEFORE_AND_AFTER
async def test_a_look_up_without_an_answer_finds_nothing_out(ends: Ends, order: Order, kind: str, when: str) -> None:
    done = await ends.attempt(order)
    with failing(ends, order, order.look_up_route, kind, when):
        found = only(await ends.look_up(done))
    assert isinstance(found, Unknown)
    assert found.code == "look_up_failed"
    assert only(await ends.look_up(done)) == truth(ends.sandbox, order)


@pytest.mark.parametrize("provider", ["ccpayment", "coinqpay"])
@OF_EACH_KIND
async def test_a_read_without_an_answer_has_failed(ends: Ends, provider: str, kind: str) -> None:
    asked = ends.providers[provider]
    ends.sandbox.add_fault(kind)
    with ends.hasty(provider):
        with pytest.raises(ReadFailed):
            await asked.coins()
        with pytest.raises(ReadFailed, match="no usable answer"):
            await asked.check()


@EACH
async def test_a_connection_that_is_cut_while_it_is_kept_alive_does_not_ask_twice(ends: Ends, order: Order) -> None:
    """A signed request is one request: its copy would be taken for a replay."""
    done = await ends.attempt(order)
    await ends.look_up(done)
    asked = ends.heard().count(order.look_up_route)
    ends.sandbox.add_fault("reset", when="before", route=order.look_up_route, times=1)
    assert isinstance(only(await ends.look_up(done)), Unknown)
    assert ends.heard().count(order.look_up_route) == asked + 1


@EACH
async def test_an_answer_that_is_slow_is_the_answer(ends: Ends, order: Order) -> None:
    ends.sandbox.add_fault("slow", when="after", seconds=0.2, route=order.route, times=1)
    attempt = await ends.attempt(order)
    assert attempt.outcome == truth(ends.sandbox, order) != Absent()


@EACH
@pytest.mark.parametrize("kind", [Kind.RESET, Kind.HTTP_500, Kind.NON_JSON])
async def test_what_is_done_late_is_absent_before_and_found_after(ends: Ends, order: Order, kind: str) -> None:
    ends.sandbox.add_fault(kind, when="late", late_seconds=30, route=order.route, times=1)
    attempt = await ends.attempt(order)
    assert isinstance(attempt.outcome, Unknown)
    assert only(await ends.look_up(attempt)) == Absent()
    ends.clock.go_on(31)
    found = only(await ends.look_up(attempt))
    assert found == truth(ends.sandbox, order) != Absent()


@OF_EACH_KIND
async def test_a_swap_whose_record_cannot_be_read_is_under_way_all_the_same(ends: Ends, kind: str) -> None:
    with failing(ends, CONVERT, CONVERT.look_up_route, kind, "before"):
        attempt = await ends.attempt(CONVERT)
    [swap] = ends.sandbox.books.swaps()
    assert attempt.outcome == Processing(swap.record_id)
    assert await ends.look_up(attempt) == truth(ends.sandbox, CONVERT)


@EACH
async def test_what_the_list_does_not_show_yet_is_absent_and_found_afterwards(ends: Ends, order: Order) -> None:
    ends.sandbox.add_fault("lag", seconds=60, route=order.look_up_route)
    attempt = await ends.attempt(order)
    assert isinstance(attempt.outcome, Succeeded if order is MOVE else Processing)
    assert only(await ends.look_up(attempt)) == Absent()
    ends.clock.go_on(61)
    assert only(await ends.look_up(attempt)) == truth(ends.sandbox, order) != Absent()


@pytest.mark.parametrize("order", SENDS, ids=lambda order: order.name)
@pytest.mark.parametrize("oldest_first", [False, True])
async def test_a_list_of_payments_that_is_cut_proves_nothing(ends: Ends, order: Order, oldest_first: bool) -> None:
    ends.ask("coinqpay", "answers", oldestFirst=oldest_first)
    other = next(each for each in SENDS if each is not order)
    attempt = await ends.attempt(order)
    for _ in range(2):
        ends.clock.go_on(10)
        await ends.attempt(other)
    ends.sandbox.add_fault("truncated_list", keep=2, route=order.look_up_route)
    assert await ends.look_up(attempt) == Candidates((), covered=False)


@pytest.mark.parametrize("oldest_first", [False, True])
async def test_a_list_that_reaches_beyond_the_time_of_the_request_proves_that_it_is_not_there(
    ends: Ends, oldest_first: bool
) -> None:
    ends.ask("coinqpay", "answers", oldestFirst=oldest_first)
    order, other = SENDS
    await ends.attempt(other)
    ends.clock.go_on(600)
    ends.sandbox.add_fault("reset", route=order.route, times=1)
    attempt: Attempt = await ends.attempt(order)
    ends.clock.go_on(600)
    await ends.attempt(other)
    assert await ends.look_up(attempt) == Candidates((), covered=True)
