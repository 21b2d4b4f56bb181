"""ledger.settle: post, release or wait, with the evidence and the event, once per revision."""

import uuid
from dataclasses import replace
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.sql.calls import Calls
from tests.sql.items import (
    LEASE,
    MINE,
    NOW,
    THEIRS,
    Event,
    Intake,
    Line,
    Settlement,
    event_of,
    fails,
    later,
    moves,
    succeeds,
    told_as,
    waits,
)

ONE = Decimal(1)


@pytest.fixture
def order(calls: Calls) -> str:
    """An order that is sending, with 1 of 10 held."""
    calls.fund("10")
    calls.admit(Intake("ord-1"))
    return "ord-1"


def test_success_posts_releases_and_tells(calls: Calls, order: str) -> None:
    assert calls.settle(succeeds(order, lines=moves(ONE)), now=later(1)) == ["settled"]
    assert calls.balance() == (9, 0, 9)
    assert calls.balance("user:bob123") == (1, 0, 1)
    assert calls.lines(order) == [("user:alice1", -1, "transfer", 9), ("user:bob123", 1, "transfer", 1)]
    row = calls.order(order)
    assert row is not None
    expected = {
        "state": "succeeded",
        "revision": 2,
        "due_at": None,
        "provider_ref": "ref-ord-1",
        "error_code": None,
        "doubtful": [],
        "events": 1,
        "updated_at": later(1),
        "created_at": NOW,
    }
    assert {name: row[name] for name in expected} == expected
    assert calls.violations() == set()


def test_the_event_is_leased_to_the_settling_process(calls: Calls, order: str) -> None:
    event = Event(event_of(order), 1, True, "transfer.succeeded", '{"a": 1}', "cor")
    calls.settle(succeeds(order, lines=moves(ONE), events=(event,)), now=later(1), lease_until=later(31))
    rows = calls.connection.execute(
        "SELECT event_id, order_id, sequence, terminal, routing_key, body, correlation_id, created_at,"
        " lease_token, lease_until, published_at FROM ledger.outbox"
    ).fetchall()
    assert rows == [
        (
            event_of(order),
            order,
            1,
            True,
            "transfer.succeeded",
            '{"a": 1}',
            "cor",
            later(1),
            MINE,
            later(31),
            None,
        )
    ]


def test_failure_releases_the_hold_and_posts_nothing(calls: Calls, order: str) -> None:
    assert calls.settle(fails(order, provider_code="14000", message="too poor")) == ["settled"]
    assert calls.balance() == (10, 0, 10)
    assert calls.lines(order) == []
    row = calls.order(order)
    assert row is not None
    assert (row["state"], row["error_code"]) == ("failed", "refused")
    assert calls.outbox(order) == [(1, True, "transfer.failed")]
    assert calls.violations() == set()


@pytest.mark.parametrize("state", ["held", "sending", "unknown", "processing", "review"])
def test_waiting_keeps_the_hold_and_is_due_again(calls: Calls, order: str, state: str) -> None:
    item = waits(
        order,
        1,
        state,
        error_code="why",
        doubtful="{1,2}",
        doubt_since=later(-5),
        absent_at=later(-3),
        polls=7,
        verdict="unknown",
    )
    assert calls.settle(item) == ["settled"]
    assert calls.balance() == (10, 1, 9)
    row = calls.order(order)
    assert row is not None
    expected = {
        "state": state,
        "revision": 2,
        "due_at": later(2),
        "error_code": "why",
        "doubtful": [1, 2],
        "doubt_since": later(-5),
        "absent_at": later(-3),
        "polls": 7,
        "events": 0,
    }
    assert {name: row[name] for name in expected} == expected
    assert calls.count("outbox") == 0
    assert calls.violations() == set()


