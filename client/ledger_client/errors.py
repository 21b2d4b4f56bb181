"""What can go wrong between a service and the ledger. What becomes of an order is an event, not an exception.

LedgerError
├── InvalidCommand      a field breaks its rule; nothing was sent
├── Unroutable          no queue takes the command: its provider is not set up at any worker
├── Nacked              the broker refused the command
├── NotConnected        no confirmation in time: it may have arrived, or not
├── StillRunning        it has arrived, and its order has not ended in time
└── QueueDiffers        the service's queue exists with other arguments

After Unroutable, Nacked, NotConnected and StillRunning the same command may be published again: an orderId is
executed once.
"""

from ledger_client.event import Event


class LedgerError(Exception):
    """One line that a person can act on."""


class InvalidCommand(LedgerError):
    """A field of a command, or a property of its message, breaks a rule. The value itself is not told.

    >>> from ledger_client import Transfer
    >>> Transfer(order_id="a b", from_user_id="alice1", to_user_id="bob123", coin_id=1280, amount="1")
    Traceback (most recent call last):
    ledger_client.errors.InvalidCommand: order_id: must be 3-64 characters of A-Z a-z 0-9 _ -
    """

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class Unroutable(LedgerError):
    """The broker says that no queue is bound for the command, or that there is no exchange for it."""


class Nacked(LedgerError):
    """The broker refused the command, as it does when its queue is full."""


class NotConnected(LedgerError):
    """RabbitMQ could not be reached, or did not confirm, within the time."""


class StillRunning(LedgerError):
    """The order goes on, only the waiting has ended. `last` is the latest event that was heard of it.

    Ask again by publishing or executing the same command: nothing is done twice, its result is told again.
    """

    def __init__(self, order_id: str, last: Event | None) -> None:
        heard = f"its last event is {last.kind}" if last else "no event of it yet"
        super().__init__(f"{order_id} goes on ({heard}); execute the same command again to hear its result")
        self.order_id = order_id
        self.last = last


class QueueDiffers(LedgerError):
    """The service's queue was declared by somebody else in another way: delete it when empty, or name another."""
