"""What must hold: at every commit, whenever a request leaves, a withdrawal is made or a webhook is answered."""

import json
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NoReturn

from schemas.money import total
from tests.simulation.bank import Bank
from tests.simulation.plan import BOUND
from tests.simulation.points import see_commit
from tests.simulation.rows import Commit, OrderRow
from tests.simulation.store import Store
from tests.simulation.trace import Trace
from worker.sandbox.coinqpay.records import Withdrawal
from worker.sandbox.message import Request

SEND_WITHIN = timedelta(seconds=10)
PROVIDER = "coinqpay"

Attempt = tuple[str, int]


class Wrong(BaseException):
    """A promise is broken. No code of the worker may catch it."""


class Oracle:
    """Sees everything, and believes nothing of what the worker says of itself."""

    def __init__(self, store: Store, trace: Trace) -> None:
        self.store = store
        self.trace = trace
        self.bank: Bank  # known once it is open
        self.broken: list[str] = []
        self.made: dict[str, Attempt] = {}  # which request made which withdrawal
        self.confirmed: set[str] = set()
        self.refused: set[str] = set()
        self._left: dict[str, Attempt] = {}  # by signature
        self._given_up: set[Attempt] = set()

    def fail(self, what: str) -> NoReturn:
        """Remember it, for whoever raised this may be cancelled, and stop whoever did it."""
        self.broken.append(what)
        self.trace.say("WRONG", what)
        raise Wrong(what)

    def need(self, holds: bool, what: str) -> None:
        """Fail unless it holds."""
        if not holds:
            self.fail(what)

    # ---------------------------------------------------------------- the ledger

    def commit(self, commit: Commit) -> None:
        """After every transaction."""
        row = self.store.orders.get(commit.order_id or "")
        see_commit(commit, row, self.trace)
        if commit.function == "refuse_confirmation" and commit.result is True:
            assert commit.provider_ref is not None
            self.refused.add(commit.provider_ref)
        if commit.function == "settle" and commit.result == "settled" and row is not None:
            self._settled(commit, row)
        if commit.function in ("admit", "settle", "start_attempt", "adjust"):
            self._check_books()
            self._check_slots()

    def _settled(self, commit: Commit, row: OrderRow) -> None:
        before, decision = commit.before, commit.decision
        assert before is not None
        assert decision is not None
        self.need(not before.is_terminal, f"{row.order_id} was changed after its end")
        if row.provider_ref is not None and before.provider_ref is None:
            self._bound(row)
        self.need(before.provider_ref in (None, row.provider_ref), f"{row.order_id} changed its withdrawal")
        is_given_up = decision.error_code == "not_found" or (
            row.provider_ref is None and set(before.doubtful) > set(decision.doubtful) and row.state != "succeeded"
        )
        if is_given_up:
            self._absent(before.doubtful if decision.error_code == "not_found" else _gone(before, row), row)

    def _bound(self, row: OrderRow) -> None:
        """Only to what the provider has, once, and only to what can have been asked for."""
        withdrawal = self.bank.books.withdrawal(str(row.provider_ref))
        self.need(withdrawal is not None, f"{row.order_id} is bound to {row.provider_ref}, which does not exist")
        assert withdrawal is not None
        self.need(row.provider_ref not in self.bank.old, f"{row.order_id} is bound to a payment of last week")
        self.need(payee_of(withdrawal) == wanted(row), f"{row.order_id} is bound to what it did not ask for")
        owners = [o.order_id for o in self.store.orders.values() if o.provider_ref == row.provider_ref]
        self.need(owners == [row.order_id], f"{row.provider_ref} belongs to {owners}")

    def _absent(self, attempts: tuple[int, ...], row: OrderRow) -> None:
        """What was taken for not done was not done, and never is afterwards."""
        for number in attempts:
            for made, attempt in self.made.items():
                owner = self.store.owner(PROVIDER, made)
                withdrawal = self.bank.books.withdrawal(made)
                assert withdrawal is not None
                # Of equal payments the provider's ids may be exchanged; one that gave its money back is none.
                is_another = owner is not None or withdrawal.status in (5, 6)
                if attempt == (row.order_id, number):
                    self.need(is_another, f"{row.order_id} attempt {number} was given up, and made {made}")
            self._given_up.add((row.order_id, number))

    def _check_books(self) -> None:
        store = self.store
        sums: Counter[str] = Counter()
        for key, balance in store.balances.items():
            entries = [entry.amount for entry in store.entries if entry.account == key]
            self.need(balance.posted == total(entries), f"{key}: {balance.posted} is not the sum of its entries")
            self.need(balance.version == len(entries), f"{key}: entries are missing")
            is_covered = key[2] == "custody" or balance.posted >= balance.held
            self.need(is_covered and balance.held >= 0, f"{key} is overdrawn")
            open_rows = [row for row in store.orders.values() if row.due_at is not None]
            holds = total(row.hold[1] for row in open_rows if row.hold and row.hold[0] == key)
            self.need(balance.held == holds, f"{key}: held {balance.held}, open orders {holds}")
            sums[key[1]] += balance.posted  # type: ignore[assignment]
        self.need(not any(sums.values()), f"the books do not sum to zero: {sums}")

    def _check_slots(self) -> None:
        doubtful = Counter(row.payee for row in self.store.orders.values() if row.is_in_doubt)
        self.need(all(count == 1 for count in doubtful.values()), f"equal payments in doubt at once: {doubtful}")

    # ---------------------------------------------------------------- the wire

    def leaves(self, request: Request, now: datetime) -> None:
        """An attempt leaves once, as it was written down, and in time."""
        if request.method != "POST":
            return
        signature = request.headers["biz-api-signature"]
        attempts = self._attempts(request)
        # Equal payments that are signed in the same moment are equal byte for byte: the second would be a replay.
        self.need(len(attempts) <= 1, f"one request was written down for {attempts}")
        self.need(attempts != [] and signature not in self._left, f"{attempts} left twice, or never written down")
        order_id, number = attempts[0]
        prepared = self.store.orders[order_id].prepared[number - 1]
        self.need(now <= prepared.signed_at + SEND_WITHIN, f"{attempts} was sent after its time")
        self._left[signature] = attempts[0]

    def received(self, request: Request) -> None:
        """What the provider gets was written down before."""
        if request.method == "POST":
            self.need(bool(self._attempts(request)), f"no attempt holds what has arrived: {request.body!r}")

    def _attempts(self, request: Request) -> list[Attempt]:
        return [
            (row.order_id, number)
            for row in self.store.orders.values()
            for number, prepared in enumerate(row.prepared, start=1)
            if (prepared.signature, prepared.body) == (request.headers["biz-api-signature"], request.body)
        ]

    def made_by(self, signature: str, withdrawal: Withdrawal) -> None:
        """A request has made a withdrawal."""
        attempt = self._left[signature]
        self.trace.say("bank", "makes", withdrawal.withdrawal_id, "for", *attempt)
        self.need(attempt not in self.made.values(), f"{attempt} was paid twice")
        self.need(attempt not in self._given_up, f"{attempt} was given up, and has now been made")
        self.made[withdrawal.withdrawal_id] = attempt

    # ---------------------------------------------------------------- the second confirmation

    def answered(self, withdrawal_id: str, status: int, body: bytes) -> None:
        """What a worker has said to a question for confirmation, whoever asked."""
        if status != 200 or b"OK" not in body:
            self.trace.seen("confirmation refused" if status == 409 else "confirmation not answered")
            return
        self.trace.seen("confirmation given")
        owner = self.store.owner(PROVIDER, withdrawal_id)
        self.need(withdrawal_id not in self.refused, f"{withdrawal_id} was refused before it was confirmed")
        self.need(owner is not None, f"{withdrawal_id} was confirmed, and belongs to nobody")
        self.need(self.bank.books.withdrawal(withdrawal_id) is not None, f"{withdrawal_id} does not exist")
        self.confirmed.add(withdrawal_id)


Payee = tuple[str, Decimal, str]


def payee_of(withdrawal: Withdrawal) -> Payee:
    """What makes two withdrawals equal."""
    return withdrawal.coin, withdrawal.amount, _address(withdrawal.address)


def wanted(row: OrderRow) -> Payee:
    """What an order asks for."""
    fields = json.loads(row.command.content()) if row.command is not None else {}
    return fields["coin"], Decimal(fields["amount"]), _address(fields.get("address", BOUND[fields["coin"]]))


def _address(address: str) -> str:
    return address.lower() if address[:2] == "0x" else address


def _gone(before: object, row: OrderRow) -> tuple[int, ...]:
    doubtful: tuple[int, ...] = before.doubtful  # type: ignore[attr-defined]
    return tuple(number for number in doubtful if number not in row.doubtful)