def test_what_was_learned_is_kept_as_evidence(calls: Calls, order: str) -> None:
    calls.settle(
        waits(
            order,
            1,
            "unknown",
            source="record",
            attempt=3,
            verdict="unknown",
            provider_code="10001",
            message="m",
        )
    )
    calls.settle(fails(order, 2), now=later(9))
    evidence = calls.connection.execute(
        "SELECT order_id, at, attempt, source, verdict, provider_code, message FROM ledger.evidence_line ORDER BY at"
    ).fetchall()
    assert evidence == [
        (order, NOW, 3, "record", "unknown", "10001", "m"),
        (order, later(9), 1, "answer", "refused", None, None),
    ]


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        pytest.param({}, 1, id="the same"),
        pytest.param({"state": "review"}, 1, id="the same, and the order goes on"),
        pytest.param({"attempt": 2}, 2, id="of another attempt"),
        pytest.param({"source": "record"}, 2, id="from another source"),
        pytest.param({"verdict": "absent"}, 2, id="another verdict"),
        pytest.param({"provider_code": "11004"}, 2, id="another code"),
        pytest.param({"provider_code": None}, 2, id="no code any more"),
        pytest.param({"message": "n"}, 2, id="another message"),
        pytest.param({"message": None}, 2, id="no message any more"),
    ],
)
def test_what_is_learned_again_while_waiting_is_kept_once(
    calls: Calls, order: str, changes: dict[str, Any], lines: int
) -> None:
    item = waits(order, 1, "unknown", verdict="unknown", provider_code="10001", message="m")
    assert calls.settle(item) == ["settled"]
    assert calls.settle(replace(item, revision=2, **changes), now=later(60)) == ["settled"]
    assert calls.count("evidence") == lines


def test_what_is_learned_without_code_and_message_is_kept_once_too(calls: Calls, order: str) -> None:
    for revision in (1, 2, 3):
        calls.settle(waits(order, revision, "unknown", verdict="unknown"))
    assert calls.count("evidence") == 1


def test_what_is_learned_again_after_something_else_is_kept_again(calls: Calls, order: str) -> None:
    for revision, verdict in enumerate(("unknown", "absent", "unknown"), start=1):
        calls.settle(waits(order, revision, "unknown", verdict=verdict))
    rows = calls.connection.execute("SELECT verdict FROM ledger.evidence ORDER BY id").fetchall()
    assert rows == [("unknown",), ("absent",), ("unknown",)]


def test_what_ends_an_order_is_kept_though_it_was_learned_before(calls: Calls, order: str) -> None:
    calls.settle(waits(order, 1, "unknown", verdict="refused"))
    calls.settle(fails(order, 2))
    assert calls.count("evidence") == 2


def test_the_same_about_two_orders_is_kept_of_both(calls: Calls, order: str) -> None:
    calls.admit(Intake("ord-2"))
    calls.settle(*(waits(name, 1, "unknown", verdict="unknown") for name in (order, "ord-2")))
    assert calls.count("evidence") == 2


def test_events_of_one_order_are_counted(calls: Calls, order: str) -> None:
    calls.settle(waits(order, 1, "processing", events=(Event(event_of(order, 1), routing_key="p"),)))
    calls.settle(waits(order, 2, "processing"))
    last = Event(event_of(order, 2), 2, True, "transfer.succeeded")
    calls.settle(succeeds(order, 3, lines=moves(ONE), events=(last,)))
    assert calls.outbox(order) == [(1, False, "p"), (2, True, "transfer.succeeded")]
    row = calls.order(order)
    assert row is not None
    assert row["events"] == 2


def test_a_providers_id_once_known_stays_known(calls: Calls, order: str) -> None:
    calls.settle(waits(order, 1, "processing", provider_ref="ref"))
    calls.settle(waits(order, 2, "review"))
    calls.settle(fails(order, 3))
    row = calls.order(order)
    assert row is not None
    assert row["provider_ref"] == "ref"


@pytest.mark.parametrize("revision", [0, 2, 99])
def test_a_decision_on_another_revision_is_refused_whole(calls: Calls, order: str, revision: int) -> None:
    before = calls.order(order)
    assert calls.settle(succeeds(order, revision, lines=moves(ONE))) == ["stale"]
    assert calls.order(order) == before
    assert calls.balance() == (10, 1, 9)
    assert calls.count("evidence") == calls.count("outbox") == 0
    assert calls.lines(order) == []


@pytest.mark.parametrize("end", ["succeeded", "failed"])
def test_an_order_ends_once(calls: Calls, order: str, end: str) -> None:
    first = succeeds(order, lines=moves(ONE)) if end == "succeeded" else fails(order)
    calls.settle(first)
    before = calls.order(order)
    for again in (
        told_as(succeeds(order, 2, lines=moves(ONE)), uuid.uuid4()),
        told_as(fails(order, 2), uuid.uuid4()),
        waits(order, 2, "unknown"),
        first,
    ):
        assert calls.settle(again) == ["stale"]
    assert calls.order(order) == before
    assert calls.count("outbox") == 1
    assert calls.violations() == set()


def test_of_two_decisions_in_a_batch_the_first_passes(calls: Calls, order: str) -> None:
    other = told_as(succeeds(order, lines=moves(ONE)), uuid.uuid4())
    assert calls.settle(fails(order), other) == ["settled", "stale"]
    assert calls.state(order) == "failed"
    assert calls.balance() == (10, 0, 10)
    assert calls.count("evidence") == 1
    assert calls.violations() == set()


