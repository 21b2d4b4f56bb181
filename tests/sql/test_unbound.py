"""Events that no queue takes: parked by kind, one of each kind tried again, all let go when one is taken."""

import uuid
from datetime import datetime

import pytest

from tests.sql.calls import Calls
from tests.sql.items import MINE, NOW, THEIRS, Rejection, event_of, later

KIND = "unknown.rejected"
OTHER = "transfer.rejected"
EVENTS = [event_of(f"message {number}") for number in range(5)]


def park(calls: Calls, *events: uuid.UUID, now: datetime = NOW) -> None:
    """Written, offered, and taken by no queue."""
    for number, event in enumerate(events):
        calls.announce(event, now=later(number - 100))
    assert calls.take_outbox(now=now, token=MINE) == set(events)
    calls.postpone_outbox(*events, token=MINE, now=now)


def unbound(calls: Calls) -> dict[str, int]:
    rows = calls.dicts("SELECT * FROM ledger.unbound_event")
    return {row["routing_key"]: row["events"] for row in rows}


def test_however_many_are_parked_only_the_oldest_of_a_kind_is_tried_again(calls: Calls) -> None:
    park(calls, *EVENTS)
    assert unbound(calls) == {KIND: 5}
    assert calls.take_outbox(now=later(1), token=THEIRS) == set()
    assert calls.take_outbox(now=later(2), token=THEIRS) == {EVENTS[0]}
    assert calls.take_outbox(now=later(2), token=MINE) == set()
    assert unbound(calls) == {KIND: 4}


def test_each_kind_is_tried_by_itself(calls: Calls) -> None:
    park(calls, *EVENTS[:2])
    other = event_of("of another kind")
    calls.reject(Rejection("ord-1", event_id=other, event_body="{}"))
    assert calls.take_outbox(now=later(90), token=MINE) >= {other}
    calls.postpone_outbox(other, token=MINE, now=later(90))
    assert unbound(calls).keys() == {KIND, OTHER}
    assert calls.take_outbox(now=later(92), token=THEIRS) == {other}


@pytest.mark.parametrize(
    ("waited", "pause"),
    [
        pytest.param(2, 2, id="at first two seconds"),
        pytest.param(20, 20, id="then for as long as it has waited"),
        pytest.param(60, 60, id="a minute"),
        pytest.param(100_000, 60, id="never more than a minute"),
    ],
)
def test_a_kind_is_left_alone_for_as_long_as_it_has_waited(calls: Calls, waited: int, pause: int) -> None:
    park(calls, *EVENTS)
    tried = calls.take_outbox(now=later(waited), token=MINE)
    assert len(tried) == 1
    calls.postpone_outbox(*tried, token=MINE, now=later(waited))
    assert calls.take_outbox(now=later(waited + pause - 1), token=THEIRS) == set()
    assert calls.take_outbox(now=later(waited + pause), token=THEIRS) == tried


def test_when_the_one_that_was_tried_arrives_the_others_follow(calls: Calls) -> None:
    park(calls, *EVENTS)
    tried = calls.take_outbox(now=later(2), token=THEIRS)
    assert calls.mark_outbox(*tried, token=THEIRS, now=later(2)) == 1
    assert calls.take_outbox(now=later(2), token=THEIRS, most=3) == set(EVENTS[1:4])
    assert calls.take_outbox(now=later(2), token=THEIRS, most=3) == {EVENTS[4]}
    assert calls.mark_outbox(*EVENTS[1:], token=THEIRS, now=later(3)) == 4
    assert calls.take_outbox(now=later(4), token=THEIRS) == set()
    assert unbound(calls) == {}


def test_when_a_new_one_of_the_kind_arrives_the_parked_ones_follow_at_once(calls: Calls) -> None:
    park(calls, *EVENTS)
    new = event_of("a new message")
    calls.announce(new, now=later(1))
    assert calls.take_outbox(now=later(1), token=THEIRS) == {new}
    calls.mark_outbox(new, token=THEIRS, now=later(1))
    assert calls.take_outbox(now=later(1), token=THEIRS) == set(EVENTS)


def test_when_another_kind_arrives_they_stay(calls: Calls) -> None:
    park(calls, *EVENTS)
    other = event_of("of another kind")
    calls.reject(Rejection("ord-1", event_id=other, event_body="{}"))
    assert calls.mark_outbox(*calls.take_outbox(now=later(1), lease_until=later(90)), now=later(1)) <= 1
    assert calls.take_outbox(now=later(1), token=THEIRS) <= {other}
    assert unbound(calls) == {KIND: 5}


def test_a_queue_that_is_gone_again_parks_them_again(calls: Calls) -> None:
    park(calls, *EVENTS)
    tried = calls.take_outbox(now=later(2), token=THEIRS)
    calls.mark_outbox(*tried, token=THEIRS, now=later(2))
    rest = calls.take_outbox(now=later(2), token=THEIRS)
    calls.postpone_outbox(*rest, token=THEIRS, now=later(3))
    assert unbound(calls) == {KIND: 4}
    assert calls.take_outbox(now=later(4), token=THEIRS) == set()
    assert len(calls.take_outbox(now=later(5), token=THEIRS)) == 1


def test_one_that_is_asked_for_again_is_tried_again_at_once(calls: Calls) -> None:
    park(calls, *EVENTS)
    calls.replay(EVENTS[3], now=later(1))
    assert calls.take_outbox(now=later(1), token=THEIRS) == {EVENTS[3]}
