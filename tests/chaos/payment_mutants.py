"""Mutations of the code that pays and credits: each breaks one promise."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from worker import flow
from worker.jobs import rescans as rescan_job
from worker.providers.coinqpay import judge
from worker.providers.coinqpay import provider as coinqpay
from worker.providers.protocol import Absent, Collected, Deposit, Processing, Refused, Sent, Succeeded, Unknown
from worker.steps import decide as decide_step
from worker.steps import resolve as resolve_step
from worker.steps import settle as settle_step
from worker.steps import submit as submit_step
from worker.steps.credit import credit
from worker.web import confirm as confirm_handler
from worker.web import webhooks


def late_is_not_too_late(patch: pytest.MonkeyPatch) -> None:
    """A worker that stood still sends what it once wrote down, however long ago."""
    patch.setattr("worker.steps.submit.SEND_WITHIN", timedelta(days=1))


def approve_before_binding(patch: pytest.MonkeyPatch) -> None:
    """The second confirmation is answered OK, and the binding left to a look at the list."""

    async def confirm(withdrawal_id: str, provider: Any, world: Any) -> str:
        record = await provider.withdrawal(withdrawal_id)
        order = record and await world.ledger.payment_in_doubt(provider.name, judge.payee_of(record))
        return "confirmed" if order else "refused"

    patch.setattr(webhooks, "confirm", confirm)


def approve_everything(patch: pytest.MonkeyPatch) -> None:
    """Whoever asks is told OK."""

    async def confirm(_withdrawal_id: str, _provider: Any, _world: Any) -> str:
        return "confirmed"

    patch.setattr(webhooks, "confirm", confirm)


def forget_what_is_bound(patch: pytest.MonkeyPatch) -> None:
    """The second confirmation knows no withdrawal but those that are bound by it now."""

    async def confirm(withdrawal_id: str, provider: Any, world: Any) -> str:
        record = await provider.withdrawal(withdrawal_id)
        order = await world.ledger.payment_in_doubt(provider.name, judge.payee_of(record))
        if order is None:
            return await confirm_handler._refuse(record, "nobody's", provider, world)
        await settle_step.settle(order, Processing(record.id), "record", world)
        return "confirmed"

    patch.setattr(webhooks, "confirm", confirm)


def refuse_what_cannot_be_read(patch: pytest.MonkeyPatch) -> None:
    """A withdrawal that is not confirmed at once is refused, though nobody could look at it."""
    original = confirm_handler.confirm

    async def confirm(withdrawal_id: str, provider: Any, world: Any) -> str:
        answer = await original(withdrawal_id, provider, world)
        if answer == "unknown":
            await world.ledger.refuse_confirmation(provider.name, withdrawal_id, "", "cannot be read")
            return "refused"
        return answer

    patch.setattr(webhooks, "confirm", confirm)


def address_does_not_matter(patch: pytest.MonkeyPatch) -> None:
    """Withdrawals are told apart by coin and amount alone."""

    def differing_fields(record: Any, instruction: Any) -> list[str]:
        equal = record.coin == instruction.coin and record.withdraw_amount == Decimal(instruction.amount)
        return [] if equal else ["withdraw_amount"]

    patch.setattr(judge, "differing_fields", differing_fields)
    patch.setattr(coinqpay, "differing_fields", differing_fields)


def void_on_unknown(patch: pytest.MonkeyPatch) -> None:
    """A timeout is taken for a refusal."""
    original = settle_step.decide

    def decide(order: Any, finding: Any, *rest: Any) -> Any:
        if isinstance(finding, Unknown):
            finding = Refused(finding.code, finding.message)
        return original(order, finding, *rest)

    patch.setattr(settle_step, "decide", decide)


def resend_in_doubt(patch: pytest.MonkeyPatch) -> None:
    """What is not in the list yet is sent again."""
    patch.setattr(
        flow,
        "may_send_again",
        lambda order, _world: order.state in ("held", "sending", "unknown") and order.attempts < 4,
    )


def the_first_will_do(patch: pytest.MonkeyPatch) -> None:
    """Of several withdrawals that may be an order's the first is taken."""

    async def choose(_order: Any, found: Any, world: Any) -> Any:
        taken = await world.ledger.bound("coinqpay", [ref for ref, _ in found.found])
        return next((outcome for ref, outcome in found.found if ref not in taken), Absent(found.covered))

    patch.setattr(submit_step, "choose", choose)