def test_of_two_equal_successes_in_a_batch_one_is_posted(calls: Calls, order: str) -> None:
    item = succeeds(order, lines=moves(ONE))
    assert calls.settle(item, told_as(item, uuid.uuid4())) == ["settled", "stale"]
    assert calls.balance("user:bob123") == (1, 0, 1)
    assert calls.violations() == set()


def test_a_stale_decision_first_does_not_stop_a_good_one_after_it(calls: Calls, order: str) -> None:
    assert calls.settle(fails(order, 9), succeeds(order, lines=moves(ONE))) == ["stale", "settled"]
    assert calls.state(order) == "succeeded"


def test_an_order_that_does_not_exist_is_not_settled(calls: Calls, order: str) -> None:
    assert calls.settle(fails("nobody"), fails(order)) == ["stale", "settled"]


def test_an_empty_batch_does_nothing(calls: Calls) -> None:
    assert calls.settle() == []


def test_lines_open_the_accounts_they_name(calls: Calls, order: str) -> None:
    lines = (
        Line("user:alice1", Decimal(-1), "1280", "swap_in"),
        Line("custody", Decimal(1), "1280", "swap_in"),
        Line("custody", Decimal("-0.5"), "1329", "swap_out"),
        Line("user:alice1", Decimal("0.5"), "1329", "swap_out"),
    )
    assert calls.settle(succeeds(order, lines=lines)) == ["settled"]
    assert calls.lines(order) == [
        ("user:alice1", -1, "swap_in", 9),
        ("custody", 1, "swap_in", -9),
        ("custody", Decimal("-0.5"), "swap_out", Decimal("-0.5")),
        ("user:alice1", Decimal("0.5"), "swap_out", Decimal("0.5")),
    ]
    assert calls.balance("user:alice1", "1329") == (Decimal("0.5"), 0, Decimal("0.5"))
    assert calls.balance("custody", "1329") == (Decimal("-0.5"), 0, Decimal("-0.5"))
    assert calls.violations() == set()


def test_several_lines_of_one_account_in_one_journal_are_a_chain(calls: Calls, order: str) -> None:
    lines = (
        Line("user:alice1", Decimal("-0.9"), purpose="payout"),
        Line("custody", Decimal("0.9"), purpose="payout"),
        Line("user:alice1", Decimal("-0.1"), purpose="provider_fee"),
        Line("custody", Decimal("0.1"), purpose="provider_fee"),
    )
    calls.settle(succeeds(order, lines=lines))
    assert [(amount, after) for account, amount, _, after in calls.lines(order) if account == "user:alice1"] == [
        (Decimal("-0.9"), Decimal("9.1")),
        (Decimal("-0.1"), 9),
    ]
    versions = calls.connection.execute(
        "SELECT e.version FROM ledger.entry e JOIN ledger.account a ON a.id = e.account_id"
        " WHERE a.name = 'user:alice1' ORDER BY e.version"
    ).fetchall()
    assert versions == [(1,), (2,), (3,)]
    assert calls.violations() == set()


def test_a_batch_on_one_hot_account_chains_in_the_order_of_its_items(calls: Calls) -> None:
    calls.fund("100")
    calls.admit(*(Intake(f"ord-{number}", amount=Decimal(number)) for number in range(1, 6)))
    batch = [succeeds(f"ord-{number}", lines=moves(Decimal(number))) for number in (3, 1, 5, 2, 4)]
    assert calls.settle(*batch) == ["settled"] * 5
    chain = calls.connection.execute(
        "SELECT order_id, balance_after FROM ledger.entry_line WHERE account = 'user:bob123' ORDER BY balance_after"
    ).fetchall()
    assert chain == [("ord-3", 3), ("ord-1", 4), ("ord-5", 9), ("ord-2", 11), ("ord-4", 15)]
    assert calls.balance() == (85, 0, 85)
    assert calls.violations() == set()


@pytest.mark.parametrize(
    "amount",
    [
        pytest.param("99999999999999999999999999999999999999.999999999999999999", id="38 digits and 18 decimals"),
        pytest.param("0.000000000000000000000001", id="24 decimals"),
        pytest.param("12345678901234567890123456789012345678.123456789012345678901234", id="38 digits, 24 decimals"),
    ],
)
def test_amounts_are_posted_exactly(calls: Calls, amount: str) -> None:
    exact = Decimal(amount)
    calls.fund(amount)
    calls.admit(Intake("ord-1", amount=exact))
    assert calls.settle(succeeds("ord-1", lines=moves(exact))) == ["settled"]
    assert calls.balance("user:bob123") == (exact, 0, exact)
    assert calls.balance() == (0, 0, 0)
    assert calls.violations() == set()


