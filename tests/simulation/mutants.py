"""Changes of the protocol that the oracle must notice. Each breaks one rule, in the code or in the store."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest

from tests.simulation.store import Store
from worker import flow
from worker.providers.coinqpay import api, errors, judge, provider
from worker.providers.coinqpay.provider import CoinQPay
from worker.providers.coinqpay.records import CreatedWithdrawal
from worker.providers.meaning import Meaning
from worker.providers.protocol import Absent, Processing, Refused, Unknown
from worker.steps import decide as decide_step
from worker.steps import resolve as resolve_step
from worker.steps import settle as settle_step
from worker.steps import submit as submit_step
from worker.web import confirm as confirm_web
from worker.web import webhooks as webhooks_web

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Mutant:
    """A broken rule, and the seed at which it was last noticed: tried first, to spare time."""

    name: str
    plant: Callable[[Patch], None]
    noticed_at: int


def _no_slot(patch: Patch) -> None:
    patch.setattr(Store, "admit", _without_payee(Store.admit))
    original = Store.start_attempt

    def start_attempt(self: Store, order: Any, prepared: Any, _payee: Any, *rest: Any) -> Any:
        row = self.orders[order.order_id]
        payee, row.payee = row.payee, None
        verdict = original(self, order, prepared, None, *rest)
        row.payee = payee
        return verdict

    patch.setattr(Store, "start_attempt", start_attempt)


def _without_payee(original: Callable[..., Any]) -> Callable[..., Any]:
    def admit(self: Store, item: Any, *rest: Any) -> Any:
        is_new = item.command.order_id not in self.orders
        admission = original(self, replace(item, payee=None), *rest)
        if is_new and item.command.order_id in self.orders:
            self.orders[item.command.order_id].payee = item.payee
        return admission

    return admit


def _late_is_not_too_late(patch: Patch) -> None:
    patch.setattr(submit_step, "SEND_WITHIN", timedelta(days=1))


def _sign_again(patch: Patch) -> None:
    """What was written down is signed anew for the moment at which it is sent."""
    original = CoinQPay.execute

    async def execute(self: Any, instruction: Any, prepared: Any, send_by: Any) -> Any:
        return await original(self, instruction, self.prepare(instruction, self._now()), send_by)

    patch.setattr(CoinQPay, "execute", execute)


def _send_again_in_doubt(patch: Patch) -> None:
    original = submit_step.may_send_again

    def may_send_again(order: Any, world: Any) -> bool:
        return original(order, world) or order.state == "unknown"

    patch.setattr(flow, "may_send_again", may_send_again)


def _absent_at_the_first_look(patch: Patch) -> None:
    patch.setattr(decide_step, "ABSENCE_APART", timedelta(0))
    original = decide_step._absent

    def absent(wait: Any, covered: bool, settling: timedelta) -> Any:
        if wait.order.absent_at is None and wait.order.attempted_at is not None:
            wait.order = replace(wait.order, absent_at=wait.now)
        return original(wait, covered, settling)

    patch.setattr(decide_step, "_absent", absent)


def _absent_too_early(patch: Patch) -> None:
    original = CoinQPay.__init__

    def init(self: Any, *arguments: Any) -> None:
        original(self, *arguments)
        self.settling_time = timedelta(0)

    patch.setattr(CoinQPay, "__init__", init)


def _absent_without_coverage(patch: Patch) -> None:
    patch.setattr(provider, "_covers", lambda *_: True)


def _confirm_before_it_is_bound(patch: Patch) -> None:
    """The answer does not wait for the binding."""
    original = confirm_web.apply
    under_way: set[Any] = set()

    async def apply(order: Any, finding: Any, source: Any, world: Any) -> str:
        task = asyncio.create_task(original(order, finding, source, world))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        return "settled"

    known = confirm_web._known
    asked: dict[str, int] = {}

    async def known_already(withdrawal_id: str, *rest: Any) -> Any:
        answer = await known(withdrawal_id, *rest)
        asked[withdrawal_id] = asked.get(withdrawal_id, 0) + 1
        return "confirmed" if answer is None and asked[withdrawal_id] % 2 == 0 else answer

    patch.setattr(confirm_web, "apply", apply)
    patch.setattr(confirm_web, "_known", known_already)


def _confirm_what_is_said(patch: Patch) -> None:
    """The question itself is believed, and not read back."""

    async def confirm(self: Any, body: bytes, headers: Any) -> Any:
        try:
            notice = webhooks_web.read_coinqpay(webhooks_web.Confirmation, body)
        except webhooks_web.Unreadable:
            return webhooks_web.PlainTextResponse("unreadable", 409)

        async def withdrawal(_id: str) -> Any:
            return CreatedWithdrawal(**notice.model_dump() | _texts(notice), status=1)

        believing = _Believing(self._provider, withdrawal)
        answer = await confirm_web.confirm(notice.id, believing, self._world)  # type: ignore[arg-type]
        is_confirmed = answer == "confirmed"
        return webhooks_web.PlainTextResponse("OK" if is_confirmed else answer, 200 if is_confirmed else 409)

    patch.setattr(webhooks_web._CoinQPay, "confirm", confirm)


def _texts(notice: Any) -> dict[str, Any]:
    names = ("withdraw_amount", "fee", "actual_amount")
    return {name: str(getattr(notice, name)) for name in names} | {"create_time": int(notice.create_time.timestamp())}


class _Believing:
    """A provider whose record is what somebody says it is."""

    def __init__(self, original: CoinQPay, withdrawal: Callable[[str], Any]) -> None:
        self._original = original
        self.withdrawal = withdrawal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


def _forget_refusals(patch: Patch) -> None:
    original = Store.confirmation
    patch.setattr(Store, "confirmation", lambda *arguments: replace(original(*arguments), refused=False))


def _bind_what_is_taken(patch: Patch) -> None:
    patch.setattr(Store, "is_taken", lambda *_: False)
    patch.setattr(Store, "bound", lambda *_: set())


def _any_address(patch: Patch) -> None:
    original = judge.differing_fields

    def differing_fields(*arguments: Any) -> list[str]:
        return [name for name in original(*arguments) if name != "address"]

    patch.setattr(judge, "differing_fields", differing_fields)
    patch.setattr(provider, "differing_fields", differing_fields)


def _exception_is_failed(patch: Patch) -> None:
    patch.setattr(judge, "NOT_PAID", MappingProxyType({**judge.NOT_PAID, 7: "failed", 8: "failed"}))


def _void_on_unknown(patch: Patch) -> None:
    original = settle_step.decide

    def decide(order: Any, finding: Any, *rest: Any) -> Any:
        is_answer = isinstance(finding, Unknown) and finding.code == "no_answer"
        return original(order, Refused(finding.code, finding.message) if is_answer else finding, *rest)

    patch.setattr(settle_step, "decide", decide)


def _any_time(patch: Patch) -> None:
    patch.setattr(CoinQPay, "is_in_time", lambda *_: True)


def _person_may_give_up(patch: Patch) -> None:
    original = resolve_step._finding

    async def finding(order: Any, resolution: Any, world: Any) -> Any:
        if resolution.executed_as is None:
            return Refused("not_executed", "a person says so", by_record=True)
        return await original(order, resolution, world)

    patch.setattr(resolve_step, "_finding", finding)


def _person_may_name_anything(patch: Patch) -> None:
    async def read_back(_order: Any, resolution: Any, _world: Any) -> Any:
        return Processing(resolution.executed_as)

    patch.setattr(resolve_step, "_read_back", read_back)


def _replay_is_a_refusal(patch: Patch) -> None:
    patch.setattr(errors, "CODES", {**errors.CODES, 1005: (Meaning.REFUSED, "replay_detected")})


def _old_revisions_count(patch: Patch) -> None:
    original = Store.settle

    def settle(self: Store, item: Any, *rest: Any) -> Any:
        row = self.orders[item.order.order_id]
        return original(self, replace(item, order=replace(item.order, revision=row.revision)), *rest)

    patch.setattr(Store, "settle", settle)


def _half_a_list_is_a_list(patch: Patch) -> None:
    """A look-up that fails is taken for one that found nothing."""
    original = CoinQPay.look_up

    async def look_up(self: Any, instruction: Any, trail: Any) -> Any:
        found = await original(self, instruction, trail)
        return Absent() if isinstance(found, Unknown) else found

    patch.setattr(CoinQPay, "look_up", look_up)


def _error_500_is_believed(patch: Patch) -> None:
    """What is unreadable after a request has arrived is taken for a request that has not."""
    original = api.Api.post

    async def post(*arguments: Any) -> Any:
        try:
            return await original(*arguments)
        except provider.Unreadable as error:
            raise provider.NotSent(str(error)) from None

    patch.setattr(api.Api, "post", post)


def _ack_before_admit(patch: Patch) -> None:
    original = flow.execute

    async def execute(delivery: Any, world: Any) -> None:
        await delivery.ack()
        await original(delivery, world)

    patch.setattr("worker.loops.consume.execute", execute)


MUTANTS = (
    Mutant("no slot per payee", _no_slot, 155),
    Mutant("late is not too late", _late_is_not_too_late, 530),
    Mutant("signed again", _sign_again, 101),
    Mutant("sent again while in doubt", _send_again_in_doubt, 408),
    Mutant("absent at the first look", _absent_at_the_first_look, 67),
    Mutant("absent too early", _absent_too_early, 179),
    Mutant("absent without coverage", _absent_without_coverage, 79),
    Mutant("confirmed before it is bound", _confirm_before_it_is_bound, 101),
    Mutant("confirmed without reading back", _confirm_what_is_said, 2023),
    Mutant("refusals are forgotten", _forget_refusals, 155),
    Mutant("bound to what is taken", _bind_what_is_taken, 39),
    Mutant("any address will do", _any_address, 141),
    Mutant("exception and risk are failures", _exception_is_failed, 60),
    Mutant("no answer is a refusal", _void_on_unknown, 408),
    Mutant("any time will do", _any_time, 155),
    Mutant("a person may give up early", _person_may_give_up, 179),
    Mutant("a person may name anything", _person_may_name_anything, 155),
    Mutant("a replay is a refusal", _replay_is_a_refusal, 4),
    Mutant("old revisions count", _old_revisions_count, 155),
    Mutant("a failed look-up is an absence", _half_a_list_is_a_list, 361),
    Mutant("an unreadable answer is none", _error_500_is_believed, 2409),
    Mutant("acked before it is admitted", _ack_before_admit, 5),
)
