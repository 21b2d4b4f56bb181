"""The sandbox: simulated providers behind one `handle`, with faults on request and open books.

No I/O, no globals; the clock is an argument and chance is seeded, so a run can be repeated.
"""

import heapq
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from worker.sandbox.ccpayment.api import CCPayment
from worker.sandbox.ccpayment.books import Books
from worker.sandbox.coinqpay.account import CoinQPayAccount
from worker.sandbox.coinqpay.api import CoinQPay
from worker.sandbox.coinqpay.books import Books as CoinQPayBooks
from worker.sandbox.errors import require
from worker.sandbox.fault_rule import Rule, When, kind_of, when_of
from worker.sandbox.faults import Fault, Faults, spoil
from worker.sandbox.message import Reply, Request, Response
from worker.sandbox.provider import Call, Control, Provider
from worker.sandbox.webhooks import Delivery, Webhooks

NOT_FOUND = Response(404, b"404 page not found", "text/plain; charset=utf-8")

# Bodies may have a mebibyte each; a test that needs a longer memory says so.
LOG_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it arrived, known route or not, whatever became of it."""

    at: float
    route: str | None
    order_id: str | None
    headers: Mapping[str, str]
    body: bytes
    query: str = ""


class Sandbox:
    """Everything that the providers would know. `now` gives unix seconds."""

    def __init__(
        self,
        app_id: str,
        app_secret: str,
        now: Callable[[], float],
        seed: int = 0,
        log_limit: int = LOG_LIMIT,
        *,
        coinqpay: CoinQPayAccount | None = None,
        webhooks_to: str | None = None,
    ) -> None:
        """`coinqpay` adds that provider; `webhooks_to` is the base URL that gets all webhooks."""
        self.log: deque[Received] = deque(maxlen=log_limit)
        self.webhooks = Webhooks(webhooks_to)
        self._now = now
        self._ccpayment = CCPayment(app_id, app_secret, self.webhooks)
        self._coinqpay = None if coinqpay is None else CoinQPay(coinqpay, self.webhooks)
        self._named: dict[str, Provider] = {"ccpayment": self._ccpayment}
        if self._coinqpay is not None:
            self._named["coinqpay"] = self._coinqpay
        self._providers = tuple(self._named.values())
        self._faults = Faults(seed)
        self._late: list[tuple[float, int, Provider, Call]] = []
        self._received = 0

    @property
    def books(self) -> Books:
        """CCPayment's balances and records, for oracles."""
        return self._ccpayment.books

    @property
    def coinqpay_books(self) -> CoinQPayBooks:
        """CoinQ Pay's balances, withdrawals and pay orders, for oracles."""
        assert self._coinqpay is not None, "the sandbox was opened with a CoinQ Pay account"
        return self._coinqpay.books

    @property
    def controls(self) -> Mapping[str, Mapping[str, Control]]:
        """What can be asked of each provider, by its name and the action's."""
        return {name: provider.controls for name, provider in self._named.items()}

    def handle(self, request: Request) -> Reply:
        """Answer one request; late ones that have become due are executed before it."""
        at = self._now()
        self._execute_late(at)
        for provider in self._providers:
            call = provider.read(request)
            if call is not None:
                self._write_down(request, call, at)
                return self._reply(provider, call, at)
        self._write_down(request, None, at)
        return NOT_FOUND

    def advance(self) -> int:
        """Let happen what is due by the clock; returns how many late requests were executed."""
        at = self._now()
        executed = self._execute_late(at)
        for provider in self._providers:
            provider.advance(at)
        return executed

    def due_webhooks(self) -> list[Delivery]:
        """The webhooks to try now, after whatever is due by the clock; say later how it went."""
        self.advance()
        return self.webhooks.due(self._now())

    def webhook_answered(self, delivery_id: int, status: int | None, body: bytes = b"") -> None:
        """The receiver's answer to a webhook that was due; no status when there was no answer."""
        self.webhooks.answered(delivery_id, status, body, self._now())

    def ask(self, control: Control, fields: Mapping[str, Any]) -> Mapping[str, object]:
        """Use one of `controls`, after whatever is due by the clock."""
        self.advance()
        return control(fields, self._now())

    def resend_webhooks(self) -> int:
        """Try the failed webhooks once more; returns how many."""
        return self.webhooks.resend(self._now())

    def fund(self, user_id: str, coin_id: int, amount: str) -> None:
        """Give a user (or, by the APP ID, the merchant) money from outside."""
        self._ccpayment.fund(user_id, coin_id, amount)

    def add_fault(
        self,
        kind: str,
        *,
        when: str = When.BEFORE,
        route: str | None = None,
        order_id: str | None = None,
        times: int | None = None,
        probability: float | None = None,
        seconds: float | None = None,
        late_seconds: float | None = None,
        code: int | None = None,
        keep: int | None = None,
    ) -> int:
        """Put a fault in force until it is cleared or used up; returns its id.

        Without `route` and `order_id` it is for every call, without `times` and `probability` it
        always fires. Raises `InputError` naming the field that makes no sense.
        """
        known = sorted(route for provider in self._providers for route in provider.routes)
        require(route is None or route in known, "route", "must be one of " + ", ".join(known))
        rule = Rule(
            kind=kind_of(kind),
            when=when_of(when),
            route=route,
            order_id=order_id,
            times=times,
            probability=probability,
            seconds=seconds,
            late_seconds=late_seconds,
            code=code,
            keep=keep,
        )
        return self._faults.add(rule)

    def faults(self) -> Sequence[Fault]:
        """The faults in force, with how often each fired."""
        return self._faults.in_force()

    def clear_faults(self) -> int:
        """No more faults. What was already postponed still happens: it is on its way."""
        return self._faults.clear()

    def _write_down(self, request: Request, call: Call | None, at: float) -> None:
        self._received += 1
        route = None if call is None else call.route
        order_id = None if call is None else call.order_id
        self.log.append(Received(at, route, order_id, request.headers, request.body, request.query))

    def _reply(self, provider: Provider, call: Call, at: float) -> Reply:
        rule = self._faults.on_wire(call)
        if rule is None:
            return self._answer(provider, call, at)
        answer = None
        if rule.when is When.AFTER:
            answer = self._answer(provider, call, at)
        elif rule.when is When.LATE:
            self._postpone(provider, call, at, rule.late_seconds or 0.0)
        return spoil(rule, answer, provider)

    def _answer(self, provider: Provider, call: Call, at: float) -> Response:
        return provider.gate(call, at) or self._execute(provider, call, at)

    def _postpone(self, provider: Provider, call: Call, at: float, late_seconds: float) -> None:
        # The gate judges the clock and the signature on arrival, as a provider's front does; it
        # is the queue behind it that is slow. So a late request can outlive its own timestamp.
        if provider.gate(call, at) is None:
            heapq.heappush(self._late, (at + late_seconds, self._received, provider, call))

    def _execute_late(self, at: float) -> int:
        executed = 0
        while self._late and self._late[0][0] <= at:
            due, _, provider, call = heapq.heappop(self._late)
            self._execute(provider, call, due)
            executed += 1
        return executed

    def _execute(self, provider: Provider, call: Call, at: float) -> Response:
        conditions = self._faults.conditions(call, lambda: provider.record_age(call, at))
        return provider.execute(call, at, conditions)
