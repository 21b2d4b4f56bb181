"""The pace: evenly spaced turns in order, pauses that a provider asks for, and a clock that is set. No real time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.providers.line import retry_after_seconds
from worker.providers.pace import NAMED_PAUSE_MAX_SECONDS, Pace

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG = timedelta(days=1)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def test_without_a_limit_nobody_waits_and_nothing_is_counted() -> None:
    pace = Pace()
    assert pace.is_free
    assert [pace.take(NOW) for _ in range(1000)] == [seconds(0)] * 1000
    assert pace.turns_within(seconds(5), NOW, 64) == 64


def test_turns_are_given_out_evenly_and_in_order() -> None:
    pace = Pace(4)
    assert not pace.is_free
    assert [pace.take(NOW) for _ in range(4)] == [seconds(0), seconds(0.25), seconds(0.5), seconds(0.75)]
    assert pace.take(NOW + seconds(0.5)) == seconds(0.5)
    assert pace.take(NOW + seconds(60)) == seconds(0)  # what was not used is not saved up
    assert pace.take(NOW + seconds(60)) == seconds(0.25)


@given(st.integers(1, 50), st.lists(st.integers(0, 3000), min_size=1, max_size=80))
def test_in_no_second_are_there_more_than_the_limit(limit: int, gaps_milliseconds: list[int]) -> None:
    pace, now, begun = Pace(limit), NOW, []
    for gap in gaps_milliseconds:
        now += timedelta(milliseconds=gap)
        begun.append(now + pace.take(now))
    assert begun == sorted(begun)
    for at in begun:
        # A microsecond is lost by rounding an interval that is no whole number of them.
        assert sum(at <= other < at + seconds(1) - timedelta(microseconds=limit) for other in begun) <= limit


def test_as_many_are_promised_as_have_their_turn_in_time() -> None:
    pace = Pace(2)
    assert pace.turns_within(seconds(5), NOW, 64) == 11
    assert pace.turns_within(seconds(5), NOW, 3) == 3
    for _ in range(8):
        pace.take(NOW)
    assert pace.turns_within(seconds(5), NOW, 64) == 3
    for _ in range(8):
        pace.take(NOW)
    assert pace.turns_within(seconds(5), NOW, 64) == 0


def test_a_pause_holds_everybody_and_doubles_each_time_in_a_row() -> None:
    pace, now, lengths = Pace(), NOW, []
    for _ in range(8):
        pace.pause(now)
        lengths.append(pace.paused_for(now))
        assert pace.take(now) == lengths[-1]
        assert pace.turns_within(lengths[-1], now, 64) == 0
        now += lengths[-1]
        assert pace.take(now) == seconds(0)
    assert lengths == [seconds(number) for number in (1, 2, 4, 8, 16, 32, 60, 60)]


def test_answers_to_calls_of_one_moment_ask_for_one_pause() -> None:
    pace = Pace()
    for _ in range(100):
        pace.pause(NOW)
    assert pace.paused_for(NOW) == seconds(1)


def test_an_answer_without_such_a_wish_begins_anew_but_not_one_of_before() -> None:
    pace = Pace()
    pace.pause(NOW)
    pace.welcome(NOW)  # it was on its way
    pace.pause(NOW + seconds(1))
    assert pace.paused_for(NOW + seconds(1)) == seconds(2)
    pace.welcome(NOW + seconds(3))
    pace.pause(NOW + seconds(4))
    assert pace.paused_for(NOW + seconds(4)) == seconds(1)
    assert pace.was_paused


@pytest.mark.parametrize(
    ("named", "length"), [(30, 30), (0, 1), (10**9, NAMED_PAUSE_MAX_SECONDS)], ids=["as it says", "least", "most"]
)
def test_a_pause_is_as_long_as_the_provider_says_within_reason(named: int, length: int) -> None:
    pace = Pace()
    pace.pause(NOW, named)
    assert pace.paused_for(NOW) == seconds(length)


def test_a_named_pause_prolongs_one_and_never_shortens_it() -> None:
    pace = Pace()
    for named, length in ((5, 5), (30, 30), (2, 30)):
        pace.pause(NOW, named)
        assert pace.paused_for(NOW) == seconds(length)


def test_after_a_pause_turns_are_spaced_again() -> None:
    pace = Pace(2)
    pace.pause(NOW)
    assert [pace.take(NOW) for _ in range(3)] == [seconds(1), seconds(1.5), seconds(2)]


def test_a_clock_that_is_set_back_makes_nobody_wait_for_the_difference() -> None:
    pace = Pace(1)
    for _ in range(3):
        pace.take(NOW)
    pace.pause(NOW, 10)
    assert pace.take(NOW - LONG) == seconds(10)
    assert pace.paused_for(NOW - LONG + seconds(10)) == seconds(0)
    assert Pace(1).take(NOW + LONG) == seconds(0)


@pytest.mark.parametrize(
    ("header", "meant"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("9" * 40, None),
        ("Thu, 01 Jan 2026 00:00:30", None),
        ("Thu, 99 Jan 2026 00:00:30 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(header: str | None, meant: int | None) -> None:
    assert retry_after_seconds(header, NOW) == meant
