"""Equal payments without an order id from many connections: exactly one is on its way, whoever comes first."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial

import psycopg
import pytest

from tests.sql.calls import Calls
from tests.sql.connections import THREADS, at_once, connected, retrying, until_waiting
from tests.sql.items import Intake, fails, later, moves, succeeds, waits

ROUNDS = 10


def payment(order_id: str, payee: str, account: str | None = None) -> Intake:
    """A payout; without an account there is no balance row whose lock would put the threads in a line first."""
    amount = Decimal(1) if account else None
    return Intake(
        order_id,
        type="payout",
        payee=payee,
        account=account,
        coin=account and "1280",
        amount=amount,
        signature=f"signature {order_id}",
    )


def in_doubt(calls: Calls) -> list[tuple[str, int]]:
    """Payees that may have been paid and by how many orders without the provider's id."""
    rows = calls.connection.execute(
        "SELECT payee, count(*) FROM ledger.orders"
        " WHERE doubtful <> '{}' AND provider_ref IS NULL AND due_at IS NOT NULL GROUP BY payee ORDER BY payee"
    )
    return rows.fetchall()


@pytest.mark.parametrize("account", ["user:alice1", None], ids=["of one account", "of nobody's account"])
def test_of_equal_payments_admitted_at_once_one_goes(database_url: str, account: str | None) -> None:
    def work(calls: Calls, number: int) -> list[str]:
        verdicts = []
        for turn in range(ROUNDS):
            item = payment(f"pay-{turn}-{number}", f"payee {turn}", account)
            verdicts += retrying(partial(calls.admit_verdicts, item))
        return verdicts

    with connected(database_url) as calls:
        calls.fund("1000")
        answers = at_once(database_url, work)
        for turn in range(ROUNDS):
            verdicts = sorted(verdicts[turn] for verdicts in answers)
            assert verdicts == ["admitted", *["waiting"] * (THREADS - 1)]
        assert in_doubt(calls) == [(f"payee {turn}", 1) for turn in range(ROUNDS)]
        assert calls.count("attempt") == ROUNDS
        assert calls.violations() == set()


def test_of_equal_payments_that_wait_one_starts(database_url: str) -> None:
    with connected(database_url) as calls:
        for turn in range(ROUNDS):
            calls.admit(*(payment(f"pay-{turn}-{number}", f"payee {turn}") for number in range(THREADS + 1)))
            calls.settle(fails(f"pay-{turn}-0"))

        def work(calls: Calls, number: int) -> list[str]:
            return [calls.start_attempt(f"pay-{turn}-{number + 1}", 1, now=later(1)) for turn in range(ROUNDS)]

        answers = at_once(database_url, work)
        for turn in range(ROUNDS):
            verdicts = sorted(verdicts[turn] for verdicts in answers)
            assert verdicts == [*["busy"] * (THREADS - 1), "started"]
        assert in_doubt(calls) == [(f"payee {turn}", 1) for turn in range(ROUNDS)]
        assert calls.violations() == set()


def test_one_that_starts_and_others_that_are_admitted_do_not_both_go(database_url: str) -> None:
    with connected(database_url) as calls:
        for turn in range(ROUNDS):
            calls.admit(payment(f"pay-{turn}-first", f"payee {turn}"), payment(f"pay-{turn}-0", f"payee {turn}"))
            calls.settle(fails(f"pay-{turn}-first"))

        def work(calls: Calls, number: int) -> list[str]:
            if number == 0:
                return [calls.start_attempt(f"pay-{turn}-0", 1) for turn in range(ROUNDS)]
            items = [payment(f"pay-{turn}-{number}", f"payee {turn}") for turn in range(ROUNDS)]
            return [retrying(partial(calls.admit_verdicts, item))[0] for item in items]

        answers = at_once(database_url, work)
        for turn in range(ROUNDS):
            verdicts = [verdicts[turn] for verdicts in answers]
            assert (verdicts.count("started") + verdicts.count("admitted"), len(verdicts)) == (1, THREADS)
        assert in_doubt(calls) == [(f"payee {turn}", 1) for turn in range(ROUNDS)]
        assert calls.violations() == set()


