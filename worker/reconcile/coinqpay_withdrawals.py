"""CoinQ Pay's withdrawals: one list of all, by payouts and withdrawals alike."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from worker.commands.accounts import CUSTODY, pair
from worker.ledger import Booked, Ledger, ReconcileLedger
from worker.providers.coinqpay.judge import SUCCESS, payee_of
from worker.providers.coinqpay.provider import CoinQPay
from worker.providers.coinqpay.records import Withdrawal
from worker.reconcile.compare import OF_ORDER, Record
from worker.reconcile.records import Span, ended_orders

TYPES = ("payout", "withdraw")


@dataclass
class Withdrawals:
    """Compared by the provider's id, which the ledger binds to one order. The list has no pages: it is read once."""

    what = "withdrawal"
    is_listed = True

    provider: CoinQPay
    ledger: Ledger
    books: ReconcileLedger
    _listed: Mapping[str, Withdrawal] | None = field(default=None)

    async def listed(self, span: Span) -> AsyncIterator[Record]:
        """Those made in this span. Raises ReadFailed."""
        for found in (await self._all()).values():
            if span.since <= found.create_time < span.until:
                yield _record(found)

    async def look_up(self, key: str) -> Record | None:
        """From the list, which may be cut short, or by its id. Raises ReadFailed."""
        found = (await self._all()).get(key)
        if found is None:
            found = await self.provider.withdrawal(key)
        return None if found is None else _record(found)

    async def booked(self, keys: Sequence[str]) -> Mapping[str, Booked]:
        """The orders that they are bound to, or that may come to be."""
        booked = {
            str(one.provider_ref): one
            for one in await self.books.booked_orders(self.provider.name, provider_refs=keys)
        }
        listed = await self._all()
        for key in keys:
            if key not in booked and key in listed:
                order = await self.ledger.payment_in_doubt(self.provider.name, payee_of(listed[key]))
                if order is not None:
                    [booked[key]] = await self.books.booked_orders(self.provider.name, order_ids=[order.order_id])
        return booked

    async def ended(self, span: Span) -> AsyncIterator[list[str]]:
        """The provider's ids of the payments that ended."""
        async for order_ids in ended_orders(self.provider.name, TYPES, span, self.books):
            booked = await self.books.booked_orders(self.provider.name, order_ids=order_ids)
            yield [one.provider_ref for one in booked if one.provider_ref is not None]

    async def _all(self) -> Mapping[str, Withdrawal]:
        if self._listed is None:
            self._listed = {found.id: found for found in await self.provider.api.withdraws()}
        return self._listed


def _record(found: Withdrawal) -> Record:
    return Record(
        key=found.id,
        record_id=found.id,
        order_id=None,
        status=f"status {found.status}",
        is_done=found.status == SUCCESS,
        lines=(
            *pair(OF_ORDER, CUSTODY, found.coin, found.actual_amount, OF_ORDER),
            *pair(OF_ORDER, CUSTODY, found.coin, found.fee, "provider_fee"),
        ),
    )
