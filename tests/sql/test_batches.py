"""A batch is its items, one by one, in order: the same verdicts, and the same books in every column."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.money import EXACT
from tests.sql.calls import Calls
from tests.sql.items import Event, Intake, Line, Rejection, Settlement, event_of, later, waits

Item = TypeVar("Item")
Answer = TypeVar("Answer")

# What the books hold, under names instead of the ids that differ from run to run.
BOOKS = {
    "balance": "SELECT s.provider, s.coin, a.name, b.posted, b.held, b.floor, b.version FROM ledger.balance b"
    " JOIN ledger.account a ON a.id = b.account_id JOIN ledger.asset s ON s.id = a.asset_id",
    "orders": "SELECT to_jsonb(o) - 'hold_account_id', a.name FROM ledger.orders o"
    " LEFT JOIN ledger.account a ON a.id = o.hold_account_id",
    "attempt": "SELECT * FROM ledger.attempt",
    "evidence": "SELECT to_jsonb(e) - 'id' FROM ledger.evidence e",
    "entry": "SELECT s.coin, a.name, e.version, j.order_id, e.line, e.amount, e.purpose, e.balance_after"
    " FROM ledger.entry e JOIN ledger.journal j ON j.id = e.journal_id JOIN ledger.account a ON a.id = e.account_id"
    " JOIN ledger.asset s ON s.id = a.asset_id",
    "outbox": "SELECT * FROM ledger.outbox",
}

examples = settings(max_examples=100, deadline=None)


@pytest.fixture(scope="module")
def connection(shared_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(shared_url, autocommit=True) as opened:
        yield opened


def assert_folds(
    connection: psycopg.Connection,
    prepare: Callable[[Calls], object],
    run: Callable[[Calls, Sequence[Item]], list[Answer]],
    items: Sequence[Item],
) -> list[Answer]:
    """Run them as one batch and, on the same books, one by one; compare all there is to see."""

    def outcome(batches: Sequence[Sequence[Item]]) -> tuple[list[Answer], dict[str, list[Any]]]:
        with connection.transaction(force_rollback=True):
            calls = Calls(connection)
            prepare(calls)
            answers = [answer for batch in batches for answer in run(calls, batch)]
            assert calls.violations() == set()
            return answers, books(calls)

    together = outcome([items])
    singly = outcome([[item] for item in items])
    assert together == singly
    return together[0]


def books(calls: Calls) -> dict[str, list[Any]]:
    """Every table, in an order of its content."""
    return {
        table: sorted(calls.connection.execute(query.encode()).fetchall(), key=repr) for table, query in BOOKS.items()
    }


# ---------------------------------------------------------------- admit and reject

FUNDED = {"user:alice1": Decimal(10), "user:bob123": Decimal("2.5"), "merchant": Decimal("0.000000000000000001")}

amounts = st.sampled_from(
    [Decimal(text) for text in ("0.000000000000000001", "0.5", "1", "2.5", "3", "9.999999999999999999", "10", "11")]
)
order_ids = st.integers(0, 7).map(lambda number: f"ord-{number}")
contents = st.sampled_from([b"one", b"two"])


@st.composite
def intakes(draw: st.DrawFn) -> Intake:
    account = draw(st.sampled_from(["user:alice1", "user:alice1", *FUNDED, "user:nobody", "custody", None]))
    return Intake(
        draw(order_ids),
        fingerprint=draw(contents),
        account=account,
        coin=account and draw(st.sampled_from(["1280", "1280", "1280", "1329"])),
        amount=draw(amounts) if account else None,
        body=draw(st.sampled_from([b"body", b"body", None])),
        payee=draw(st.sampled_from([None, "one payee", "another"])),
        signature=draw(st.sampled_from(["one moment", "another", "a third"])),
        provider=draw(st.sampled_from(["ccpayment", "ccpayment", "coinqpay"])),
    )


@examples
@given(
    earlier=st.lists(intakes(), max_size=5),
    refused=st.booleans(),
    items=st.lists(intakes(), min_size=1, max_size=40),
)
def test_admitting_a_batch_is_admitting_its_items_one_by_one(
    connection: psycopg.Connection, earlier: list[Intake], refused: bool, items: list[Intake]
) -> None:
    def prepare(calls: Calls) -> None:
        for account, amount in FUNDED.items():
            for provider in ("ccpayment", "coinqpay"):
                order_id = f"fund-{provider}-{account.replace(':', '-')}"
                assert calls.adjust(order_id, amount, account, provider=provider) == "adjusted"
        for item in earlier:
            calls.admit(item)
            if refused:  # what they have signed may be signed by others too, and is in doubt no more
                calls.settle(waits(item.order_id, 1, "held", doubtful="{}"))

    assert_folds(connection, prepare, lambda calls, batch: calls.admit(*batch), items)


@st.composite
def rejections(draw: st.DrawFn) -> Rejection:
    return Rejection(draw(order_ids), fingerprint=draw(contents), error_code=draw(st.sampled_from(["a", "b"])))


@examples
@given(earlier=st.lists(rejections(), max_size=3), items=st.lists(rejections(), min_size=1, max_size=40))
def test_rejecting_a_batch_is_rejecting_its_items_one_by_one(
    connection: psycopg.Connection, earlier: list[Rejection], items: list[Rejection]
) -> None:
    def prepare(calls: Calls) -> None:
        for item in earlier:
            calls.reject(item)
        calls.adjust("fund", Decimal(1))
        calls.admit(Intake("ord-0"))

    def run(calls: Calls, batch: Sequence[Rejection]) -> list[tuple[str, str | None, int | None]]:
        return calls.reject(*(with_event_of_its_own(item) for item in batch))

    assert_folds(connection, prepare, run, items)


def with_event_of_its_own(item: Rejection) -> Rejection:
    name = f"{item.order_id}/{item.fingerprint!r}/{item.error_code}"
    return Rejection(
        item.order_id, fingerprint=item.fingerprint, error_code=item.error_code, event_id=event_of(name, 1)
    )


# ---------------------------------------------------------------- settle


@dataclass(frozen=True)
class Held:
    """An order as it stands before the batch. Its payment has no order id when it has a payee."""

    order_id: str
    payee: str | None
    account: str
    amount: Decimal
    revision: int


@dataclass(frozen=True)
class Books:
    """Open orders and a batch of decisions about them."""

    orders: list[Held]
    decisions: list[Settlement]


ACCOUNTS = ("user:alice1", "user:bob123", "merchant", "custody")
TAKEN = "ref-taken"
WAITING = ("held", "sending", "unknown", "processing", "review")


@st.composite
def settlements(draw: st.DrawFn) -> Books:
    count = draw(st.integers(1, 12))
    orders = [
        Held(
            f"ord-{number}",
            draw(st.sampled_from([None, f"payee {number}"])),
            draw(st.sampled_from(ACCOUNTS[:3])),
            draw(amounts),
            draw(st.integers(1, 3)),
        )
        for number in range(count)
    ]
    numbers = st.integers(0, count - 1)
    decisions = [draw(decision(orders[draw(numbers)], number)) for number in range(draw(st.integers(1, 40)))]
    return Books(orders, decisions)


@st.composite
def decision(draw: st.DrawFn, order: Held, number: int) -> Settlement:
    # Now and then a stale one, or one from a future that never was.
    revision = order.revision + draw(st.sampled_from([0, 0, 0, -1, 9]))
    state = draw(st.sampled_from(["succeeded", "succeeded", "failed", *WAITING]))
    is_over = state in ("succeeded", "failed")
    due_at: datetime | None = None if is_over else later(draw(st.integers(0, 60)))
    # An id of its own, or one that belongs to another order. One id for two orders of a batch is another test's: it
    # fails the batch, and only the caller's second way, one by one, gives the answers.
    provider_ref = draw(st.sampled_from([None, f"ref-{number}", f"ref-{number}", TAKEN]))
    told = draw(st.integers(1 if is_over else 0, 3))
    return Settlement(
        order.order_id,
        revision,
        state,
        due_at=due_at,
        provider_ref=provider_ref,
        error_code=draw(st.sampled_from([None, "why"])),
        doubtful=draw(st.sampled_from(["{}", "{1}", "{1,2}"])),
        absent_at=draw(st.sampled_from([None, later(1)])),
        polls=draw(st.integers(0, 3)),
        verdict=draw(st.sampled_from(["unknown", f"verdict-{number}"])),
        events=tuple(
            Event(
                uuid.UUID(int=1000 + 10 * number + sequence),
                sequence,
                terminal=is_over and sequence == told,
                routing_key=f"transfer.{state}",
            )
            for sequence in range(1, told + 1)
        ),
        lines=draw(lines_of(order)) if state == "succeeded" else (),
    )


@st.composite
def lines_of(draw: st.DrawFn, order: Held) -> tuple[Line, ...]:
    """What the order holds goes to one or two others; a fee in another coin now and then."""
    receiver = draw(st.sampled_from(ACCOUNTS))
    lines = [Line(order.account, order.amount.copy_negate()), Line(receiver, order.amount)]
    if draw(st.booleans()):
        half = EXACT.multiply(order.amount, Decimal("0.5"))
        lines[1:] = [Line(receiver, half), Line("custody", half, purpose="provider_fee")]
    if draw(st.booleans()):
        other = draw(amounts)
        lines += [Line("custody", other.copy_negate(), "1329"), Line(order.account, other, "1329")]
    return tuple(lines)


@examples
@given(drawn=settlements())
def test_settling_a_batch_is_settling_its_items_one_by_one(connection: psycopg.Connection, drawn: Books) -> None:
    def prepare(calls: Calls) -> None:
        calls.admit(Intake("ord-taken", account=None, coin=None, amount=None, payee="a payee"))
        calls.settle(waits("ord-taken", 1, "processing", provider_ref=TAKEN))
        for number, order in enumerate(drawn.orders):
            assert calls.adjust(f"fund-{number}", order.amount, order.account) == "adjusted"
            item = Intake(order.order_id, account=order.account, amount=order.amount, payee=order.payee)
            assert calls.admit_verdicts(item) == ["admitted"]
            for revision in range(1, order.revision):
                assert calls.start_attempt(order.order_id, revision) == "started"

    assert_folds(connection, prepare, lambda calls, batch: calls.settle(*batch), drawn.decisions)


# ---------------------------------------------------------------- adjust


@st.composite
def adjustments(draw: st.DrawFn) -> tuple[str, Decimal, str, bytes]:
    sign = draw(st.sampled_from([1, 1, -1]))
    amount = draw(amounts)
    account = draw(st.sampled_from(["user:alice1", "user:bob123", "merchant"]))
    return draw(order_ids), amount if sign > 0 else amount.copy_negate(), account, draw(contents)


@examples
@given(items=st.lists(adjustments(), min_size=1, max_size=30))
def test_adjustments_do_what_a_plain_model_does(
    connection: psycopg.Connection, items: list[tuple[str, Decimal, str, bytes]]
) -> None:
    model: dict[str, Decimal] = {}
    done: dict[str, bytes] = {}
    with connection.transaction(force_rollback=True):
        calls = Calls(connection)
        for order_id, amount, account, content in items:
            after = EXACT.add(model.get(account, Decimal(0)), amount)
            if order_id in done:
                expected = "duplicate" if done[order_id] == content else "conflict"
            elif after < 0:
                expected = "insufficient_funds"
            else:
                expected = "adjusted"
                model[account], done[order_id] = after, content
            assert calls.adjust(order_id, amount, account, fingerprint=content) == expected
        for account, posted in model.items():
            assert calls.balance(account) == (posted, 0, posted)
        total = Decimal(0)
        for posted in model.values():
            total = EXACT.add(total, posted)
        custody = calls.balance("custody")
        assert custody is not None
        assert custody[0] == total.copy_negate()
        assert calls.violations() == set()
