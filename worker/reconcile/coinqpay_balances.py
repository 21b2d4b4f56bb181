"""CoinQ Pay's balances: one for each coin, for the merchant and all users together, less what is on its way out."""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from schemas.money import negate, total
from worker.commands.accounts import CUSTODY
from worker.ledger import OpenPayment, Position, ReconcileLedger
from worker.providers.coinqpay.judge import NOT_PAID, PAID
from worker.providers.coinqpay.provider import CoinQPay
from worker.reconcile.balances import Figures

NOTHING = Position(Decimal(0), 0, is_busy=False)
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Books:
    """What the ledger has of all coins at one moment."""

    owned: Mapping[str, Position]
    payments: Mapping[str, Sequence[OpenPayment]]  # by coin


@dataclass
class CoinBalances:
    """Not documented when a withdrawal leaves the balance: assumed with its creation, by the gross amount."""

    what = "balance"

    provider: CoinQPay
    books: ReconcileLedger

    async def accounts(self) -> AsyncIterator[str]:
        """Custody, which is the contra account of all that the provider holds for us."""
        yield CUSTODY

    async def read(self, accounts: Mapping[str, Collection[str] | None]) -> Mapping[str, Mapping[str, Figures]]:
        """Ours, theirs, and ours once more: what has changed in between is busy. Raises ReadFailed."""
        return {account: await self._read(again) for account, again in accounts.items()}

    async def _read(self, again: Collection[str] | None) -> Mapping[str, Figures]:
        before = await self._read_books()
        theirs = {balance.coin: balance.balance for balance in await self.provider.api.coin_balances()}
        after = await self._read_books()
        coins = before.owned.keys() | after.owned.keys() | theirs.keys() if again is None else again
        figures = {}
        for coin in sorted(coins):
            low, high = _range(after, coin)
            balance = theirs.get(coin, ZERO)
            if again is not None and not low <= balance <= high:
                high = total([high, await self._not_booked_yet(after.payments.get(coin, ()))])
            is_busy = _state(before, coin) != _state(after, coin)
            figures[coin] = Figures(low, high, balance, is_busy)
        return figures

    async def _read_books(self) -> _Books:
        payments = defaultdict(list)
        for payment in await self.books.open_payments(self.provider.name):
            payments[payment.coin].append(payment)
        return _Books(await self.books.owned(self.provider.name), payments)

    async def _not_booked_yet(self, payments: Sequence[OpenPayment]) -> Decimal:
        """What has come back from failed withdrawals, and in for pay orders, of which the ledger will learn."""
        amounts = []
        for payment in payments:
            if payment.type == "payOrder":
                order = await self.provider.api.pay_order(payment.order_id)
                if order is not None and order.status in PAID and order.pay_amount:
                    amounts.append(order.pay_amount)
            elif payment.provider_ref is not None:
                withdrawal = await self.provider.withdrawal(payment.provider_ref)
                if withdrawal is not None and withdrawal.status in NOT_PAID:
                    amounts.append(payment.amount)
        return total(amounts)


def _range(books: _Books, coin: str) -> tuple[Decimal, Decimal]:
    """What must be there: all, less what was taken for payments under way, and perhaps what is in doubt."""
    sent = [payment for payment in books.payments.get(coin, ()) if payment.type != "payOrder"]
    taken = [negate(payment.amount) for payment in sent if payment.provider_ref is not None]
    in_doubt = [negate(payment.amount) for payment in sent if payment.in_doubt]
    high = total([books.owned.get(coin, NOTHING).posted, *taken])
    return total([high, *in_doubt]), high


def _state(books: _Books, coin: str) -> tuple[object, ...]:
    """Equal when nothing has moved."""
    payments = books.payments.get(coin, ())
    return (books.owned.get(coin, NOTHING).version, *((payment.order_id, payment.revision) for payment in payments))
