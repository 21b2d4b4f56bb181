"""Run: one reconciliation of one provider, from its records to its balances, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from worker.ledger import ReconcileLedger
from worker.providers.ccpayment.provider import CCPayment
from worker.providers.coinqpay.provider import CoinQPay
from worker.providers.protocol import Provider
from worker.reconcile.balances import Balances, compare_balances
from worker.reconcile.ccpayment_balances import AccountBalances
from worker.reconcile.ccpayment_deposits import Deposits
from worker.reconcile.ccpayment_swaps import Swaps
from worker.reconcile.ccpayment_transfers import Transfers
from worker.reconcile.ccpayment_v1 import VersionBalances
from worker.reconcile.coinqpay_balances import CoinBalances
from worker.reconcile.coinqpay_pay_orders import PayOrders
from worker.reconcile.coinqpay_withdrawals import Withdrawals
from worker.reconcile.findings import Findings, Passed
from worker.reconcile.records import Records, compare_again, compare_records, spans
from worker.world import World

# The first run goes back so far, every other one to before the end of the last: what is listed late is not missed.
LOOK_BACK = timedelta(days=7)
OVERLAP = timedelta(hours=1)
# What is younger may not have been settled here, or not be listed there.
SETTLED = timedelta(minutes=2)
DRIFT_MAX = 10_000
NO_VERSION_1 = "LEDGER_CCPAYMENT_BASE_URL is set and LEDGER_CCPAYMENT_V1_BASE_URL is not: version 1 is not called"


@dataclass(frozen=True, slots=True)
class Report:
    """What one run has compared, what it could not, and what differs as of its end."""

    provider: str
    compared: dict[str, int]
    busy: Sequence[Passed]  # the first of them
    busy_count: int
    skipped: Sequence[Passed]  # the first of them
    skipped_count: int
    drift: Sequence[dict[str, Any]]
    drift_count: int

    @property
    def words(self) -> str:
        """In one line."""
        what = ", ".join(f"{count} {what}s" for what, count in sorted(self.compared.items())) or "nothing to compare"
        return f"{what}; {self.drift_count} differ, {self.busy_count} busy, {self.skipped_count} skipped"


async def reconcile(provider: Provider, world: World) -> Report:
    """Compare everything that can be. Raises ReadFailed; then the next run begins where this one began."""
    now = world.clock.now()
    books = world.ledger.for_reconciling()
    findings = Findings(provider.name, books, world, now)
    records, balances = await _kinds(provider, findings)
    read_until = await books.reconciled_until(provider.name)
    since = now - LOOK_BACK if read_until is None else read_until - OVERLAP
    until = now - SETTLED
    for kind in records:
        async for span in spans(provider.name, since, until, books):
            await compare_records(kind, span, findings)
        await compare_again(kind, books, findings)
    for figures in balances:
        await compare_balances(figures, findings, world.clock)
    await findings.write()
    await books.end_reconcile(provider.name, until)
    count = await books.count_drift(provider.name)
    world.metrics.drift_open(provider.name, count)
    drift = await books.drift(provider.name, DRIFT_MAX)
    return Report(
        provider=provider.name,
        compared=dict(findings.compared),
        busy=findings.busy.first,
        busy_count=findings.busy.count,
        skipped=findings.skipped.first,
        skipped_count=findings.skipped.count,
        drift=drift,
        drift_count=count,
    )


async def _kinds(provider: Provider, findings: Findings) -> tuple[Sequence[Records], Sequence[Balances]]:
    """What there is to compare. Records first: whom they name is looked at afterwards."""
    books, world = findings.books, findings.world
    match provider:
        case CCPayment():
            users = await _differing_accounts(provider.name, books, findings)
            deposits = Deposits(provider, books, findings.now - SETTLED)
            records = (Transfers(provider, books, users), Swaps(provider, books, users), deposits)
            accounts = AccountBalances(provider, books, deposits, users, findings.now)
            if provider.version_1 is None:
                findings.skipped.add(Passed("v1 balance", "merchant", None, NO_VERSION_1))
                return records, (accounts,)
            return records, (accounts, VersionBalances(provider, provider.version_1, findings))
        case CoinQPay():
            return (
                (Withdrawals(provider, world.ledger, books), PayOrders(provider, books)),
                (CoinBalances(provider, books),),
            )
        case _:
            raise TypeError(f"nothing is known of how to reconcile {provider.name}")


async def _differing_accounts(provider: str, books: ReconcileLedger, findings: Findings) -> dict[str, set[str]]:
    """Accounts and coins that differed before: those that the ledger does not have are found nowhere else."""
    accounts: dict[str, set[str]] = {}
    for subject in await books.open_drift(provider, ["balance"], findings.now, "", DRIFT_MAX):
        account, _, coin = subject.removeprefix("balance ").rpartition(" ")
        accounts.setdefault(account, set()).add(coin)
    return accounts
