"""The ledger port, the only user of asyncpg: one short method per SQL function.

Every method waits for a database that is away and goes on when it is back: each function may safely run twice.
"""

from worker.ledger.booked import Booked, Difference, OpenPayment, Position
from worker.ledger.deposits import Posted, Watched
from worker.ledger.intake import Admission, Intake, Rejection, Verdict
from worker.ledger.jobs import FAILED, Lease
from worker.ledger.ledger import Ledger
from worker.ledger.letters import LetterReplay
from worker.ledger.outbox import Stored, stored
from worker.ledger.payments import Confirmation, UnreadableOrder
from worker.ledger.reconcile import ReconcileLedger
from worker.ledger.settlement import Applied, Settlement
from worker.ledger.webhooks import Webhook

__all__ = [
    "FAILED",
    "Admission",
    "Applied",
    "Booked",
    "Confirmation",
    "Difference",
    "Intake",
    "Lease",
    "Ledger",
    "LetterReplay",
    "OpenPayment",
    "Position",
    "Posted",
    "ReconcileLedger",
    "Rejection",
    "Settlement",
    "Stored",
    "UnreadableOrder",
    "Verdict",
    "Watched",
    "Webhook",
    "stored",
]
