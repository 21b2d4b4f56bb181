"""What other services install: publish a command, await its result, consume events without duplicates.

`LedgerClient` talks to RabbitMQ, `FakeLedger` is its double for tests; both are a `Ledger`.
"""

from ledger_client.client import LedgerClient
from ledger_client.commands import Command, PayOrder, Payout, Rescan, Swap, Transfer, Withdraw
from ledger_client.errors import (
    InvalidCommand,
    LedgerError,
    Nacked,
    NotConnected,
    QueueDiffers,
    StillRunning,
    Unroutable,
)
from ledger_client.event import Event
from ledger_client.event_data import (
    Contradicted,
    DepositCredited,
    EntryLine,
    ErrorDetail,
    EventData,
    OrderResult,
    PayOrderCreated,
    ReconcileDrift,
    RescanRequested,
    Unlisted,
)
from ledger_client.fake import FakeLedger
from ledger_client.inbox import ReceivedEvent
from ledger_client.ledger import Ledger
from ledger_client.newest import Newest
from ledger_client.seen import RecentlySeen, SeenEvents
from ledger_client.stream import EventStream

__all__ = [
    "Command",
    "Contradicted",
    "DepositCredited",
    "EntryLine",
    "ErrorDetail",
    "Event",
    "EventData",
    "EventStream",
    "FakeLedger",
    "InvalidCommand",
    "Ledger",
    "LedgerClient",
    "LedgerError",
    "Nacked",
    "Newest",
    "NotConnected",
    "OrderResult",
    "PayOrder",
    "PayOrderCreated",
    "Payout",
    "QueueDiffers",
    "ReceivedEvent",
    "RecentlySeen",
    "ReconcileDrift",
    "Rescan",
    "RescanRequested",
    "SeenEvents",
    "StillRunning",
    "Swap",
    "Transfer",
    "Unlisted",
    "Unroutable",
    "Withdraw",
]
