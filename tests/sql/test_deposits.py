"""ledger.credit_deposit and ledger.note_deposit: what came in is credited once; what is not money is only seen."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

import sql
from tests.sql.calls import Calls
from tests.sql.connections import THREADS, at_once, connected
from tests.sql.deposit_calls import Deposit, credit, note, take
from tests.sql.items import LEASE, MINE, NOW, Event, Intake, Rejection, event_of, later

SEEN = Deposit()
JOURNAL = "deposit:ccpayment:rec-1"


def row_of(calls: Calls, record_id: str = "rec-1") -> dict[str, Any]:
    [row] = calls.dicts("SELECT * FROM ledger.deposit WHERE record_id = %s", record_id)
    return row


def test_a_deposit_is_posted_gross_with_its_fee_apart(calls: Calls) -> None:
    assert credit(calls, SEEN) == "credited"
    assert calls.lines(JOURNAL) == [
        ("custody", -10, "deposit", -10),
        ("user:alice1", 10, "deposit", 10),
        ("user:alice1", Decimal("-0.05"), "provider_fee", Decimal("9.95")),
        ("custody", Decimal("0.05"), "provider_fee", Decimal("-9.95")),
    ]
    assert calls.balance() == (Decimal("9.95"), 0, Decimal("9.95"))
    assert calls.balance("custody") == (Decimal("-9.95"), 0, Decimal("-9.95"))
    row = row_of(calls)
    assert (row["state"], row["seen_at"], row["due_at"], row["note"]) == ("credited", NOW, None, None)


def test_a_deposit_without_a_fee_has_two_lines(calls: Calls) -> None:
    assert credit(calls, replace(SEEN, fee=Decimal(0))) == "credited"
    assert calls.lines(JOURNAL) == [("custody", -10, "deposit", -10), ("user:alice1", 10, "deposit", 10)]


def test_deposits_chain_on_one_account(calls: Calls) -> None:
    for number, fee in enumerate(("0.05", "0", "0.05")):
        deposit = Deposit(f"rec-{number}", account="merchant", kind="app", fee=Decimal(fee), tx_id=f"0x{number}")
        assert credit(calls, deposit) == "credited"
    assert calls.balance("merchant") == (Decimal("29.9"), 0, Decimal("29.9"))
    assert calls.violations() == set()


def test_its_event_is_written_with_it_and_leased_to_the_crediting_process(calls: Calls) -> None:
    event = Event(event_of("rec-1"), 1, False, "deposit.credited", '{"a": 1}', "c")
    credit(calls, SEEN, event)
    rows = calls.connection.execute(
        "SELECT event_id, order_id, sequence, terminal, routing_key, body, correlation_id, traceparent, lease_token,"
        " lease_until FROM ledger.outbox"
    ).fetchall()
    assert rows == [
        (event.event_id, None, 1, False, "deposit.credited", '{"a": 1}', "c", "trace", MINE, NOW + LEASE),
    ]


def test_the_event_of_a_deposit_that_ends_an_order_takes_the_orders_next_place(calls: Calls) -> None:
    calls.fund("10")
    calls.admit(Intake("ord-1"))
    before = calls.order("ord-1")
    assert before is not None
    told = Event(event_of("rec-1"), before["events"] + 2, routing_key="deposit.credited")
    for sequence, verdict in ((2, "moved"), (0, "moved"), (1, "credited")):
        event = replace(told, sequence=before["events"] + sequence)
        assert credit(calls, SEEN, event, order_id="ord-1") == verdict
        assert calls.count("deposit") == (verdict == "credited")
    after = calls.order("ord-1")
    assert after is not None
    assert (after["events"], after["revision"]) == (before["events"] + 1, before["revision"] + 1)
    assert after["due_at"] == before["due_at"]


def test_an_order_that_has_ended_is_ended_by_no_deposit(calls: Calls) -> None:
    calls.fund("10")
    calls.reject(Rejection("ord-1"))
    event = Event(event_of("rec-1"), 2, routing_key="deposit.credited")
    assert credit(calls, SEEN, event, order_id="ord-1") == "moved"
    assert calls.count("deposit") == 0


def test_a_record_is_credited_once_whatever_it_says_the_second_time(calls: Calls) -> None:
    credit(calls, SEEN)
    before = row_of(calls)
    for again in (SEEN, replace(SEEN, account="user:bob123", tx_id="0xdef")):
        assert credit(calls, again, now=later(60)) == "known"
    note(calls, SEEN, "pending", now=later(60))
    assert row_of(calls) == before
    assert calls.balance() == (Decimal("9.95"), 0, Decimal("9.95"))
    assert calls.count("journal") == calls.count("outbox") == 1


@pytest.mark.parametrize("state", ["pending", "risky", "failed", "repeated"])
def test_one_that_was_not_money_is_credited_when_it_is(calls: Calls, state: str) -> None:
    note(calls, replace(SEEN, amount=Decimal(9), tx_id="0xold"), state, "a reason")
    assert credit(calls, SEEN, now=later(60)) == "credited"
    row = row_of(calls)
    expected = {
        "state": "credited",
        "amount": Decimal(10),
        "tx_id": "0xabc",
        "note": None,
        "due_at": None,
        "seen_at": NOW,
        "updated_at": later(60),
    }
    assert {name: row[name] for name in expected} == expected


SAME = [
    pytest.param({}, id="the same in all"),
    pytest.param({"account": "user:bob123"}, id="said to be another user's"),
    pytest.param({"fee": Decimal(1)}, id="another fee"),
    pytest.param({"amount": Decimal("10.000")}, id="padded"),
    pytest.param({"output": 1}, id="an output, where the other says none"),
]


@pytest.mark.parametrize("changes", SAME)
def test_one_payment_under_two_record_ids_is_credited_once(calls: Calls, changes: dict[str, Any]) -> None:
    credit(calls, SEEN)
    assert credit(calls, replace(SEEN, record_id="rec-2", **changes)) == "repeated"
    assert calls.balance() == (Decimal("9.95"), 0, Decimal("9.95"))
    assert calls.count("journal") == calls.count("outbox") == calls.count("deposit") == 1


OTHERS = [
    pytest.param({"tx_id": "0xdef"}, id="another transaction"),
    pytest.param({"chain": "ETH"}, id="another chain"),
    pytest.param({"amount": Decimal(11)}, id="another amount, where no output is said"),
    pytest.param({"coin": "1329"}, id="another coin"),
    pytest.param({"coin": "1329", "output": 1}, id="another coin, and an output"),
    pytest.param({"address": "0xOther"}, id="another address"),
    pytest.param({"memo": "7"}, id="another memo"),
    pytest.param({"provider": "coinqpay"}, id="another provider"),
]


@pytest.mark.parametrize("changes", OTHERS)
def test_payments_that_can_be_told_apart_are_both_credited(calls: Calls, changes: dict[str, Any]) -> None:
    credit(calls, SEEN)
    assert credit(calls, replace(SEEN, record_id="rec-2", **changes)) == "credited"


def test_what_was_taken_for_a_repetition_of_another_coins_is_looked_at_again_after_migrating(calls: Calls) -> None:
    credit(calls, SEEN)
    note(calls, replace(SEEN, record_id="rec-2", coin="1329"), "repeated", "listed twice", due_at=None)
    note(calls, replace(SEEN, record_id="rec-3"), "repeated", "listed twice", due_at=None)
    assert take(calls) == []
    calls.connection.execute(Path(sql.__path__[0], "migrations", "0012.deposit-coins.sql").read_bytes())
    assert take(calls) == ["rec-2"]
    assert credit(calls, replace(SEEN, record_id="rec-2", coin="1329"), now=later(60)) == "credited"


def test_what_a_provider_says_against_a_credited_deposit_is_shown_and_changes_nothing(calls: Calls) -> None:
    credit(calls, SEEN)
    assert credit(calls, replace(SEEN, amount=Decimal(11)), now=later(60)) == "changed"
    assert calls.violations() == {"a credited deposit stays what the provider says"}
    assert calls.balance() == (Decimal("9.95"), 0, Decimal("9.95"))


def test_a_credited_deposit_that_the_provider_now_calls_failed_is_shown(calls: Calls) -> None:
    credit(calls, SEEN)
    note(calls, SEEN, "failed", now=later(60))
    assert calls.violations() == {"a credited deposit stays what the provider says"}
    assert row_of(calls)["state"] == "credited"


def test_what_was_read_before_the_crediting_does_not_speak_against_it(calls: Calls) -> None:
    credit(calls, SEEN, now=later(30))
    assert credit(calls, replace(SEEN, amount=Decimal(11)), read_at=later(29), now=later(60)) == "known"
    for state in ("failed", "risky", "pending"):
        assert note(calls, SEEN, state, read_at=later(29), now=later(60)) == "credited"
    assert calls.violations() == set()
    assert row_of(calls)["state"] == "credited"
    assert note(calls, SEEN, "risky", read_at=later(31), now=later(60)) == "credited"
    assert calls.violations() == {"a credited deposit stays what the provider says"}


def test_a_deposit_that_is_no_money_is_news_once_in_each_state(calls: Calls) -> None:
    assert [note(calls, SEEN, state, "why") for state in ("pending", "pending", "risky", "risky", "failed")] == [
        *("noted", "known", "noted", "known", "noted"),
    ]


def test_equal_amounts_of_two_outputs_are_both_credited_and_one_output_once(calls: Calls) -> None:
    assert credit(calls, replace(SEEN, output=0)) == "credited"
    assert credit(calls, replace(SEEN, record_id="rec-2", output=1)) == "credited"
    again = replace(SEEN, record_id="rec-3", output=1, amount=Decimal(3))
    assert credit(calls, again) == "repeated"


def test_payments_without_a_transaction_are_told_apart_by_their_records_alone(calls: Calls) -> None:
    deposit = replace(SEEN, tx_id=None)
    assert [credit(calls, replace(deposit, record_id=f"rec-{number}")) for number in (1, 2)] == ["credited"] * 2
    assert credit(calls, deposit) == "known"


@pytest.mark.parametrize("state", ["pending", "risky", "failed", "repeated"])
def test_what_is_only_seen_is_no_money_and_hinders_none(calls: Calls, state: str) -> None:
    note(calls, SEEN, state, "a reason")
    assert calls.count("journal") == calls.count("outbox") == calls.count("account") == 0
    assert credit(calls, replace(SEEN, record_id="rec-2")) == "credited"


def test_what_was_seen_is_brought_up_to_date(calls: Calls) -> None:
    note(calls, replace(SEEN, tx_id=None), due_at=later(5))
    note(calls, replace(SEEN, amount=Decimal(9)), "risky", "flagged", due_at=later(90), now=later(60))
    row = row_of(calls)
    expected = {
        "kind": "user",
        "state": "risky",
        "amount": Decimal(9),
        "tx_id": "0xabc",
        "note": "flagged",
        "due_at": later(90),
        "seen_at": NOW,
        "updated_at": later(60),
        "rescans": 0,
    }
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("deposit", "state", "constraint"),
    [
        pytest.param(SEEN, "lost", "deposit_state_is_known", id="a state that is none"),
        pytest.param(replace(SEEN, kind="gift"), "pending", "deposit_kind_is_known", id="a kind that is none"),
        pytest.param(replace(SEEN, amount=Decimal("NaN")), "pending", "amount_is_exact", id="not a number"),
    ],
)
def test_what_is_not_in_the_table_is_refused(calls: Calls, deposit: Deposit, state: str, constraint: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match=constraint):
        note(calls, deposit, state)


def test_a_fee_above_the_amount_overdraws_nobody(calls: Calls) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="balance_is_not_overdrawn"):
        credit(calls, replace(SEEN, fee=Decimal(11)))
    assert calls.count("deposit") == calls.count("journal") == 0


@pytest.mark.parametrize(
    ("records", "verdicts"),
    [
        pytest.param(["rec"] * THREADS, {"credited", "known"}, id="one record"),
        pytest.param([f"rec-{n}" for n in range(THREADS)], {"credited", "repeated"}, id="a record for each"),
    ],
)
@pytest.mark.parametrize("hot", [True, False], ids=["to one account", "to accounts of their own"])
def test_one_payment_that_many_credit_at_once_is_credited_once(
    database_url: str, records: list[str], verdicts: set[str], hot: bool
) -> None:
    turns: list[datetime] = [later(turn) for turn in range(8)]

    def work(calls: Calls, number: int) -> list[str]:
        account = "user:alice1" if hot else f"user:user-{number}"
        return [
            credit(calls, Deposit(f"{records[number]}/{turn}", tx_id=f"0x{turn}", account=account), now=now)
            for turn, now in enumerate(turns)
        ]

    with connected(database_url) as calls:
        answers = at_once(database_url, work)
        for turn in range(len(turns)):
            of_turn = [given[turn] for given in answers]
            assert of_turn.count("credited") == 1
            assert set(of_turn) == verdicts
        assert calls.count("journal") == len(turns)
        custody = calls.balance("custody")
        assert custody is not None
        assert custody[0] == Decimal("-79.6")
