"""The SQL functions about deposits as Python calls, with what a test does not care about filled in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from tests.sql.calls import Calls
from tests.sql.items import LEASE, MINE, NOW, Event, event_of


@dataclass(frozen=True)
class Deposit:
    """A deposit as a provider's record tells it, in the order of the functions' parameters."""

    record_id: str = "rec-1"
    kind: str = "user"
    account: str = "user:alice1"
    coin: str = "1280"
    amount: Decimal = Decimal(10)
    fee: Decimal = Decimal("0.05")
    chain: str = "POLYGON"
    tx_id: str | None = "0xabc"
    output: int | None = None
    address: str | None = "0xAddress"
    memo: str | None = None
    provider: str = "ccpayment"


def credit(
    calls: Calls,
    deposit: Deposit,
    event: Event | None = None,
    order_id: str | None = None,
    now: datetime = NOW,
    read_at: datetime | None = None,
) -> str:
    """The verdict. The event's id is made from the record when it is left out."""
    told = event or Event(event_of(f"{deposit.provider} {deposit.record_id}"), 1, routing_key="deposit.credited")
    return str(
        calls.value(
            "SELECT ledger.credit_deposit(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s::integer, %s, %s, %s,"
            " %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            deposit.provider,
            deposit.record_id,
            deposit.kind,
            deposit.account,
            deposit.coin,
            deposit.amount,
            deposit.fee,
            deposit.chain,
            deposit.tx_id,
            deposit.output,
            deposit.address,
            deposit.memo,
            order_id,
            told.event_id,
            told.sequence,
            told.routing_key,
            told.body,
            told.correlation_id,
            "trace",
            read_at or now,
            now,
            MINE,
            now + LEASE,
        )
    )


def note(
    calls: Calls,
    deposit: Deposit,
    state: str = "pending",
    why: str | None = None,
    order_id: str | None = None,
    due_at: datetime | None = NOW + timedelta(seconds=60),
    now: datetime = NOW,
    read_at: datetime | None = None,
) -> str:
    """Remember a deposit that is not money yet; the verdict."""
    verdict = calls.value(
        "SELECT ledger.note_deposit(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::integer, %s, %s, %s, %s, %s, %s, %s)",
        deposit.provider,
        deposit.record_id,
        deposit.kind,
        state,
        deposit.account,
        deposit.coin,
        deposit.amount,
        deposit.fee,
        deposit.chain,
        deposit.tx_id,
        deposit.output,
        deposit.address,
        deposit.memo,
        why,
        order_id,
        due_at,
        read_at or now,
        now,
    )
    return str(verdict)


def take(
    calls: Calls,
    provider: str = "ccpayment",
    now: datetime = NOW,
    lease_until: datetime | None = None,
    most: int = 100,
) -> list[str]:
    """The records that are looked at again now."""
    rows = calls.dicts(
        "SELECT * FROM ledger.take_deposits(%s, %s, %s, %s)", provider, now, lease_until or now + LEASE, most
    )
    return sorted(row["record_id"] for row in rows)
