"""Many connections at once: nobody waits in a circle, nothing is done twice, nobody spends what is not there."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import Any

import psycopg
import pytest

from tests.sql.calls import Calls
from tests.sql.connections import THREADS, at_once, connected, retrying, until_waiting
from tests.sql.items import Intake, Line, Rejection, Settlement, event_of, fails, later, moves, succeeds, waits

ONE = Decimal(1)


def test_overlapping_batches_on_hot_accounts_admit_each_order_once_and_overdraw_nobody(database_url: str) -> None:
    accounts = ["user:alice1", "user:bob123", "user:carol5", "merchant"]
    with connected(database_url) as calls:
        for account in accounts:
            calls.fund("60", account)

        def work(calls: Calls, number: int) -> list[tuple[str, str]]:
            chance = random.Random(number)  # noqa: S311 - repeatable, not secret
            # The same orderIds for everybody, with accounts of their own: the hardest race for an orderId.
            items = [
                Intake(f"ord-{order}", account=chance.choice(accounts), fingerprint=chance.choice([b"one", b"two"]))
                for order in range(150)
            ]
            chance.shuffle(items)
            verdicts = []
            while items:
                batch = [items.pop() for _ in range(min(len(items), chance.randint(1, 40)))]
                answers = retrying(partial(calls.admit_verdicts, *batch))
                verdicts += [(item.order_id, verdict) for item, verdict in zip(batch, answers, strict=True)]
            return verdicts

        verdicts = [verdict for answers in at_once(database_url, work) for verdict in answers]
        admitted = Counter(order_id for order_id, verdict in verdicts if verdict == "admitted")
        assert set(admitted.values()) == {1}
        assert len(admitted) == calls.value("SELECT count(*) FROM ledger.orders WHERE type = 'transfer'")
        held = [calls.held(account) for account in accounts]
        assert sum(held) == len(admitted)
        assert max(held) <= 60
        assert calls.violations() == set()


def test_exactly_the_funds_there_are_can_be_held_by_all_together(database_url: str) -> None:
    with connected(database_url) as calls:
        calls.fund("100")

        def work(calls: Calls, number: int) -> int:
            verdicts = [calls.admit_verdicts(Intake(f"ord-{number}-{order}"))[0] for order in range(25)]
            return verdicts.count("admitted")

        assert sum(at_once(database_url, work)) == 100
        assert calls.balance() == (100, 100, 0)
        assert calls.violations() == set()


def test_order_ids_are_taken_in_one_order_whatever_the_batch_says(database_url: str) -> None:
    # Without holds there is no balance row whose lock would put them in a line first.
    first_item, second_item = (Intake(f"ord-{n}", account=None, coin=None, amount=None) for n in (1, 2))
    with (
        connected(database_url) as calls,
        psycopg.connect(database_url) as first,
        connected(database_url) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        first.execute("SELECT")  # a transaction that stays open
        assert Calls(first).admit_verdicts(first_item) == ["admitted"]
        waiting = thread.submit(lambda: retrying(lambda: other.admit_verdicts(second_item, first_item)))
        until_waiting(calls, other.connection)
        # The other waits for ord-1 and has not taken ord-2 before: else these two would wait for each other.
        assert Calls(first).admit_verdicts(second_item) == ["admitted"]
        first.commit()
        assert waiting.result() == ["duplicate", "duplicate"]


USERS = [f"user:{name}" for name in ("alice1", "bob123", "carol5", "dave77")]


def test_everything_at_once_keeps_every_promise(database_url: str) -> None:
    def work(calls: Calls, number: int) -> None:
        Storm(calls, number).rage()

    with connected(database_url) as calls:
        for user in USERS:
            calls.fund("1000", user)
        at_once(database_url, work)
        assert calls.violations() == set()
        assert calls.value("SELECT sum(posted) FROM ledger.account_balance") == 0
        ended = calls.value("SELECT count(*) FROM ledger.orders WHERE state IN ('succeeded', 'failed')")
        assert ended > 50, "the storm was none"
        bound = calls.value("SELECT count(*) FROM ledger.orders WHERE payee IS NOT NULL AND provider_ref IS NOT NULL")
        assert bound > 10, "nor of payments"


def payee_of(order_id: str) -> str | None:
    """Every second order is a payment without an order id, and few of them are equal."""
    number = int(order_id.removeprefix("ord-"))
    return f"payee {number % 100}" if number % 2 == 0 else None


class Storm:
    """One connection that does everything, in an order of its own, to orders that all others know too."""

    def __init__(self, calls: Calls, number: int) -> None:
        self.calls = calls
        self.number = number
        self.chance = random.Random(number)  # noqa: S311 - repeatable, not secret

    def rage(self) -> None:
        steps = [self.admit, self.settle, self.settle, self.reject, self.adjust, self.go_on, self.publish]
        for turn in range(40):
            names = [f"ord-{self.chance.randint(0, 300)}" for _ in range(self.chance.randint(1, 20))]
            step = self.chance.choice(steps)
            retrying(partial(step, names, f"{self.number}-{turn}"))

    def admit(self, names: list[str], _turn: str) -> None:
        items = (Intake(name, account=self.chance.choice(USERS), amount=ONE, payee=payee_of(name)) for name in names)
        self.calls.admit(*items)

    def settle(self, names: list[str], _turn: str) -> None:
        holders: dict[str, str] = dict(
            self.calls.connection.execute(
                "SELECT o.order_id, a.name FROM ledger.orders o JOIN ledger.account a ON a.id = o.hold_account_id"
                " WHERE o.order_id = ANY (%s) AND o.due_at IS NOT NULL",
                (names,),
            ).fetchall()
        )
        decisions = [
            self.decision(order["order_id"], order["revision"], order["doubtful"], holders[order["order_id"]])
            for order in self.calls.read(*holders)
        ]
        self.chance.shuffle(decisions)
        try:
            self.calls.settle(*decisions)
        except psycopg.errors.UniqueViolation:  # one id for two of the batch: one by one, as the worker does
            for decision in decisions:
                self.calls.settle(decision)

    def decision(self, order_id: str, revision: int, doubtful: list[int], holder: str) -> Settlement:
        if not doubtful:
            return fails(order_id, revision)
        receiver = self.chance.choice([*USERS, "merchant", f"user:new-{self.chance.randint(0, 50)}"])
        provider_ref = f"w-{self.chance.randint(0, 100)}"  # known of other orders too
        return self.chance.choice(
            [
                succeeds(order_id, revision, lines=moves(ONE, holder, receiver), provider_ref=provider_ref),
                fails(order_id, revision),
                waits(order_id, revision, "processing", provider_ref=provider_ref),
                waits(order_id, revision, "unknown", doubtful="{" + ",".join(map(str, doubtful)) + "}"),
            ]
        )

    def reject(self, names: list[str], turn: str) -> None:
        items = (Rejection(name, event_id=event_of(f"{name}/{turn}/{i}")) for i, name in enumerate(names))
        self.calls.reject(*items)

    def adjust(self, names: list[str], _turn: str) -> None:
        self.calls.adjust(names[0], self.chance.choice([ONE, ONE.copy_negate()]), self.chance.choice(USERS))

    def go_on(self, _names: list[str], _turn: str) -> None:
        claimed = self.calls.claim(now=later(60), lease_until=later(90), most=10)
        for order in self.calls.read(*claimed):
            self.calls.start_attempt(order["order_id"], order["revision"])

    def publish(self, _names: list[str], turn: str) -> None:
        token = event_of(f"token {turn}")
        taken = self.calls.take_outbox(now=later(60), token=token, lease_until=later(90), most=20)
        self.calls.announce(event_of(f"message {turn[-1]}"))
        self.calls.mark_outbox(*taken, token=token)


def test_accounts_that_all_need_at_once_are_opened_once(database_url: str) -> None:
    coins = [str(number) for number in range(12)]
    with connected(database_url) as calls:
        calls.fund("100")
        calls.admit(*(Intake(f"ord-{number}") for number in range(THREADS)))

        def work(calls: Calls, number: int) -> list[str]:
            order = coins[number:] + coins[:number]  # each from another end
            lines = [
                line
                for coin in order
                for line in (Line("custody", Decimal(-1), coin), Line("merchant", ONE, coin, "deposit"))
            ]
            return calls.settle(succeeds(f"ord-{number}", lines=(*moves(ONE), *lines)))

        assert at_once(database_url, work) == [["settled"]] * THREADS
        for coin in coins:
            assert calls.balance("merchant", coin) == (THREADS, 0, THREADS)
        assert calls.violations() == set()


def test_an_order_that_is_due_is_claimed_by_one(database_url: str) -> None:
    with connected(database_url) as calls:
        calls.fund("100")
        calls.admit(*(Intake(f"ord-{number}") for number in range(60)))

        def work(calls: Calls, _number: int) -> list[str]:
            mine: list[str] = []
            while claimed := calls.claim(now=later(30), lease_until=later(60), most=7):
                assert len(claimed) <= 7
                mine += claimed
            return mine

        claimed = [order_id for mine in at_once(database_url, work) for order_id in mine]
        assert sorted(claimed) == sorted(f"ord-{number}" for number in range(60))


def test_an_order_that_is_being_claimed_is_passed_over(database_url: str) -> None:
    with connected(database_url) as calls, psycopg.connect(database_url) as first:
        calls.fund("10")
        calls.admit(Intake("ord-1"))
        first.execute("SELECT")  # a transaction that stays open
        assert Calls(first).claim(now=later(30)) == {"ord-1"}
        calls.admit(Intake("ord-2"))
        assert calls.claim(now=later(30)) == {"ord-2"}


def test_an_event_is_taken_by_one(database_url: str) -> None:
    events = {event_of(f"message {number}") for number in range(60)}
    with connected(database_url) as calls:
        for event_id in events:
            calls.announce(event_id)

    def work(calls: Calls, number: int) -> list[Any]:
        mine: list[Any] = []
        while taken := calls.take_outbox(token=event_of(str(number)), lease_until=later(30), most=7):
            assert len(taken) <= 7
            mine += taken
        assert calls.mark_outbox(*mine, token=event_of(str(number))) == len(mine)
        return mine

    taken = [event_id for mine in at_once(database_url, work) for event_id in mine]
    assert len(taken) == len(events)
    assert set(taken) == events


def test_of_two_workers_that_settle_one_order_one_does(database_url: str) -> None:
    with connected(database_url) as calls:
        calls.fund("100")
        calls.admit(*(Intake(f"ord-{number}") for number in range(20)))

        def work(calls: Calls, number: int) -> int:
            items = [
                succeeds(f"ord-{order}", lines=moves(ONE)) if number % 2 else fails(f"ord-{order}")
                for order in range(20)
            ]
            random.Random(number).shuffle(items)  # noqa: S311 - repeatable, not secret
            return calls.settle(*items).count("settled")

        assert sum(at_once(database_url, work)) == 20
        assert calls.count("outbox") == 20
        assert calls.violations() == set()


@pytest.mark.parametrize(
    ("second", "verdict"),
    [
        pytest.param(
            lambda calls: calls.admit_verdicts(Intake("ord-1", account="user:bob123"))[0], "duplicate", id="admit"
        ),
        pytest.param(
            lambda calls: calls.admit_verdicts(Intake("ord-1", account="user:bob123", fingerprint=b"other"))[0],
            "conflict",
            id="admit with other content",
        ),
        pytest.param(lambda calls: calls.reject(Rejection("ord-1"))[0][0], "duplicate", id="reject"),
        pytest.param(
            lambda calls: calls.adjust("ord-1", ONE, "user:bob123", fingerprint=b"other"), "conflict", id="adjust"
        ),
    ],
)
def test_an_order_id_that_is_being_taken_is_waited_for_and_judged_anew(
    database_url: str, second: Callable[[Calls], str], verdict: str
) -> None:
    with (
        connected(database_url) as calls,
        psycopg.connect(database_url) as first,
        connected(database_url) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        calls.fund("10")
        calls.fund("10", "user:bob123")
        first.execute("SELECT")  # a transaction that stays open
        assert Calls(first).admit_verdicts(Intake("ord-1")) == ["admitted"]
        waiting = thread.submit(lambda: retrying(lambda: second(other)))
        until_waiting(calls, other.connection)
        first.commit()
        assert waiting.result() == verdict
        assert calls.balance("user:bob123") == (10, 0, 10)
        assert calls.violations() == set()


def test_an_order_id_whose_first_user_gave_up_is_free(database_url: str) -> None:
    with (
        connected(database_url) as calls,
        psycopg.connect(database_url) as first,
        connected(database_url) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        calls.fund("10")
        calls.fund("10", "user:bob123")
        first.execute("SELECT")
        Calls(first).admit(Intake("ord-1"))
        waiting = thread.submit(lambda: other.admit_verdicts(Intake("ord-1", account="user:bob123")))
        until_waiting(calls, other.connection)
        first.rollback()
        assert waiting.result() == ["admitted"]
        assert calls.violations() == set()


def test_whoever_waited_for_an_account_sees_what_is_left_of_it(database_url: str) -> None:
    with (
        connected(database_url) as calls,
        psycopg.connect(database_url) as first,
        connected(database_url) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        calls.fund("10")
        first.execute("SELECT")
        Calls(first).admit(Intake("ord-1", amount=Decimal(6)))
        waiting = thread.submit(lambda: other.admit_verdicts(Intake("ord-2", amount=Decimal(5)), Intake("ord-1")))
        until_waiting(calls, other.connection)
        first.commit()
        assert waiting.result() == ["insufficient_funds", "duplicate"]


def test_whoever_waited_for_an_order_finds_its_decision_stale(database_url: str) -> None:
    with (
        connected(database_url) as calls,
        psycopg.connect(database_url) as first,
        connected(database_url) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        calls.fund("10")
        calls.admit(Intake("ord-1"))
        first.execute("SELECT")
        assert Calls(first).claim(now=later(30)) == {"ord-1"}
        waiting = thread.submit(lambda: other.settle(succeeds("ord-1", lines=moves(ONE))))
        until_waiting(calls, other.connection)
        first.commit()
        assert waiting.result() == ["stale"]
        assert calls.balance() == (10, 1, 9)
        assert calls.violations() == set()
