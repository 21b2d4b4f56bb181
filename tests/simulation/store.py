"""The ledger's functions in memory. Each is atomic, as a transaction is; what a constraint refuses raises."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from schemas.event import Event, Line
from schemas.money import negate
from tests.simulation.books import Books, Violated
from tests.simulation.outbox import Outbox
from tests.simulation.rows import AccountKey, Evidence, OrderRow
from worker.ledger import Admission, Applied, Confirmation, Intake, Rejection, Settlement
from worker.order import Decision, Order
from worker.providers.protocol import Coin, Prepared

CONFIRMABLE = ("processing", "succeeded")


class Store(Books, Outbox):
    """All tables, shared by all workers. Times and tokens are arguments, as they are in SQL."""

    def __init__(self) -> None:
        Books.__init__(self)
        Outbox.__init__(self)
        self.orders: dict[str, OrderRow] = {}
        self.evidence: list[Evidence] = []
        self.contradictions: list[tuple[str, str]] = []
        self.requests: set[tuple[str, str, str]] = set()  # of payments: provider, payee and signature
        self.refusals: dict[tuple[str, str], str] = {}
        self.webhooks: set[tuple[str, bytes]] = set()
        self.coins: dict[str, tuple[datetime, tuple[Coin, ...]]] = {}

    # ---------------------------------------------------------------- commands

    def admit(self, item: Intake, now: datetime, lease_until: datetime) -> Admission:
        """Order, hold and first attempt."""
        command, message, hold = item.command, item.message, item.hold
        known = self.orders.get(command.order_id)
        if known is not None:
            return _known(known, item.fingerprint)
        key = None if hold is None else (message.provider, hold.coin, hold.account)
        if hold is not None and not self.has(key, Decimal(hold.amount)):
            return Admission("insufficient_funds", 0)
        prepared = item.prepared
        if item.payee is not None and prepared is not None:
            in_doubt = self.in_doubt(message.provider, item.payee)
            if in_doubt is not None or (message.provider, item.payee, prepared.signature) in self.requests:
                prepared = None
        waits = prepared is None
        row = OrderRow(
            order_id=command.order_id,
            type=command.type,
            command=command,
            provider=message.provider,
            fingerprint=item.fingerprint,
            state="held" if waits else "sending",
            created_at=now,
            due_at=now if waits else lease_until,
            hold=None if hold is None or key is None else (key, Decimal(hold.amount)),
            payee=item.payee,
            doubtful=() if waits else (1,),
            correlation_id=message.correlation_id,
            traceparent=message.traceparent,
            app_id=message.app_id,
            prepared=[] if prepared is None else [prepared],
        )
        if row.hold is not None:
            self.change(row.hold[0], held=row.hold[1])
        self.orders[row.order_id] = row
        if prepared is not None and item.payee is not None:
            self.requests.add((row.provider, item.payee, prepared.signature))
        return Admission("waiting" if waits else "admitted", 0)

    def reject(self, item: Rejection, now: datetime, token: object, lease_until: datetime) -> Admission:
        """A terminal order and its event."""
        known = self.orders.get(item.command.order_id)
        if known is not None:
            return _known(known, item.fingerprint)
        row = OrderRow(
            order_id=item.command.order_id,
            type=item.command.type,
            command=item.command,
            provider=item.message.provider,
            fingerprint=item.fingerprint,
            state="rejected",
            created_at=now,
            error_code=item.error_code,
            events=1,
            correlation_id=item.message.correlation_id,
            traceparent=item.message.traceparent,
            app_id=item.message.app_id,
        )
        self.orders[row.order_id] = row
        self.tell(item.event, row, now, token, lease_until)
        return Admission("rejected", 1)

    def start_attempt(
        self, order: Order, prepared: Prepared, payee: str | None, now: datetime, lease_until: datetime
    ) -> Literal["started", "stale", "busy"]:
        """Write down the next attempt."""
        row = self.orders.get(order.order_id)
        if row is None or row.revision != order.revision or row.state not in ("held", "sending", "unknown"):
            return "stale"
        payee = payee or row.payee
        other = None if payee is None else self.in_doubt(row.provider, payee)
        if other not in (None, row) and row.provider_ref is None:
            waited = min(max(now - row.created_at, timedelta(seconds=2)), timedelta(minutes=1))
            row.due_at, row.error_code = now + waited, "equal_payment_in_doubt"
            return "busy"
        if payee is not None and (row.provider, payee, prepared.signature) in self.requests:
            row.due_at = now + timedelta(seconds=2)
            return "busy"
        row.prepared.append(prepared)
        row.payee = payee
        if payee is not None:
            self.requests.add((row.provider, payee, prepared.signature))
        row.state, row.error_code, row.due_at = "sending", None, lease_until
        row.revision += 1
        row.doubtful = (*row.doubtful, len(row.prepared))
        return "started"

    def settle(self, item: Settlement, now: datetime, token: object, lease_until: datetime) -> Applied:
        """Apply a decision, whole or not at all."""
        row, decision = self.orders.get(item.order.order_id), item.decision
        if row is None:
            return "stale"
        for line in decision.lines:  # opened whatever becomes of the decision
            self.open((row.provider, line.coin, line.account))
        if row.revision == item.order.revision and self.is_taken(row, decision.provider_ref):
            return "taken"
        if row.revision != item.order.revision or row.due_at is None:
            return "stale"
        if decision.lines:
            self.post(row.order_id, row.provider, decision.lines)
        if decision.due_at is None and row.hold is not None:
            self.change(row.hold[0], held=negate(row.hold[1]))
        self.check(decision.lines, row)
        row.state, row.due_at, row.error_code = decision.state, decision.due_at, decision.error_code
        row.provider_ref = decision.provider_ref or row.provider_ref
        row.doubtful, row.doubt_since, row.absent_at = decision.doubtful, decision.doubt_since, decision.absent_at
        row.polls = decision.polls
        row.revision += 1
        row.events = max([row.events, *(event.sequence for event in decision.events)])
        if (decision.state in ("succeeded", "failed", "rejected")) != (decision.due_at is None):
            raise Violated("order_is_due_until_terminal")
        if row.is_in_doubt and self.in_doubt(row.provider, str(row.payee)) is not row:
            raise Violated("orders_one_unbound")
        self._learn(row.order_id, decision)
        for event in decision.events:
            self.tell(event, row, now, token, lease_until)
        return "settled"

    def claim(
        self, providers: Sequence[str], types: Sequence[str], most: int, now: datetime, lease_until: datetime
    ) -> list[str]:
        """The ids of due orders, with a lease."""
        due = [row for row in self.orders.values() if row.due_at is not None and row.due_at <= now]
        due = [row for row in due if row.provider in providers and row.type in types]
        due.sort(key=lambda row: (row.due_at, row.order_id))
        for row in due[:most]:
            row.due_at = lease_until
            row.revision += 1
        return [row.order_id for row in due[:most]]

    def read_orders(self, order_ids: Iterable[str]) -> list[Order]:
        """Orders as they are now."""
        rows = [self.orders[order_id] for order_id in sorted(set(order_ids)) if order_id in self.orders]
        return [row.read() for row in rows if row.command is not None]

    # ---------------------------------------------------------------- the provider's ids

    def in_doubt(self, provider: str, payee: str) -> OrderRow | None:
        """The one payment of this payee that may have been made and is not bound."""
        rows = self.orders.values()
        return next((row for row in rows if row.is_in_doubt and (row.provider, row.payee) == (provider, payee)), None)

    def owner(self, provider: str, provider_ref: str) -> OrderRow | None:
        """The payment without an order id that is bound to this id."""
        for row in self.orders.values():
            if row.payee is not None and (row.provider, row.provider_ref) == (provider, provider_ref):
                return row
        return None

    def is_taken(self, row: OrderRow, provider_ref: str | None) -> bool:
        """Whether another payment without an order id is bound to this id."""
        if row.payee is None or provider_ref is None:
            return False
        return any(
            other is not row
            and other.payee is not None
            and (other.provider, other.provider_ref) == (row.provider, provider_ref)
            for other in self.orders.values()
        )

    def bound(self, provider: str, provider_refs: Sequence[str]) -> set[str]:
        """Those of the ids that are bound."""
        return {provider_ref for provider_ref in provider_refs if self.owner(provider, provider_ref) is not None}

    def confirmation(self, provider: str, provider_ref: str) -> Confirmation:
        """Whose the withdrawal is, and whether it was refused."""
        row = self.owner(provider, provider_ref)
        refused = (provider, provider_ref) in self.refusals
        return Confirmation(None, None, refused) if row is None else Confirmation(row.order_id, row.state, refused)

    def refuse_confirmation(self, provider: str, provider_ref: str, _payee: str, reason: str) -> bool:
        """Refuse for ever; False: it has become an order's."""
        row = self.owner(provider, provider_ref)
        is_refused = (provider, provider_ref) in self.refusals  # then it stays so, whatever was bound since
        if row is not None and row.state in CONFIRMABLE and not is_refused:
            return False
        self.refusals.setdefault((provider, provider_ref), reason)
        return True

    def hasten(
        self, provider: str, order_id: str | None, provider_ref: str | None, payee: str | None, now: datetime
    ) -> int:
        """Have what is meant looked at now."""
        owner = None if provider_ref is None else self.owner(provider, provider_ref)
        doubtful = None if payee is None else self.in_doubt(provider, payee)
        meant = {order_id, owner and owner.order_id, doubtful and doubtful.order_id}
        count = 0
        for row in self.orders.values():
            is_waiting = row.state in ("unknown", "processing", "review") and row.provider == provider
            if row.order_id in meant and is_waiting and row.due_at is not None and row.due_at > now:
                row.due_at = now
                count += 1
        return count

    def remember_webhook(self, provider: str, digest: bytes) -> bool:
        """False: it was seen before."""
        is_new = (provider, digest) not in self.webhooks
        self.webhooks.add((provider, digest))
        return is_new

    # ---------------------------------------------------------------- the rest

    def contradict(self, order: Order, detail: str, event: Event, now: datetime) -> None:
        """Remember evidence against how an order ended, once."""
        if (order.order_id, detail) not in self.contradictions:
            self.contradictions.append((order.order_id, detail))
            self.tell(event, self.orders[order.order_id], now, None, now, order.traceparent)

    def adjust(
        self, order_id: str, fingerprint: bytes, key: AccountKey, amount: Decimal, now: datetime
    ) -> Literal["adjusted", "duplicate", "conflict", "insufficient_funds"]:
        """A manual journal against custody."""
        provider, coin, account = key
        self.open(key)
        self.open((provider, coin, "custody"))
        known = self.orders.get(order_id)
        if known is not None:
            return "duplicate" if known.fingerprint == fingerprint else "conflict"
        if not self.has(key, negate(amount)):
            return "insufficient_funds"
        self.orders[order_id] = OrderRow(order_id, "adjust", None, provider, fingerprint, "succeeded", now)
        lines = (Line(account, coin, amount, "adjust"), Line("custody", coin, negate(amount), "adjust"))
        self.post(order_id, provider, lines)
        return "adjusted"

    def store_coins(self, provider: str, coins: Sequence[Coin], now: datetime) -> None:
        """Replace what is known of a provider's coins."""
        self.coins[provider] = now, tuple(coins)

    def read_coins(self) -> list[tuple[str, Coin, datetime]]:
        """What is known of all coins."""
        return [(provider, coin, at) for provider, (at, coins) in self.coins.items() for coin in coins]

    def _learn(self, order_id: str, decision: Decision) -> None:
        """Told once: what the last row says already is not said again, but for an end."""
        said = decision.evidence
        new = Evidence(order_id, said.attempt, said.source, said.verdict, said.provider_code, said.message)
        last = next((row for row in reversed(self.evidence) if row.order_id == order_id), None)
        if decision.due_at is None or last != new:
            self.evidence.append(new)


def _known(row: OrderRow, fingerprint: bytes) -> Admission:
    return Admission("duplicate" if row.fingerprint == fingerprint else "conflict", row.events)
