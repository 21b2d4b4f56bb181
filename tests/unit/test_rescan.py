"""Rescan: how long after a run that did not come about the next one follows."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.steps.rescan import AGAIN_SECONDS, INTERVAL_SECONDS_MAX, again_after

WEEK_SECONDS = 604_800.0


def runs(first_seconds: float, until_seconds: float = WEEK_SECONDS) -> list[float]:
    """At what ages a rescan is run that is refused each time."""
    ages = [0.0]
    while ages[-1] < until_seconds:
        ages.append(ages[-1] + again_after(timedelta(seconds=ages[-1]), first_seconds).total_seconds())
    return ages[:-1]


def as_scheduled(first_seconds: float, until_seconds: float = WEEK_SECONDS) -> list[float]:
    """At what ages it is run when the provider takes every request."""
    ages, interval_seconds = [0.0], first_seconds
    while ages[-1] < until_seconds:
        ages.append(ages[-1] + min(interval_seconds, INTERVAL_SECONDS_MAX))
        interval_seconds *= 2
    return ages[:-1]


def test_what_is_refused_all_week_is_asked_less_and_less_often() -> None:
    ages = runs(60)
    assert len(ages) < 1.2 * len(as_scheduled(60))
    waits = [after - before for before, after in itertools.pairwise(ages)]
    assert waits[0] == AGAIN_SECONDS
    assert max(waits) == INTERVAL_SECONDS_MAX
    assert waits[-100:] == pytest.approx([INTERVAL_SECONDS_MAX] * 100)


@given(st.floats(0.01, 10_000), st.floats(0, WEEK_SECONDS))
def test_the_next_run_is_never_later_than_had_the_provider_taken_every_request(first: float, age: float) -> None:
    wait_seconds = again_after(timedelta(seconds=age), first).total_seconds()
    next_age = next(at for at in as_scheduled(first, 2 * WEEK_SECONDS) if at > age + 1.00001)
    assert 0.99 < wait_seconds <= INTERVAL_SECONDS_MAX
    assert age + wait_seconds <= next_age + 0.00001
