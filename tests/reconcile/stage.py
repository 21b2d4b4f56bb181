"""The stage: the real sandbox on a port, the real providers, the real steps on PostgreSQL, and one clock for all."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import asyncpg

from tests.conformance.ends import APP_ID, Ends
from worker.coins import Coins
from worker.flow import execute, go_on
from worker.jobs.deposits import take_deposits
from worker.jobs.late_payments import take_late_payments
from worker.ledger import Ledger, Stored
from worker.loops.resume import RESUMED
from worker.message import Incoming, Outgoing
from worker.reconcile.run import Report, reconcile
from worker.world import Policy, World

USDT, MATIC = 1280, 1329
TRON = "TRON_USDT"
ALICE, BOB = "alice1", "bob123"
TO = "TEELyKT4XCVZAcGujYaKm7F9uHp2fFipRH"
# More than the time after which a record counts as settled.
LATER_SECONDS = 180.0

# What a difference is known by: what, account, coin, ledger amount, provider amount.
Told = tuple[str, str | None, str | None, str, str]


@dataclass
class Delivery:
    """A message that nobody waits for."""

    message: Incoming

    async def ack(self) -> None:
        """Nothing to do."""

    async def requeue(self) -> None:
        raise AssertionError("the flow failed before its ack")


@dataclass
class Nobody:
    """A broker and a relay: what is told is read from the outbox."""

    handed: list[Stored] = field(default_factory=list)

    async def publish(self, message: Outgoing) -> None:
        raise AssertionError(message)

    async def ready(self) -> None:
        return None

    def offer(self, event: Stored) -> None:
        self.handed.append(event)

    def wake(self) -> None:
        return None


@dataclass
class Stage:
    """Both books, and what moves money in them."""

    ends: Ends
    owner: asyncpg.Connection
    world: World
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def of(cls, ends: Ends, owner: asyncpg.Connection, ledger: Ledger) -> "Stage":
        nobody = Nobody()
        ledger.leave_events()
        world = World(
            ledger=ledger,
            publisher=nobody,
            relay=nobody,
            providers=ends.providers,
            coins=Coins(ledger, ends.providers, ends.clock),
            clock=ends.clock,
            policy=Policy(poll_seconds=2, review_after_seconds=900),
        )
        return cls(ends, owner, world)

    def new_id(self, kind: str = "ord") -> str:
        return f"{kind}-{next(self.numbers):05}"

    # ---------------------------------------------------------------- money in both books

    async def fund(self, user_id: str, amount: str, coin: int = USDT) -> None:
        """A CCPayment user has this much more, in both books; the APP ID is the merchant."""
        self.ends.sandbox.fund(user_id, coin, amount)
        await self.adjust("merchant" if user_id == APP_ID else f"user:{user_id}", amount, str(coin))

    async def fund_coinqpay(self, amount: str, account: str = "merchant") -> None:
        """CoinQ Pay has this much more, in both books."""
        self.ends.ask("coinqpay", "fund", coin=TRON, amount=amount)
        await self.adjust(account, amount, TRON, "coinqpay")

    async def adjust(self, account: str, amount: str, coin: str, provider: str = "ccpayment") -> None:
        """The ledger alone has this much more."""
        verdict = await self.world.ledger.adjust(
            order_id=self.new_id("adj"),
            fingerprint=b"",
            account=account,
            provider=provider,
            coin=coin,
            amount=Decimal(amount),
            reason="a test",
        )
        assert verdict == "adjusted"

    # ---------------------------------------------------------------- commands

    async def send(self, kind: str, order_id: str | None = None, **fields: object) -> str:
        """Have a command executed by the real steps; its orderId."""
        order_id = order_id or self.new_id()
        provider = "ccpayment" if kind in ("transfer", "swap", "rescan") else "coinqpay"
        body = json.dumps({"type": kind, "orderId": order_id, **fields}).encode()
        await execute(Delivery(Incoming(body, f"{provider}.{kind}", provider)), self.world)
        return order_id

    async def transfer(self, amount: str = "1", **changes: object) -> str:
        fields: dict[str, object] = {"fromUserId": ALICE, "toUserId": BOB, "coinId": USDT, "amount": amount}
        return await self.send("transfer", **{**fields, **changes})

    async def swap(self, amount: str = "25", **changes: object) -> str:
        fields: dict[str, object] = {"userId": ALICE, "coinIdIn": USDT, "amountIn": amount, "coinIdOut": MATIC}
        return await self.send("swap", **{**fields, "extraFeeRate": "0.01", **changes})

    async def payout(self, amount: str = "5", **changes: object) -> str:
        return await self.send("payout", **{"coin": TRON, "address": TO, "amount": amount, **changes})

    async def pay_order(self, amount: str = "10", **changes: object) -> str:
        return await self.send("payOrder", **{"coin": TRON, "amount": amount, **changes})

    async def state(self, order_id: str) -> str:
        return str(await self.owner.fetchval("SELECT state FROM ledger.orders WHERE order_id = $1", order_id))

    async def ref(self, order_id: str) -> str:
        """The provider's id of an order."""
        return str(await self.owner.fetchval("SELECT provider_ref FROM ledger.orders WHERE order_id = $1", order_id))

    def deposit(self, amount: str = "3", user_id: str | None = ALICE, **changes: object) -> str:
        """A deposit at CCPayment, to a user or else to the merchant; its record id."""
        owner = {"referenceId": "shop-1"} if user_id is None else {"userId": user_id}
        fields: dict[str, object] = {
            **owner,
            "coinId": USDT,
            "chain": "POLYGON",
            "amount": amount,
            "txId": f"0x{next(self.numbers):064x}",
        }
        return str(self.ends.ask("ccpayment", "deposit", **{**fields, **changes})["recordId"])

    async def take_deposits(self) -> None:
        """The job, as it runs every quarter of a minute."""
        source = self.ends.ccpayment.deposits
        assert source is not None
        await take_deposits(source, self.world)

    async def go_on(self, seconds: float = LATER_SECONDS) -> None:
        """Let time pass, with everything done that becomes due in it."""
        for _ in range(4):
            self.ends.clock.go_on(seconds / 4)
            self.ends.sandbox.advance()
            for order in await self.world.ledger.claim(list(self.world.providers), RESUMED, 64):
                await go_on(order, self.world)
            await self.take_deposits()
            await take_late_payments(self.ends.coinqpay, self.world)

    async def wait(self, seconds: float = LATER_SECONDS) -> None:
        """Let time pass at the provider alone: no worker runs."""
        self.ends.clock.go_on(seconds)
        self.ends.sandbox.advance()

    # ---------------------------------------------------------------- reconciliation

    async def reconcile(self, provider: str = "ccpayment") -> Report:
        return await reconcile(self.world.providers[provider], self.world)

    async def drift(self, provider: str = "ccpayment") -> set[Told]:
        """What a run finds to differ."""
        return told(await self.reconcile(provider))

    async def events(self) -> list[dict[str, Any]]:
        """The data of every reconcile.drift in the outbox, oldest first."""
        rows = await self.owner.fetch(
            "SELECT body FROM ledger.outbox WHERE routing_key = 'reconcile.drift' ORDER BY created_at, event_id"
        )
        return [json.loads(row["body"])["data"] for row in rows]


def told(report: Report) -> set[Told]:
    """The differences of a report, which are as many."""
    found = {
        (row["what"], row["account"], row["coin"], shown(row["ledger_amount"]), shown(row["provider_amount"]))
        for row in report.drift
    }
    assert len(report.drift) == report.drift_count
    return found


def shown(amount: Decimal | None) -> str:
    return "-" if amount is None else format(amount.normalize(), "f")
