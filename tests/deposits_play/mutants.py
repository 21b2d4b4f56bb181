"""Changes of the rules of deposits that the oracle must notice, and the seeds in which it did."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import sql
from tests.chaos import payment_mutants as chaos
from worker.jobs import deposit_lists
from worker.providers.ccpayment.source import CCPaymentDeposits
from worker.providers.protocol import Collected, Succeeded
from worker.steps import settle as settle_step
from worker.web import webhooks

Patch = pytest.MonkeyPatch
DEPOSIT_SQL = (Path(sql.__file__).parent / "functions" / "22_deposit.sql").read_text()


@dataclass(frozen=True)
class Mutant:
    """A broken rule, in the code or in the database, and the seeds that are tried."""

    name: str
    seeds: tuple[int, ...]
    plant: Callable[[Patch], None] = lambda _: None
    statements: tuple[str, ...] = field(default=())
    is_quick: bool = True  # one of its seeds notices it; others take many, and are left to the long run


def _sql(*changes: tuple[str, str]) -> str:
    text = DEPOSIT_SQL
    for old, new in changes:
        assert old in text, f"there is no {old!r}"
        text = text.replace(old, new)
    return text


def _output_does_not_matter(patch: Patch) -> None:
    """Two equal payments of one transaction are taken for one."""
    original = CCPaymentDeposits._read
    patch.setattr(CCPaymentDeposits, "_read", lambda self, record: replace(original(self, record), output=None))


def _memo_does_not_matter(patch: Patch) -> None:
    original = CCPaymentDeposits._read
    patch.setattr(CCPaymentDeposits, "_read", lambda self, record: replace(original(self, record), memo=None))


def _no_overlap(patch: Patch) -> None:
    """A list is read from where it was last read: what is listed late is missed."""
    patch.setattr(deposit_lists, "OVERLAP", timedelta(0))


def _webhook_is_believed(patch: Patch) -> None:
    """What a pay order's webhook says was paid is credited."""

    async def pay_order(self: Any, body: bytes, _headers: Any) -> Any:
        notice = webhooks.read_coinqpay(webhooks.PayOrder, body)
        world = self._world
        for order in await world.ledger.read_orders([notice.order_id]):
            if notice.pay_amount:
                paid = Collected(notice.pay_amount, notice.chain, notice.address, notice.tx_hash)
                await settle_step.settle(order, Succeeded(notice.payment_id, paid), "record", world)
        return webhooks.PlainTextResponse("OK")

    patch.setattr(webhooks._CoinQPay, "pay_order", pay_order)


def _net_is_gross(patch: Patch) -> None:
    """The provider's fee is forgotten."""
    original = CCPaymentDeposits._read
    patch.setattr(CCPaymentDeposits, "_read", lambda self, record: replace(original(self, record), fee=Decimal(0)))


CREDIT_AGAIN = (
    "ALTER TABLE ledger.journal DROP CONSTRAINT journal_once",
    "ALTER TABLE ledger.outbox DROP CONSTRAINT outbox_pkey",
    "DROP INDEX ledger.deposit_once",
    _sql(
        ("IF known = 'credited' THEN", "IF false THEN"),
        ("AND (d.output IS NULL OR credit_deposit.output IS NULL)) THEN", "AND false) THEN"),
        ("\n     WHERE d.state NOT IN ('credited', EXCLUDED.state);", ";"),
    ),
)
TWO_RECORDS = (
    "DROP INDEX ledger.deposit_once",
    _sql(("AND (d.output IS NULL OR credit_deposit.output IS NULL)) THEN", "AND false) THEN")),
)
SAME_PLACE = (
    _sql(
        ("AND o.due_at IS NOT NULL AND o.events = credit_deposit.sequence - 1\n", "\n"),
        ("SET events = o.events + 1, revision = o.revision + 1 WHERE", "SET events = o.events WHERE false AND"),
    ),
)

MUTANTS = (
    Mutant("credited again by whoever finds it", (2,), statements=CREDIT_AGAIN),
    Mutant("two records of one payment are two payments", (10,), statements=TWO_RECORDS),
    Mutant("an event takes a place that is taken", (2,), statements=SAME_PLACE),
    Mutant("the output does not matter", (1,), _output_does_not_matter, is_quick=False),
    Mutant("the memo does not matter", (20,), _memo_does_not_matter, is_quick=False),
    Mutant("lists are read without overlap", (30,), _no_overlap, is_quick=False),
    Mutant("a webhook is believed", (2,), _webhook_is_believed),
    Mutant("the fee is forgotten", (1,), _net_is_gross),
    Mutant("a rescan credits by itself", (2,), chaos.rescan_credits, is_quick=False),
    Mutant("a flag is not heeded", (3,), chaos.risky_is_money),
    Mutant("what was ordered is what was paid", (5,), chaos.ordered_is_paid),
    Mutant("expired is over", (5,), chaos.expired_is_over, is_quick=False),
)
