"""The ledger port: the database as the flow sees it, put together from its parts."""

from datetime import timedelta
from uuid import UUID

from worker.clock import Clock
from worker.database import Database
from worker.group_commit import GroupCommit
from worker.ledger.coins import CoinData
from worker.ledger.deposits import Deposits
from worker.ledger.intake import Intakes
from worker.ledger.jobs import Jobs
from worker.ledger.letters import Letters
from worker.ledger.orders import Orders
from worker.ledger.outbox import Outbox
from worker.ledger.payments import Payments
from worker.ledger.reconcile import ReconcileLedger
from worker.ledger.rescans import Rescans
from worker.ledger.session import Session
from worker.ledger.settlement import Settlements
from worker.ledger.webhooks import Webhooks


class Ledger:
    """Every call that the worker makes of the database; each is described where its part is."""

    def __init__(self, database: Database, clock: Clock, lease_seconds: float, token: UUID | None = None) -> None:
        self._session = session = Session(database, clock, lease_seconds, token)

        intakes = Intakes(session)
        self.admit = GroupCommit(intakes.admit)
        self.reject = GroupCommit(intakes.reject)
        self.settle = GroupCommit(Settlements(session).settle)

        orders = Orders(session)
        self.claim = orders.claim
        self.read_orders = orders.read_orders
        self.start_attempt = orders.start_attempt
        self.hasten = orders.hasten
        self.contradict = orders.contradict
        self.close_violations = orders.close_violations
        self.adjust = orders.adjust

        payments = Payments(session, orders)
        self.bound = payments.bound
        self.confirmation = payments.confirmation
        self.payment_in_doubt = payments.payment_in_doubt
        self.refuse_confirmation = payments.refuse_confirmation

        deposits = Deposits(session)
        self.note_deposit = deposits.note_deposit
        self.credit_deposit = deposits.credit_deposit
        self.booked_deposit = deposits.booked_deposit
        self.take_deposits = deposits.take_deposits
        self.postpone_deposit = deposits.postpone_deposit
        self.take_scans = deposits.take_scans
        self.end_scan = deposits.end_scan

        rescans = Rescans(session)
        self.rescan_for = rescans.rescan_for
        self.credited_deposit = rescans.credited_deposit
        self.hasten_rescans = rescans.hasten_rescans

        webhooks = Webhooks(session)
        self.remember_webhook = webhooks.remember_webhook
        self.take_webhooks = webhooks.take_webhooks
        self.end_webhook = webhooks.end_webhook
        self.forget_webhooks = webhooks.forget_webhooks

        coins = CoinData(session)
        self.store_coins = coins.store_coins
        self.read_coins = coins.read_coins

        jobs = Jobs(session)
        self.take_job, self.keep_job, self.end_job = jobs.take_job, jobs.keep_job, jobs.end_job
        self.last_runs = jobs.last_runs

        outbox = Outbox(session)
        self.announce = outbox.announce
        self.replay = outbox.replay
        self.take_outbox = outbox.take_outbox
        self.mark_outbox = outbox.mark_outbox
        self.postpone_outbox = outbox.postpone_outbox
        self.unbound_events = outbox.unbound_events

        letters = Letters(session)
        self.begin_replay, self.end_replay = letters.begin_replay, letters.end_replay

    @property
    def token(self) -> UUID:
        """This process's name on the outbox rows that it publishes."""
        return self._session.token

    def leave_events(self) -> None:
        """This process has no relay: what it writes is for others to publish, at once and not after a lease."""
        self._session.event_lease = timedelta(0)

    def for_reconciling(self) -> ReconcileLedger:
        """The same books, as they are compared with a provider's."""
        return ReconcileLedger(self._session.database, self._session.clock)