def time_does_not_matter(patch: pytest.MonkeyPatch) -> None:
    """A withdrawal of any time is taken for the order's."""
    patch.setattr(coinqpay.CoinQPay, "is_in_time", lambda *_: True)


def absence_at_once(patch: pytest.MonkeyPatch) -> None:
    """What is not in the list is not there."""
    original = coinqpay.CoinQPay.__init__

    def init(self: Any, *arguments: Any) -> None:
        original(self, *arguments)
        self.settling_time = timedelta(0)

    patch.setattr(coinqpay.CoinQPay, "__init__", init)
    patch.setattr(decide_step, "ABSENCE_APART", timedelta(0))


def seven_is_failed(patch: pytest.MonkeyPatch) -> None:
    """An exception at the provider is taken for "not paid"."""
    patch.setattr(judge, "NOT_PAID", {**judge.NOT_PAID, 7: "exception"})


def hints_are_believed(patch: pytest.MonkeyPatch) -> None:
    """What a status webhook says is posted."""

    async def withdrawal(self: Any, body: bytes, _headers: Mapping[str, str]) -> Any:
        notice = webhooks.read_coinqpay(webhooks.Withdrawal, body)
        world = self._world
        known = await world.ledger.confirmation(self._provider.name, notice.id)
        for order in await world.ledger.read_orders([known.order_id] if known.order_id else []):
            instruction = settle_step.RULES[order.command.type].instruction(order.command, self._provider)
            await settle_step.settle(order, judge.judge_withdrawal(notice, instruction), "record", world)
        return webhooks.PlainTextResponse("OK")

    patch.setattr(webhooks._CoinQPay, "withdrawal", withdrawal)


def persons_are_believed(patch: pytest.MonkeyPatch) -> None:
    """The id that a person names is taken as it is."""

    async def _read_back(_order: Any, resolution: Any, _world: Any) -> Any:
        return Succeeded(resolution.executed_as, Sent(Decimal("4.8951"), Decimal("0.1049"), None))

    patch.setattr(resolve_step, "_read_back", _read_back)


def ordered_is_paid(patch: pytest.MonkeyPatch) -> None:
    """A pay order is credited with what was asked for."""
    original = coinqpay.judge_pay_order

    def judge_pay_order(record: Any, instruction: Any) -> Any:
        found = original(record, instruction)
        if isinstance(found, Succeeded) and isinstance(found.receipt, Collected):
            return replace(found, receipt=replace(found.receipt, amount=record.original_amount))
        return found

    patch.setattr(coinqpay, "judge_pay_order", judge_pay_order)


def expired_is_over(patch: pytest.MonkeyPatch) -> None:
    """A pay order that has ended unpaid is never looked at again."""

    async def nothing(*_arguments: Any) -> str:
        return "nothing"

    patch.setattr("tests.chaos.processes.take_late_payments", nothing)


def risky_is_money(patch: pytest.MonkeyPatch) -> None:
    """A flag of the provider is not heeded."""
    original = Deposit.__init__

    def init(self: Any, **fields: Any) -> None:
        original(self, **{**fields, "state": "final" if fields["state"] == "risky" else fields["state"]})

    patch.setattr(Deposit, "__init__", init)


def rescan_credits(patch: pytest.MonkeyPatch) -> None:
    """A rescan credits what it was asked to look for."""
    original = rescan_job.rescan

    async def rescan(order: Any, source: Any, world: Any) -> Any:
        ran = await original(order, source, world)
        if ran == "requested":
            deposit = Deposit(
                provider=source.name,
                record_id=f"rescan-{order.order_id}",
                kind="user",
                state="final",
                account="user:alice1",
                coin="1280",
                amount=Decimal(10),
                fee=Decimal(0),
                chain=order.command.chain,
                tx_id=None,
                output=None,
                address=order.command.to_address,
                memo=None,
            )
            await credit(deposit, world.clock.now(), world)
        return ran

    patch.setattr(rescan_job, "rescan", rescan)
