"""The provider: the sandbox behind a wire that delays, copies and loses, and the people at its console."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from random import Random

from tests.simulation.loop import START
from tests.simulation.plan import COINS, Plan
from tests.simulation.trace import Trace
from worker.sandbox.coinqpay.account import CoinQPayAccount
from worker.sandbox.coinqpay.coins import COINS as TARIFFS
from worker.sandbox.coinqpay.records import Withdrawal, WithdrawalStatus
from worker.sandbox.message import Hang, Reply, Request, Reset, Response, Slow
from worker.sandbox.provider import Call, Provider
from worker.sandbox.sandbox import Sandbox
from worker.sandbox.webhook_controls import set_webhooks

SIGNATURE_HEADER = "biz-api-signature"
FINAL = frozenset({WithdrawalStatus.SUCCESS, WithdrawalStatus.FAILED, WithdrawalStatus.APPROVE_FAILED})
# Withdrawals of other days, and of others in the merchant's house: without them no list could show that it is whole.
OTHER_AMOUNT = "2.25"


class _Watched(Sandbox):
    """Says which request has made which withdrawal."""

    made: Callable[[str, Withdrawal], None]

    def _execute(self, provider: Provider, call: Call, at: float) -> Response:
        before = len(self.coinqpay_books._withdrawals)
        answer = super()._execute(provider, call, at)
        withdrawals = self.coinqpay_books.withdrawals()
        if len(withdrawals) > before:
            self.made(call.request.headers[SIGNATURE_HEADER], withdrawals[-1])
        return answer


class Bank:
    """CoinQ Pay and the way there. `made` hears of every withdrawal that a request has made."""

    def __init__(
        self,
        plan: Plan,
        account: CoinQPayAccount,
        random: Random,
        trace: Trace,
        made: Callable[[str, Withdrawal], None],
        received: Callable[[Request], None],
    ) -> None:
        self._plan = plan
        self._random = random
        self._trace = trace
        self._loop = asyncio.get_running_loop()
        self._received = received
        self.news = asyncio.Event()
        self.by_hand: set[str] = set()
        self.old: set[str] = set()
        self.others: set[str] = set()
        self.sandbox = _Watched(
            "a-merchant", "a-secret", self.seconds, plan.seed, coinqpay=account, webhooks_to="http://worker"
        )
        self.sandbox.made = made
        assert self.sandbox._coinqpay is not None
        self._merchant = self.sandbox._coinqpay._merchant
        self.books = self.sandbox.coinqpay_books
        self._rules: dict[int, str] = {}
        self._open()

    def _open(self) -> None:
        plan = self._plan
        set_webhooks(
            self.sandbox.webhooks,
            {"kind": "coinqpay.confirm", "on": plan.confirmation, "retrySeconds": plan.retry_seconds},
        )
        for coin, (address, _) in COINS.items():
            self._pay_long_ago(coin, address)
            self.books.fund(coin, Decimal(16 if plan.has("balance short") else 10_000))
        self._merchant.withdrawals.pace_seconds = plan.pace_seconds
        self._merchant.switches.oldest_first = plan.has("list oldest first")
        self._merchant.switches.unknown_withdrawal_is_error = plan.has("unknown id is an error")
        for ending in plan.endings:
            self.ask("end-withdrawal", ending)
        for name, rule in plan.answers:
            self._rules[self.sandbox.add_fault(**rule)] = name
        if plan.has("coin unavailable"):
            for coin in COINS:
                self.ask("coin", {"coin": coin, "available": False})
            self._loop.call_later(self._random.uniform(10, 200), self._make_available)

    def seconds(self) -> float:
        """The provider's own unix time."""
        return START.timestamp() + self._loop.time() + self._plan.skews[0]

    def ask(self, action: str, fields: dict[str, object]) -> None:
        """Use a control of the sandbox."""
        self.sandbox.ask(self.sandbox.controls["coinqpay"][action], fields)

    def _make_available(self) -> None:
        for coin in COINS:
            self.ask("coin", {"coin": coin, "available": True})

    # ---------------------------------------------------------------- the wire

    def carry(self, request: Request, seconds: float, answer: "asyncio.Future[Reply]") -> None:
        """Take a request there, whatever becomes of whoever sent it."""
        if request.method == "POST" and self._random.random() < self._plan.late_requests:
            ranges = ((1, 20), (20, 118), (100, 250))  # beyond GATE_SECONDS it is refused
            seconds += self._random.uniform(*self._random.choice(ranges))
            self._trace.seen("request late")
        self._loop.call_later(seconds, self._arrive, request, answer)
        if request.method == "POST" and self._random.random() < self._plan.copied_requests:
            self._trace.seen("request copied")
            self._loop.call_later(seconds + self._random.uniform(0, 30), self._arrive, request, answer)

    def _arrive(self, request: Request, answer: "asyncio.Future[Reply]") -> None:
        self._received(request)
        reply = self.sandbox.handle(request)
        self.news.set()
        status = reply.status if isinstance(reply, Response) else type(reply).__name__
        self._trace.say("bank", request.method, request.path.rpartition("/")[2], request.query, "->", status)
        match reply:
            case Hang():
                return
            case Slow(response, seconds):
                self._loop.call_later(seconds, _answer, answer, response)
            case Reset() | Response():
                if request.method == "POST" and self._random.random() < self._plan.copied_requests / 2:
                    return  # the copy's answer may be the only one that comes back
                self._loop.call_later(self._random.random() * 0.3, _answer, answer, reply)

    # ---------------------------------------------------------------- its people

    def pay_by_hand(self, coin: str, address: str, amount: str, *, other: bool = False) -> None:
        """Somebody at the console makes a withdrawal: no request, no second confirmation."""
        self.sandbox.advance()
        if self.books.balance(coin) < Decimal(amount):
            return
        withdrawal = self._withdrawal(coin, address, amount, self.seconds())
        self.books.write_withdrawal(withdrawal)
        self._merchant.withdrawals._begin(withdrawal, self.seconds())
        if other:
            self.others.add(withdrawal.withdrawal_id)
            return
        self.by_hand.add(withdrawal.withdrawal_id)
        self._trace.seen("human pays by hand")
        self.news.set()
        self._trace.say("console", "pays", withdrawal.withdrawal_id, coin, amount)

    def _pay_long_ago(self, coin: str, address: str) -> None:
        """Last week: what equals today's payments, and something else."""
        for amount in ("5", "7.5", "9", OTHER_AMOUNT, "77.5"):
            at = self.seconds() - 600_000 + len(self.old) * 100
            withdrawal = self._withdrawal(coin, address, amount, at)
            self.books.fund(coin, withdrawal.amount)
            self.books.write_withdrawal(withdrawal)
            withdrawal.status = WithdrawalStatus.SUCCESS
            self.old.add(withdrawal.withdrawal_id)

    def _withdrawal(self, coin: str, address: str, amount: str, at: float) -> Withdrawal:

        gross = Decimal(amount)
        return Withdrawal(self.books.ids.next(at), coin, gross, TARIFFS[coin].fee(gross), address, at)

    def regress(self) -> None:
        """Some withdrawal falls back to a status that it had before."""
        self.sandbox.advance()
        late = [each for each in self.books.withdrawals() if each.status in (3, 4) and each.at > START.timestamp()]
        late = [each for each in late if not each.awaits_confirmation and each.ending in (3, 4, each.status)]
        if late:
            chosen = self._random.choice(late)
            self._merchant.withdrawals.move(chosen, self._random.choice((1, 2)), self.seconds())
            self._trace.seen("status regresses")
            self._trace.say("bank", "regresses", chosen.withdrawal_id, chosen.status)

    def clear_up(self) -> None:
        """The provider's people look into what is unclear, and end it one way or the other."""
        self.sandbox.advance()
        for each in self.books.withdrawals():
            if each.status not in (1, 2, 3, 4, 5, 6):
                status = self._random.choice((4, 5))
                self._trace.seen(f"status {each.status} ends as {status}")
                self._trace.say("bank", "clears up", each.withdrawal_id, each.status, "->", status)
                self.ask("end-withdrawal", {"id": each.withdrawal_id, "status": status})

    def hide_list(self, until_seconds: float, lag_seconds: float) -> None:
        """No list for some time; then, for a moment, it comes from a copy that is an hour old."""
        conditions, wire = self.sandbox._faults._conditions, self.sandbox._faults._wire
        route = "coinqpay.withdraws"
        self._rules[self.sandbox.add_fault("reset", route=route)] = "list fails"
        silent = wire.pop()
        self._rules[self.sandbox.add_fault("lag", route=route, seconds=3600.0)] = "one copy lags far behind"
        lagging = conditions.pop()
        wire.insert(0, silent)

        def lag() -> None:
            if silent in wire:  # not healed meanwhile
                wire.remove(silent)
                conditions.insert(0, lagging)

        def stop() -> None:
            if lagging in conditions:
                conditions.remove(lagging)
                self._trace.seen("one copy lags far behind")

        self._loop.call_later(until_seconds, lag)
        self._loop.call_later(until_seconds + lag_seconds, stop)

    def heal(self) -> None:
        """Everything works from now on. What is under way stays under way."""
        for fault in self.sandbox.faults():
            for _ in range(fault.fired):
                self._trace.seen(self._rules[fault.fault_id])
        self.sandbox.clear_faults()
        self._make_available()
        for coin in COINS:
            self.books.fund(coin, Decimal(10_000))

    # ---------------------------------------------------------------- what an oracle may know

    def is_quiet(self) -> bool:
        """Every withdrawal has ended, but for those of the neighbours, which never cease."""
        self.sandbox.advance()
        ended = all(
            each.status in FINAL for each in self.books.withdrawals() if each.withdrawal_id not in self.others
        )
        return ended and not self.sandbox._late

    def next_seconds(self) -> float:
        """In how many seconds something happens here by itself: a webhook or a step of a withdrawal."""
        now = self.seconds()
        road = self._merchant.withdrawals
        times = [self.sandbox.webhooks._queue[0][0]] if self.sandbox.webhooks._queue else []
        times += [road._begun._heap[0][0] + road.pace_seconds] if road._begun._heap else []
        times += [self.sandbox._late[0][0]] if self.sandbox._late else []
        return max(0.0, min(times, default=now + 20) - now)


def _answer(answer: "asyncio.Future[Reply]", reply: Reply) -> None:
    if not answer.done():
        answer.set_result(reply)
