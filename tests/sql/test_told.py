"""ledger.settle: several events of one decision, and how far the order has counted them."""

import uuid
from decimal import Decimal

import psycopg
import pytest

from tests.sql.calls import Calls
from tests.sql.deposit_calls import Deposit, credit
from tests.sql.items import Event, Intake, event_of, fails, moves, succeeds, waits

ONE = Decimal(1)


def events(order_id: str, *sequences: int, last: bool = False) -> tuple[Event, ...]:
    """Events with these sequences; the last of them ends the order when told so."""
    return tuple(
        Event(event_of(order_id, sequence), sequence, last and sequence == sequences[-1], f"told.{sequence}")
        for sequence in sequences
    )


@pytest.fixture
def order(calls: Calls) -> str:
    """An order that is sending, with 1 of 10 held."""
    calls.fund("10")
    calls.admit(Intake("ord-1", traceparent="trace", app_id="shop"))
    return "ord-1"


def counted(calls: Calls, order_id: str) -> int:
    row = calls.order(order_id)
    assert row is not None
    return int(row["events"])


def test_each_event_of_a_decision_is_written_as_it_was_given(calls: Calls, order: str) -> None:
    first = Event(uuid.UUID(int=1), 1, False, "payOrder.processing", '{"a": 1}', "c1")
    second = Event(uuid.UUID(int=2), 2, False, "payOrder.created", '{"a": 2}', "c2")
    calls.settle(waits(order, 1, "processing", events=(first, second)))
    written = calls.connection.execute(
        "SELECT event_id, sequence, terminal, routing_key, body, correlation_id, order_id, traceparent"
        " FROM ledger.outbox ORDER BY sequence"
    ).fetchall()
    assert written == [
        (uuid.UUID(int=1), 1, False, "payOrder.processing", '{"a": 1}', "c1", order, "trace"),
        (uuid.UUID(int=2), 2, False, "payOrder.created", '{"a": 2}', "c2", order, "trace"),
    ]


def test_whatever_is_told_of_an_order_carries_the_app_id_of_its_command(calls: Calls, order: str) -> None:
    [read] = calls.read(order)
    assert (read["app_id"], read["traceparent"]) == ("shop", "trace")
    calls.settle(waits(order, 1, "processing", events=events(order, 1)))
    credit(calls, Deposit(), Event(event_of("rec-1"), 2, routing_key="deposit.credited"), order_id=order)
    calls.settle(fails(order, 3, events=events(order, 3, last=True)))
    calls.contradict(order, "it was executed", Event(event_of("contradicted"), 4))
    credit(calls, Deposit("rec-2", tx_id="0x2"))
    written = calls.connection.execute("SELECT order_id, app_id FROM ledger.outbox ORDER BY order_id").fetchall()
    assert written == [(order, "shop")] * 4 + [(None, None)]


def test_an_order_knows_the_sequence_of_its_last_event(calls: Calls, order: str) -> None:
    calls.settle(waits(order, 1, "processing", events=events(order, 1, 2, 3)))
    assert counted(calls, order) == 3
    calls.settle(waits(order, 2, "processing"))
    assert counted(calls, order) == 3
    calls.settle(succeeds(order, 3, lines=moves(ONE), events=events(order, 4, 5, last=True)))
    assert counted(calls, order) == 5
    assert calls.outbox(order) == [
        (1, False, "told.1"),
        (2, False, "told.2"),
        (3, False, "told.3"),
        (4, False, "told.4"),
        (5, True, "told.5"),
    ]
    assert calls.violations() == set()


def test_a_sequence_that_was_left_out_for_an_event_told_elsewhere_counts(calls: Calls, order: str) -> None:
    calls.settle(waits(order, 1, "processing", events=events(order, 1)))
    calls.settle(succeeds(order, 2, lines=moves(ONE), events=events(order, 3, last=True)))
    assert counted(calls, order) == 3
    assert calls.outbox(order) == [(1, False, "told.1"), (3, True, "told.3")]


def test_an_order_never_counts_back(calls: Calls, order: str) -> None:
    calls.settle(waits(order, 1, "processing", events=events(order, 4)))
    calls.settle(waits(order, 2, "processing", events=events(order, 2)))
    assert counted(calls, order) == 4


def test_in_a_batch_each_order_has_its_own_events(calls: Calls) -> None:
    calls.fund("10")
    calls.admit(*(Intake(f"ord-{number}") for number in (1, 2, 3, 4)))
    batch = [
        succeeds("ord-1", lines=moves(ONE), events=events("ord-1", 1, 2, last=True)),
        waits("ord-2", 1, "unknown"),
        fails("ord-3", 9, events=events("ord-3", 1, last=True)),
        waits("ord-4", 1, "processing", events=events("ord-4", 1, 2, 3)),
    ]
    assert calls.settle(*batch) == ["settled", "settled", "stale", "settled"]
    assert [counted(calls, f"ord-{number}") for number in (1, 2, 3, 4)] == [2, 0, 0, 3]
    assert [len(calls.outbox(f"ord-{number}")) for number in (1, 2, 3, 4)] == [2, 0, 0, 3]
    assert calls.violations() == set()


def test_all_events_of_a_decision_are_leased_to_the_settling_process(calls: Calls, order: str) -> None:
    calls.settle(waits(order, 1, "processing", events=events(order, 1, 2)))
    assert calls.mark_outbox(event_of(order, 1), event_of(order, 2)) == 2


def test_an_order_has_one_terminal_event(calls: Calls, order: str) -> None:
    both = tuple(Event(event_of(order, sequence), sequence, True) for sequence in (1, 2))
    with pytest.raises(psycopg.errors.UniqueViolation, match="outbox_terminal_once"):
        calls.settle(succeeds(order, lines=moves(ONE), events=both))
    assert calls.state(order) == "sending"


def test_an_end_without_a_terminal_event_breaks_a_promise(calls: Calls, order: str) -> None:
    calls.settle(succeeds(order, lines=moves(ONE), events=events(order, 1, 2)))
    assert calls.violations() == {"an order ends with exactly one terminal event"}
