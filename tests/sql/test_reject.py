"""ledger.reject: the order ends before it began; its orderId is used up and its event is written."""

import uuid
from datetime import timedelta

import psycopg
import pytest

from tests.sql.calls import Calls
from tests.sql.items import LEASE, MINE, NOW, THEIRS, Intake, Rejection, event_of, later


def test_a_new_order_is_rejected_with_its_event(calls: Calls) -> None:
    event_id = uuid.uuid4()
    item = Rejection("ord-1", event_id=event_id, event_body='{"x": 1}', traceparent="t", error_code="expired")
    assert calls.reject(item) == [("rejected", "rejected", 1)]
    order = calls.order("ord-1")
    assert order is not None
    assert (order["state"], order["error_code"], order["due_at"], order["attempts"]) == (
        "rejected",
        "expired",
        None,
        0,
    )
    events = calls.connection.execute(
        "SELECT event_id, sequence, terminal, routing_key, body, correlation_id, traceparent, created_at,"
        " lease_token, lease_until, published_at FROM ledger.outbox"
    ).fetchall()
    assert events == [
        (
            event_id,
            1,
            True,
            "transfer.rejected",
            '{"x": 1}',
            "correlation",
            "t",
            NOW,
            MINE,
            NOW + LEASE,
            None,
        )
    ]
    assert calls.violations() == set()


def test_the_same_again_is_a_duplicate_with_no_second_event(calls: Calls) -> None:
    calls.reject(Rejection("ord-1"))
    assert calls.reject(Rejection("ord-1", event_id=uuid.uuid4())) == [("duplicate", "rejected", 1)]
    assert calls.count("outbox") == 1


def test_other_content_is_a_conflict_with_no_second_event(calls: Calls) -> None:
    calls.reject(Rejection("ord-1"))
    assert calls.reject(Rejection("ord-1", fingerprint=b"other", event_id=uuid.uuid4())) == [
        ("conflict", "rejected", 1)
    ]
    assert calls.count("outbox") == 1


def test_an_order_that_was_admitted_is_not_rejected(calls: Calls) -> None:
    calls.fund("10")
    calls.admit(Intake("ord-1"))
    before = calls.order("ord-1")
    assert calls.reject(Rejection("ord-1")) == [("duplicate", "sending", 0)]
    assert calls.reject(Rejection("ord-1", fingerprint=b"other")) == [("conflict", "sending", 0)]
    assert calls.order("ord-1") == before
    assert calls.count("outbox") == 0


def test_one_order_id_twice_in_a_batch_is_judged_against_the_first(calls: Calls) -> None:
    first = Rejection("ord-1", error_code="expired")
    verdicts = calls.reject(first, Rejection("ord-2"), Rejection("ord-1"), Rejection("ord-1", fingerprint=b"other"))
    assert [verdict for verdict, _, _ in verdicts] == ["rejected", "rejected", "duplicate", "conflict"]
    assert calls.outbox("ord-1") == [(1, True, "transfer.rejected")]
    order = calls.order("ord-1")
    assert order is not None
    assert order["error_code"] == "expired"


def test_an_empty_batch_does_nothing(calls: Calls) -> None:
    assert calls.reject() == []


def test_its_event_is_left_to_the_rejecting_process_until_its_lease_ends(calls: Calls) -> None:
    calls.reject(Rejection("ord-1", event_id=event_of("ord-1")), token=MINE)
    assert calls.take_outbox(now=NOW + LEASE - timedelta(microseconds=1), token=THEIRS) == set()
    assert calls.take_outbox(now=NOW + LEASE, token=THEIRS) == {event_of("ord-1")}


def test_a_rejected_order_is_never_due(calls: Calls) -> None:
    calls.reject(Rejection("ord-1"))
    assert calls.claim(now=later(10**6)) == set()


def test_an_event_id_that_exists_rolls_the_rejection_back(calls: Calls) -> None:
    event_id = uuid.uuid4()
    calls.reject(Rejection("ord-1", event_id=event_id))
    with pytest.raises(psycopg.errors.UniqueViolation):
        calls.reject(Rejection("ord-2", event_id=event_id))
    assert calls.order("ord-2") is None