def test_lines_that_do_not_sum_to_zero_are_refused_whole(calls: Calls, order: str) -> None:
    lines = (Line("user:alice1", Decimal(-1)), Line("user:bob123", Decimal("0.999999999999999999999999")))
    with pytest.raises(psycopg.errors.RaiseException, match="does not sum to zero"):
        calls.settle(succeeds(order, lines=lines))
    assert calls.state(order) == "sending"
    assert calls.balance() == (10, 1, 9)


def test_lines_that_balance_only_across_coins_are_refused(calls: Calls, order: str) -> None:
    lines = (Line("user:alice1", Decimal(-1), "1280"), Line("user:bob123", Decimal(1), "1329"))
    with pytest.raises(psycopg.errors.RaiseException, match="does not sum to zero"):
        calls.settle(succeeds(order, lines=lines))


def test_two_journals_of_a_batch_may_not_balance_each_other(calls: Calls, order: str) -> None:
    calls.admit(Intake("ord-2"))
    with pytest.raises(psycopg.errors.RaiseException, match="does not sum to zero"):
        calls.settle(
            succeeds(order, lines=(Line("user:alice1", Decimal(-1)),)),
            succeeds("ord-2", lines=(Line("user:bob123", Decimal(1)),)),
        )


def test_a_line_of_zero_is_refused(calls: Calls, order: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="entry_moves_something"):
        calls.settle(succeeds(order, lines=(*moves(ONE), Line("merchant", Decimal(0)))))


def test_nobody_is_overdrawn_by_what_is_posted(calls: Calls, order: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="balance_is_not_overdrawn"):
        calls.settle(succeeds(order, lines=moves(Decimal("10.000000000000000001"))))
    assert calls.state(order) == "sending"
    assert calls.violations() == set()


def test_funds_held_for_one_order_are_not_spent_by_another(calls: Calls) -> None:
    calls.fund("2")
    calls.admit(Intake("ord-1"), Intake("ord-2"))
    with pytest.raises(psycopg.errors.CheckViolation, match="balance_is_not_overdrawn"):
        calls.settle(succeeds("ord-1", lines=moves(Decimal("1.5"))))


@pytest.mark.parametrize(
    ("state", "due_at"),
    [
        ("succeeded", later(2)),
        ("failed", later(2)),
        ("unknown", None),
        ("held", None),
        ("review", None),
        ("processing", None),
    ],
)
def test_an_order_is_due_exactly_until_it_has_ended(calls: Calls, order: str, state: str, due_at: Any) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="order_is_due_until_terminal"):
        calls.settle(Settlement(order, 1, state, due_at=due_at))


def test_a_state_that_is_not_in_the_table_is_refused(calls: Calls, order: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="order_state_is_known"):
        calls.settle(waits(order, 1, "done"))


def test_an_account_with_a_name_that_is_none_is_refused(calls: Calls, order: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="account_name_is_known"):
        calls.settle(succeeds(order, lines=moves(ONE, receiver="bob123")))


def test_one_poisonous_item_rolls_its_whole_batch_back(calls: Calls, order: str) -> None:
    calls.admit(Intake("ord-2"))
    with pytest.raises(psycopg.errors.RaiseException):
        calls.settle(succeeds(order, lines=moves(ONE)), succeeds("ord-2", lines=(Line("merchant", ONE),)))
    assert calls.state(order) == "sending"
    assert calls.count("journal") == 1  # the funding


def test_an_event_id_that_exists_rolls_the_settlement_back(calls: Calls, order: str) -> None:
    calls.announce(event_of(order))
    with pytest.raises(psycopg.errors.UniqueViolation):
        calls.settle(fails(order))
    assert calls.state(order) == "sending"


def test_the_lease_of_an_event_ends_for_others(calls: Calls, order: str) -> None:
    calls.settle(fails(order))
    assert calls.take_outbox(now=NOW, token=THEIRS) == set()
    assert calls.take_outbox(now=NOW + LEASE, token=THEIRS) == {event_of(order)}


def test_an_order_without_a_hold_settles_too(calls: Calls) -> None:
    calls.admit(Intake("ord-1", account=None, coin=None, amount=None))
    assert calls.settle(fails("ord-1")) == ["settled"]
    assert calls.state("ord-1") == "failed"
    assert calls.violations() == set()
