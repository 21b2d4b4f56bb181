"""The outbox: announce, replay, take under a lease, mark what is still under it."""

import uuid

import psycopg
import pytest

from tests.sql.calls import Calls
from tests.sql.items import LEASE, MINE, NOW, THEIRS, Rejection, event_of, later

EVENT = event_of("some message")


def published(calls: Calls, event_id: uuid.UUID) -> bool:
    row = calls.connection.execute(
        "SELECT published_at FROM ledger.outbox WHERE event_id = %s", (event_id,)
    ).fetchone()
    assert row is not None
    return row[0] is not None


@pytest.fixture
def event(calls: Calls) -> uuid.UUID:
    """An event that nobody is publishing."""
    calls.announce(EVENT)
    return EVENT


def test_an_announced_event_may_be_taken_at_once(calls: Calls) -> None:
    calls.announce(EVENT, body='{"x": 1}')
    rows = calls.connection.execute(
        "SELECT event_id, order_id, sequence, terminal, routing_key, body, correlation_id, published_at"
        " FROM ledger.outbox"
    ).fetchall()
    assert rows == [(EVENT, None, 0, False, "unknown.rejected", '{"x": 1}', "c", None)]
    assert calls.take_outbox() == {EVENT}
    assert calls.violations() == set()


def test_taking_gives_what_is_published(calls: Calls) -> None:
    calls.reject(Rejection("ord-1", event_id=EVENT, event_body="{}", traceparent="trace", app_id="shop"))
    rows = calls.connection.execute(
        "SELECT * FROM ledger.take_outbox(%s, %s, %s, 5)", (NOW + LEASE, THEIRS, later(90))
    ).fetchall()
    assert rows == [(EVENT, "transfer.rejected", "{}", "correlation", "trace", "shop")]


def test_what_one_has_taken_another_does_not_get(calls: Calls, event: uuid.UUID) -> None:
    assert calls.take_outbox(token=MINE, lease_until=later(30)) == {event}
    assert calls.take_outbox(now=later(29), token=THEIRS) == set()
    assert calls.take_outbox(now=later(30), token=THEIRS, lease_until=later(60)) == {event}


def test_what_is_marked_is_published_and_not_taken_again(calls: Calls, event: uuid.UUID) -> None:
    calls.take_outbox()
    assert calls.mark_outbox(event, now=later(1)) == 1
    assert published(calls, event)
    assert calls.take_outbox(now=later(10**6)) == set()


def test_only_what_is_still_under_the_lease_is_marked(calls: Calls, event: uuid.UUID) -> None:
    calls.take_outbox(token=MINE, lease_until=later(30))
    calls.take_outbox(now=later(30), token=THEIRS, lease_until=later(60))
    assert calls.mark_outbox(event, token=MINE) == 0
    assert not published(calls, event)
    assert calls.mark_outbox(event, token=THEIRS) == 1


def test_an_event_that_nobody_took_is_not_marked(calls: Calls, event: uuid.UUID) -> None:
    assert calls.mark_outbox(event) == 0
    assert not published(calls, event)


def test_an_event_id_that_does_not_exist_is_not_counted(calls: Calls, event: uuid.UUID) -> None:
    calls.take_outbox()
    assert calls.mark_outbox(event, uuid.uuid4()) == 1
    assert calls.mark_outbox() == 0


def test_a_replayed_event_is_published_again(calls: Calls, event: uuid.UUID) -> None:
    calls.take_outbox()
    calls.mark_outbox(event)
    calls.replay(event, now=later(5))
    assert not published(calls, event)
    assert calls.take_outbox(now=later(5), token=THEIRS) == {event}


def test_whoever_is_publishing_a_replayed_event_cannot_mark_it(calls: Calls, event: uuid.UUID) -> None:
    calls.take_outbox(token=MINE, lease_until=later(30))
    calls.replay(event)
    assert calls.mark_outbox(event, token=MINE) == 0
    assert calls.take_outbox(token=THEIRS) == {event}


def test_replaying_what_does_not_exist_does_nothing(calls: Calls) -> None:
    calls.replay(uuid.uuid4())
    assert calls.count("outbox") == 0


def test_announcing_again_publishes_again_under_the_same_id(calls: Calls, event: uuid.UUID) -> None:
    calls.take_outbox(token=MINE, lease_until=later(30))
    calls.announce(event, now=later(1), body="changed")
    assert calls.mark_outbox(event, token=MINE) == 0
    assert calls.take_outbox(now=later(1), token=THEIRS) == {event}
    assert calls.mark_outbox(event, token=THEIRS) == 1
    calls.announce(event, now=later(2))
    assert not published(calls, event)
    assert calls.count("outbox") == 1
    assert calls.value("SELECT body FROM ledger.outbox") == "{}"


def test_taking_takes_at_most_so_many_the_longest_waiting_first(calls: Calls) -> None:
    events = [event_of(f"message {number}") for number in range(4)]
    for number, event_id in enumerate(events):
        calls.announce(event_id, now=later(-number))
    assert calls.take_outbox(most=3) == set(events[1:])
    assert calls.take_outbox(most=3) == {events[0]}
    assert calls.take_outbox(most=3) == set()


def test_only_who_has_taken_an_event_parks_it(calls: Calls, event: uuid.UUID) -> None:
    calls.postpone_outbox(event, token=MINE)
    assert calls.take_outbox(token=THEIRS, lease_until=NOW) == {event}
    calls.postpone_outbox(event, token=MINE)
    assert calls.take_outbox(token=MINE) == {event}


def test_what_another_transaction_is_taking_is_passed_over(database_url: str) -> None:
    second = event_of("another message")
    with psycopg.connect(database_url, autocommit=True) as mine, psycopg.connect(database_url) as theirs:
        mine.execute("SET lock_timeout = '5s'")  # waiting is failing
        Calls(mine).announce(EVENT)
        theirs.execute("SELECT")  # a transaction that stays open
        assert Calls(theirs).take_outbox(token=THEIRS) == {EVENT}
        Calls(mine).announce(second)
        assert Calls(mine).take_outbox(token=MINE) == {second}
