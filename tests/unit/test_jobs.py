"""The jobs on orders: one that cannot be gone on with does not keep the others from their turn."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from schemas.registry import COMMANDS
from tests.unit.stand_in import StandIn
from tests.unit.test_settle import NOW, SENDING
from worker.errors import SchemaMissing
from worker.jobs.late_payments import take_late_payments
from worker.jobs.rescans import run_rescans
from worker.ledger import Settlement, Watched
from worker.order import Order
from worker.providers.protocol import Deposit, DepositSource, Provider
from worker.world import Policy, World

PAY_ORDER = {"type": "payOrder", "coin": "ETH", "amount": "0.5"}
RESCAN = {"type": "rescan", "chain": "TRX", "toAddress": "TDD1DYWk"}


def order(fields: dict[str, Any], order_id: str) -> Order:
    command = COMMANDS[str(fields["type"])].model_validate({**fields, "orderId": order_id})
    return replace(SENDING, command=command, provider=command.executed_by, created_at=NOW, attempts=0, doubtful=())


@dataclass
class Ledger:
    """The ledger's side: orders that are due, one of which makes every call about it fail."""

    orders: list[Order]
    bad: str
    error: Exception = field(default_factory=lambda: ZeroDivisionError("a bug"))
    postponed: list[str | None] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)

    async def take_deposits(self, _provider: str, _most: int) -> list[Watched]:
        return [Watched(unpaid(one.order_id), NOW - timedelta(hours=1), 0) for one in self.orders]

    async def claim(self, _providers: Sequence[str], _types: Sequence[str], _most: int) -> list[Order]:
        return self.orders

    async def read_orders(self, order_ids: Sequence[str]) -> list[Order]:
        return [replace(one, state="failed", due_at=None) for one in self.orders if one.order_id in order_ids]

    async def postpone_deposit(self, deposit: Deposit, _due_at: datetime | None) -> None:
        self.postponed.append(deposit.order_id)

    async def credited_deposit(self, _provider: str, command: Any, _account: str | None) -> None:
        if command.order_id == self.bad:
            raise self.error

    async def settle(self, settlement: Settlement) -> str:
        self.settled.append(settlement.order.order_id)
        return "stale"


def unpaid(order_id: str) -> Deposit:
    where: dict[str, Any] = dict.fromkeys(("amount", "fee", "tx_id", "output", "address", "memo"))
    return Deposit(
        "coinqpay", f"p-{order_id}", "payOrder", "failed", "merchant", "ETH", chain="", order_id=order_id, **where
    )


@dataclass
class Bank(StandIn):
    """A provider whose look-up of one order meets a bug."""

    bad: str = ""

    async def look_up(self, instruction: Any, trail: Any) -> Any:
        if instruction.order_id == self.bad:
            raise ZeroDivisionError("a bug")
        return await super().look_up(instruction, trail)


class Source:
    """Finds nothing, and is asked to look again."""

    name = "ccpayment"

    async def deposits(self, *_span: object, **_filters: object) -> Any:
        nothing: tuple[Deposit, ...] = ()
        for one in nothing:
            yield one

    async def rescan(self, *_payment: object) -> str:
        return "it looks again"


def world_of(ledger: Ledger, bank: Bank) -> World:
    return cast(
        "World",
        SimpleNamespace(
            ledger=ledger,
            clock=SimpleNamespace(now=lambda: NOW),
            policy=Policy(poll_seconds=2, review_after_seconds=900),
            providers={"ccpayment": bank, "coinqpay": bank},
        ),
    )


async def test_a_pay_order_that_cannot_be_settled_does_not_keep_the_others_from_being_looked_at() -> None:
    bank = Bank("coinqpay", "", bad="ord-2")
    ledger = Ledger([order(PAY_ORDER, f"ord-{number}") for number in (1, 2, 3)], bad="ord-2")
    assert await take_late_payments(cast("Provider", bank), world_of(ledger, bank)) == "3 pay orders looked at"
    assert [instruction.order_id for instruction, _ in bank.looked_up] == ["ord-1", "ord-3"]
    assert ledger.postponed == ["ord-1", "ord-2", "ord-3"]


async def test_a_rescan_that_cannot_be_run_does_not_keep_the_others_from_their_run() -> None:
    ledger = Ledger([order({**RESCAN, "txId": f"tx-{n}"}, f"res-{n}") for n in (1, 2, 3)], bad="res-2")
    ran = await run_rescans(cast("DepositSource", Source()), world_of(ledger, Bank()))
    assert ran == "1 failed, 2 requested"
    assert ledger.settled == ["res-1", "res-3"]


async def test_what_only_an_operator_can_mend_ends_the_run() -> None:
    ledger = Ledger([order({**RESCAN, "txId": "tx-1"}, "res-1")], bad="res-1", error=SchemaMissing("migrate"))
    with pytest.raises(SchemaMissing):
        await run_rescans(cast("DepositSource", Source()), world_of(ledger, Bank()))
