"""CoinQ Pay's pay orders: asked for one by one, because the provider has no list of them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from worker.commands.accounts import CUSTODY, pair
from worker.ledger import Booked, ReconcileLedger
from worker.providers.coinqpay.judge import PAID
from worker.providers.coinqpay.provider import CoinQPay
from worker.providers.coinqpay.records import PayOrder
from worker.reconcile.compare import OF_ORDER, Record
from worker.reconcile.records import PAGE, Span, ended_orders


@dataclass
class PayOrders:
    """Compared by order id. What was paid for one is a deposit in the ledger, whatever became of the order."""

    what = "deposit"
    is_listed = False

    provider: CoinQPay
    books: ReconcileLedger

    async def listed(self, _span: Span) -> AsyncIterator[Record]:
        """None: there is no list."""
        nothing: tuple[Record, ...] = ()
        for record in nothing:
            yield record

    async def look_up(self, key: str) -> Record | None:
        """By the order id. Raises ReadFailed."""
        found = await self.provider.api.pay_order(key)
        return None if found is None else _record(found)

    async def booked(self, keys: Sequence[str]) -> Mapping[str, Booked]:
        """The orders, each as its deposit was booked."""
        orders = await self.books.booked_orders(self.provider.name, order_ids=keys)
        refs = [order.provider_ref for order in orders if order.provider_ref is not None]
        deposits = await self.books.booked_deposits(self.provider.name, refs)
        return {str(order.order_id): _as_deposit(order, deposits) for order in orders}

    async def ended(self, span: Span) -> AsyncIterator[list[str]]:
        """Pay orders that ended, paid or not; and those that ended long ago and were credited in this span."""
        ended: set[str] = set()
        async for order_ids in ended_orders(self.provider.name, ["payOrder"], span, self.books):
            ended.update(order_ids)
            yield order_ids
        after = ""
        while page := await self.books.credited_in(self.provider.name, span.since, span.until, after, PAGE):
            deposits = await self.books.booked_deposits(self.provider.name, page)
            yield [one.order_id for one in deposits.values() if one.order_id and one.order_id not in ended]
            after = page[-1]


def _as_deposit(order: Booked, deposits: Mapping[str, Booked]) -> Booked:
    deposit = deposits.get(order.provider_ref or "")
    is_posted = deposit is not None and deposit.is_posted
    # A pay order that expired is watched for days: it may still be paid.
    is_open = order.is_open or (deposit is not None and deposit.is_open)
    return replace(order, type="deposit", is_posted=is_posted, is_open=is_open and not is_posted)


def _record(found: PayOrder) -> Record:
    is_done = found.status in PAID and bool(found.pay_amount)
    return Record(
        key=found.order_id,
        record_id=found.payment_id,
        order_id=found.order_id,
        status=f"status {found.status}",
        is_done=is_done,
        lines=pair(CUSTODY, OF_ORDER, found.coin, found.pay_amount or Decimal(0), "deposit"),
    )
