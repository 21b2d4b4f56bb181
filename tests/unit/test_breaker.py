"""The breaker: a table of its transitions, and what no sequence of calls may lead to. No clock but the test's."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.clock import SystemClock
from worker.providers.breaker import FAILURES_MAX, PAUSE_FIRST_SECONDS, PAUSE_MAX_SECONDS, STEADY, Breaker
from worker.providers.health import Health

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DOWN = Breaker(state="down", times_down=1, pauses=1, failures=FAILURES_MAX)


def after(breaker: Breaker, calls: str, now: datetime = NOW) -> Breaker:
    """After calls begun just now. Small: reads, capital: what moves money; f without an answer, a with one."""
    for call in calls:
        how = breaker.failed if call in "fF" else breaker.answered
        breaker = how(moves_money=call.isupper(), times_down=breaker.times_down, now=now)
    return breaker


@pytest.mark.parametrize(
    ("calls", "state"),
    [
        ("", "up"),
        ("ffff", "up"),
        ("fffff", "down"),
        ("FFFFF", "down"),
        ("fFfFf", "down"),
        ("ffffaf", "up"),
        ("ffffAf", "up"),
        ("FaFaFaFaF", "down"),  # look-ups are answered, and nothing that moves money is
        ("FaFaFAFaF", "up"),
        ("fAfAfAfAfAf", "up"),
        ("f" * 50, "down"),
    ],
)
def test_it_goes_down_when_nothing_answers_or_nothing_that_moves_money(calls: str, state: str) -> None:
    assert after(Breaker(), calls).state == state


def test_an_answer_to_the_probe_ends_it_and_a_lost_one_does_not() -> None:
    assert after(DOWN.probing(), "a").state == "up"
    failed = after(DOWN.probing(), "f")
    assert (failed.state, failed.pauses) == ("down", 2)


def test_without_an_answer_nothing_that_comes_while_it_is_down_changes_it() -> None:
    assert after(DOWN, "fFfFf") == DOWN


def test_an_answer_that_was_asked_for_since_is_as_good_as_a_probe() -> None:
    assert after(DOWN, "a").state == "up"


@pytest.mark.parametrize("breaker", [DOWN, DOWN.probing(), replace(DOWN, state="up")], ids=lambda it: it.state)
def test_what_was_asked_before_it_went_down_says_nothing_of_now(breaker: Breaker) -> None:
    for how in (breaker.failed, breaker.answered):
        for moves_money in (False, True):
            assert how(moves_money=moves_money, times_down=0, now=NOW) == breaker


def test_after_a_read_was_answered_the_first_payment_decides() -> None:
    back = after(DOWN.probing(), "a")
    assert after(back, "aaaF").state == "down"
    assert after(back, "AFFFF").state == "up"
    assert after(back, "ffff").state == "up"


def outcomes(health: Health, calls: str, order: Iterable[int]) -> int | None:
    """Calls that begin at one moment, and end in this order; how many had ended when it went down."""
    begun = [health.begin(moves_money=call.isupper()) for call in calls]
    for ended, number in enumerate(order, start=1):
        if calls[number] in "fF":
            health.failed(begun[number])
        else:
            health.answered(begun[number])
        if health.state == "down":
            return ended
    return None


def ending(calls: str, first: str) -> list[int]:
    """Those of this kind first, each kind in the order in which it began."""
    return sorted(range(len(calls)), key=lambda number: (calls[number].lower() != first, number))


@pytest.mark.parametrize("first", ["f", "a"])
@pytest.mark.parametrize("calls", ["AAF" * 33, "aaf" * 33, "aAfaaFAAf" * 11], ids=["moves", "reads", "both"])
async def test_in_which_order_they_end_makes_no_row_of_a_third(calls: str, first: str) -> None:
    assert outcomes(Health(SystemClock()), calls, ending(calls, first)) is None


@pytest.mark.parametrize("calls", ["AAF" * 33, "aaf" * 33, "aAfaaFAAf" * 11], ids=["moves", "reads", "both"])
@pytest.mark.parametrize("mixed_by", [-1, 37], ids=["the other way", "mixed"])
async def test_nor_when_those_that_fail_first_end_in_another_order(calls: str, mixed_by: int) -> None:
    order = sorted(
        ending(calls, "f"), key=lambda number: (calls[number].lower() != "f", number * mixed_by % len(calls))
    )
    assert outcomes(Health(SystemClock()), calls, order) is None


@pytest.mark.parametrize("first", ["f", "a"])
async def test_nor_while_money_is_on_trial(first: str) -> None:
    health = Health(SystemClock())
    outcomes(health, "fffff", range(5))
    health.begin_probe()
    health.answered(health.begin(moves_money=False))
    calls = "AAF" * 33
    assert outcomes(health, calls, ending(calls, first)) is None


ORDERS = [range(100), range(99, -1, -1), sorted(range(100), key=lambda number: number * 37 % 100)]


@pytest.mark.parametrize("order", ORDERS, ids=["as they began", "the other way", "mixed"])
@pytest.mark.parametrize("calls", ["F" * 100, "f" * 100], ids=["moves", "reads"])
async def test_when_all_fail_it_goes_down_before_they_have_ended(calls: str, order: Iterable[int]) -> None:
    ended = outcomes(Health(SystemClock()), calls, order)
    assert ended is not None
    assert ended <= 51


async def test_one_after_the_other_five_are_enough() -> None:
    health = Health(SystemClock())
    outcomes(health, "A" * 50, range(50))
    assert outcomes(health, "F" * 50, range(50)) == FAILURES_MAX


def test_those_that_hang_delay_it_by_as_many_failures_as_they_are() -> None:
    breaker = Breaker()
    for count in range(1, 9):
        assert breaker.state == "up"
        breaker = breaker.failed(moves_money=True, times_down=0, now=NOW, older=7, older_moves=7)
        assert (breaker.state == "down") == (count == 8)


def test_reads_that_hang_do_not_speak_for_what_moves_money() -> None:
    breaker = Breaker()
    for _ in range(FAILURES_MAX):
        breaker = breaker.failed(moves_money=True, times_down=0, now=NOW, older=50, older_moves=0)
    assert breaker.state == "down"


def test_pauses_double_up_to_a_minute_within_one_outage() -> None:
    breaker, seconds = after(Breaker(), "fffff"), []
    for _ in range(9):
        seconds.append(breaker.pause_seconds)
        breaker = after(breaker.probing(), "f")
    assert seconds == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.parametrize(("up_for", "pauses"), [(STEADY - timedelta(seconds=1), 4), (STEADY, 1)])
def test_down_again_soon_is_the_same_outage(up_for: timedelta, pauses: int) -> None:
    back = after(replace(DOWN, pauses=3).probing(), "a")
    assert after(back, "fffff", NOW + up_for).pauses == pauses


@dataclass(frozen=True)
class Step:
    kind: str
    moves_money: bool
    age: int  # how many outages ago the call was begun
    seconds: int


STEPS = st.lists(
    st.builds(
        Step,
        kind=st.sampled_from(["failed", "failed", "answered", "pause is over"]),
        moves_money=st.booleans(),
        age=st.integers(0, 2),
        seconds=st.integers(0, 100),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_happens_it_goes_down_only_for_failures_and_comes_back_only_for_an_answer(steps: list[Step]) -> None:
    breaker, now = Breaker(), NOW
    for step in steps:
        before, now = breaker, now + timedelta(seconds=step.seconds)
        if step.kind == "pause is over":
            breaker = breaker.probing() if breaker.state == "down" else breaker
            continue
        begun = breaker.times_down - step.age
        how = breaker.failed if step.kind == "failed" else breaker.answered
        breaker = how(moves_money=step.moves_money, times_down=begun, now=now)
        if step.age:
            assert breaker == before
        if before.state == "up" and breaker.state != "up":
            assert (step.kind, breaker.state) == ("failed", "down")
            most_moves = 1 if before.on_trial else FAILURES_MAX
            assert breaker.failures >= FAILURES_MAX or breaker.failed_moves >= most_moves
        if before.state != "up" and breaker.state == "up":
            assert step.kind == "answered"
        assert (breaker.times_down > before.times_down) == (breaker.state == "down" and before.state != "down")
        assert breaker.state != "up" or max(breaker.failures, breaker.failed_moves) < FAILURES_MAX
        assert PAUSE_FIRST_SECONDS <= breaker.pause_seconds <= PAUSE_MAX_SECONDS
    # And from everywhere it can come back.
    if breaker.state == "down":
        breaker = breaker.probing()
    assert after(breaker, "a", now).state == "up"
