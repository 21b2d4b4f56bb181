"""What is really the case: what each provider has, what of it must be credited, and what is still to come."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from worker.sandbox.ccpayment.records import Deposit

if TYPE_CHECKING:
    from tests.deposits_play.play import DepositPlay

# How far time goes at once: while something is about to happen, and afterwards.
STEP_SECONDS_MAX = 30.0
LEAP_SECONDS_MAX = 1800.0

Key = tuple[str, str]  # provider and record


@dataclass(frozen=True)
class Money:
    """What a provider has of a payment that is money."""

    account: str
    coin: str
    amount: Decimal
    fee: Decimal
    twin: tuple[object, ...]  # equal for payments that nothing tells apart


def is_money(record: Deposit, now: float) -> bool:
    """Whether it can be spent."""
    return record.status(now) == "Success" and not record.is_risky


def money(play: "DepositPlay") -> dict[Key, Money]:
    """All that came in, at both providers, as they say now."""
    play.bank.advance()
    now = play.bank._now()
    came = {
        ("ccpayment", each.record_id): of_deposit(each) for each in play.bank.books.deposits() if is_money(each, now)
    }
    for order in play.bank.coinqpay_books.pay_orders():
        if order.pay_amount is not None:
            account = play.accounts[order.order_id]
            twin = (order.payment_id,)
            came["coinqpay", order.payment_id] = Money(account, order.coin, order.pay_amount, Decimal(0), twin)
    return came


def of_deposit(record: Deposit) -> Money:
    """Users' records do not say which output it was."""
    account = "merchant" if record.user_id is None else f"user:{record.user_id}"
    output = record.tx_index if record.user_id is None else record.amount
    twin = (record.chain, record.coin_id, record.tx_id, record.to_address, record.memo, output)
    return Money(account, str(record.coin_id), record.amount, record.service_fee, twin)


async def unheard(play: "DepositPlay") -> set[Key]:
    """Of users without an account, and told of by nobody: no list is read for them, until somebody tells."""
    rows = await play.owner.fetch("SELECT DISTINCT name FROM ledger.account")
    known = {row["name"] for row in rows}
    return {
        ("ccpayment", each.record_id)
        for each in play.bank.books.deposits()
        if each.user_id is not None and f"user:{each.user_id}" not in known and each.record_id not in play.told
    }


async def missing(play: "DepositPlay") -> set[Key]:
    """What must be credited and is not. Of twins one is enough."""
    rows = await play.owner.fetch("SELECT provider, record_id FROM ledger.deposit WHERE state = 'credited'")
    credited = {(row["provider"], row["record_id"]) for row in rows}
    came = money(play)
    done = {came[key].twin for key in credited if key in came}
    return {key for key, each in came.items() if each.twin not in done} - credited - await unheard(play)


async def unlisted(play: "DepositPlay") -> set[Key]:
    """What is in some list or was told of, and that the ledger does not know."""
    rows = await play.owner.fetch("SELECT record_id FROM ledger.deposit WHERE provider = 'ccpayment'")
    records = {each.record_id for each in play.bank.books.deposits()} - {row["record_id"] for row in rows}
    return {("ccpayment", record_id) for record_id in records} - await unheard(play)


async def waits_for(play: "DepositPlay") -> set[str]:
    """What has not come to its end."""
    row = await play.owner.fetchrow(
        "SELECT (SELECT count(*) FROM ledger.orders WHERE due_at IS NOT NULL) AS orders,"
        " (SELECT count(*) FROM ledger.outbox WHERE published_at IS NULL) AS events,"
        " (SELECT count(*) FROM ledger.webhook WHERE due_at IS NOT NULL) AS webhooks"
    )
    assert row is not None
    here = {
        "messages": play.bus.waiting or play.bus.unacked,
        "bank": not play.bank.is_quiet(),
        "agenda": play._timed,
        "deposits": await missing(play) | await unlisted(play),
    }
    return {name for name, count in row.items() if count} | {name for name, some in here.items() if some}


async def until_next(play: "DepositPlay") -> float:
    """Seconds until something is to be done: here, by a worker, or by its next scheduled job."""
    now = play.time.now()
    row = await play.owner.fetchrow(
        "SELECT (SELECT min(due_at) FROM ledger.orders WHERE due_at IS NOT NULL AND type <> 'rescan') AS orders,"
        " (SELECT min(lease_until) FROM ledger.outbox WHERE published_at IS NULL) AS events,"
        " greatest($1, (SELECT min(due_at) FROM ledger.job),"
        "  least((SELECT min(due_at) FROM ledger.orders WHERE due_at IS NOT NULL AND type = 'rescan'),"
        "        (SELECT min(due_at) FROM ledger.deposit WHERE due_at IS NOT NULL),"
        "        (SELECT min(due_at) FROM ledger.webhook WHERE due_at IS NOT NULL),"
        "        (SELECT min(due_at) FROM ledger.deposit_scan))) AS jobs",
        now,
    )
    assert row is not None
    seconds = [(at - now).total_seconds() for at in row if at is not None]
    seconds += [(at - now).total_seconds() for at, _ in play._timed]
    seconds += [each.due - now.timestamp() for each in play.bank.webhooks.pending()]
    is_busy = play._timed or play._conditional or not play.bank.is_quiet()
    return max(0.5, min([STEP_SECONDS_MAX if is_busy else LEAP_SECONDS_MAX, *seconds]))