def test_the_first_of_a_payee_is_waited_for_and_the_second_then_waits(database_url: str) -> None:
    with (
        connected(database_url) as calls,
        psycopg.connect(database_url) as first,
        connected(database_url) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        first.execute("SELECT")  # a transaction that stays open
        assert Calls(first).admit_verdicts(payment("pay-1", "payee")) == ["admitted"]
        waiting = thread.submit(lambda: retrying(lambda: other.admit(payment("pay-2", "payee"))))
        until_waiting(calls, other.connection)
        first.commit()
        assert waiting.result() == [("waiting", "held", 0)]
        assert calls.violations() == set()


def test_one_that_starts_while_another_is_admitted_is_busy_once_that_is_certain(database_url: str) -> None:
    with (
        connected(database_url) as calls,
        psycopg.connect(database_url) as first,
        connected(database_url) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        calls.admit(payment("pay-0", "payee"), payment("pay-1", "payee"))
        calls.settle(fails("pay-0"))
        first.execute("SELECT")
        assert Calls(first).admit_verdicts(payment("pay-2", "payee")) == ["admitted"]
        waiting = thread.submit(lambda: other.start_attempt("pay-1", 1))
        until_waiting(calls, other.connection)
        first.commit()
        assert waiting.result() == "busy"


def test_one_that_starts_goes_when_the_other_gives_up(database_url: str) -> None:
    with (
        connected(database_url) as calls,
        psycopg.connect(database_url) as first,
        connected(database_url) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        calls.admit(payment("pay-0", "payee"), payment("pay-1", "payee"))
        calls.settle(fails("pay-0"))
        first.execute("SELECT")
        Calls(first).admit(payment("pay-2", "payee"))
        waiting = thread.submit(lambda: other.start_attempt("pay-1", 1))
        until_waiting(calls, other.connection)
        first.rollback()
        assert waiting.result() == "started"
        assert in_doubt(calls) == [("payee", 1)]


def test_payees_are_taken_in_one_order_whatever_the_batch_says(database_url: str) -> None:
    with (
        connected(database_url) as calls,
        psycopg.connect(database_url) as first,
        connected(database_url) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        first.execute("SELECT")
        assert Calls(first).admit_verdicts(payment("pay-1", "payee 1")) == ["admitted"]
        batch = payment("pay-3", "payee 2"), payment("pay-4", "payee 1")
        waiting = thread.submit(lambda: retrying(lambda: other.admit_verdicts(*batch)))
        until_waiting(calls, other.connection)
        # The other waits for the first payee and has not taken the second: else these two would wait for each other.
        assert Calls(first).admit_verdicts(payment("pay-2", "payee 2")) == ["admitted"]
        first.commit()
        assert waiting.result() == ["waiting", "waiting"]


def test_of_two_that_bind_one_id_at_once_the_second_finds_it_taken(database_url: str) -> None:
    with (
        connected(database_url) as calls,
        psycopg.connect(database_url) as first,
        connected(database_url) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        calls.admit(payment("pay-1", "payee 1"), payment("pay-2", "payee 2"))
        first.execute("SELECT")
        assert Calls(first).settle(waits("pay-1", 1, "processing", provider_ref="w-1")) == ["settled"]
        waiting = thread.submit(lambda: other.settle(waits("pay-2", 1, "processing", provider_ref="w-1")))
        until_waiting(calls, other.connection)
        first.commit()
        assert waiting.result() == ["taken"]
        assert calls.bound("ccpayment", "w-1") == {"w-1"}
        assert (calls.order("pay-2") or {})["revision"] == 1


def test_one_id_ends_one_order_however_many_settle_with_it_at_once(database_url: str) -> None:
    with connected(database_url) as calls:
        calls.fund("100")
        for number in range(THREADS):
            calls.admit(
                *(payment(f"pay-{turn}-{number}", f"{turn} {number}", "user:alice1") for turn in range(ROUNDS))
            )

        def work(calls: Calls, number: int) -> list[str]:
            items = [
                succeeds(f"pay-{turn}-{number}", lines=moves(Decimal(1)), provider_ref=f"w-{turn}")
                for turn in range(ROUNDS)
            ]
            return [calls.settle(item)[0] for item in items]

        answers = at_once(database_url, work)
        for turn in range(ROUNDS):
            verdicts = sorted(verdicts[turn] for verdicts in answers)
            assert verdicts == ["settled", *["taken"] * (THREADS - 1)]
        assert calls.balance("user:bob123") == (ROUNDS, 0, ROUNDS)
        assert calls.violations() == set()
