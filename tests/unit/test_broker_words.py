"""What the broker says when it ends something, as an operator reads it."""

import pytest
from aio_pika.exceptions import (
    AMQPConnectionError,
    ChannelClosed,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
)
from aiormq.exceptions import ChannelLockedResource

from worker.broker.declare import difference
from worker.broker.outage import (
    AWAY,
    CANCELLED,
    CLOSED,
    DIFFERS,
    MISSING,
    SILENT,
    ConsumerCancelled,
    Over,
    Unanswered,
    describe,
)
from worker.errors import TopologyDiffers

WHAT = "queue ledger.commands.ccpayment"
INEQUIVALENT = f"PRECONDITION_FAILED - inequivalent arg '{{}}' for {WHAT} in vhost '/': received {{}}"
LOCKED = "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'ledger.commands.ccpayment' in vhost '/'."


@pytest.mark.parametrize(
    ("argument", "said", "told"),
    [
        ("x-delivery-limit", "'20' but current is '5'", "x-delivery-limit is '5', ours is '20'"),
        ("durable", "'true' but current is 'false'", "durable is 'false', ours is 'true'"),
        (
            "x-dead-letter-exchange",
            "the value 'ledger.dead' of type 'longstr' but current is none",
            "x-dead-letter-exchange is none, ours is 'ledger.dead'",
        ),
        (
            "x-overflow",
            "none but current is the value 'drop-head' of type 'longstr'",
            "x-overflow is 'drop-head', ours is none",
        ),
    ],
)
def test_a_difference_is_told_with_argument_and_both_values(argument: str, said: str, told: str) -> None:
    error = ChannelPreconditionFailed(INEQUIVALENT.format(argument, said))
    assert difference(WHAT, error) == f"{WHAT} differs: {told}"


def test_what_reads_otherwise_is_told_in_the_brokers_words() -> None:
    assert difference(WHAT, ChannelLockedResource(LOCKED)) == f"{WHAT} differs: {LOCKED}"


@pytest.mark.parametrize(
    ("cause", "kind", "words"),
    [
        (TopologyDiffers("queue q differs: …"), DIFFERS, "queue q differs: …"),
        (ConsumerCancelled("its queue was deleted"), CANCELLED, "its queue was deleted"),
        (Unanswered("a queue without a leader"), SILENT, "a queue without a leader"),
        (ChannelNotFoundEntity("no queue 'q'"), MISSING, "no queue 'q'; see `ledger-worker topology apply`"),
        (ChannelPreconditionFailed("acknowledgement timed out"), CLOSED, "acknowledgement timed out"),
        (ChannelClosed(541, "INTERNAL_ERROR"), CLOSED, "INTERNAL_ERROR"),
        (ChannelClosed(None, None), AWAY, "ChannelClosed"),
        (ChannelInvalidStateError("closed"), AWAY, "ChannelInvalidStateError"),
        (AMQPConnectionError("amqp://ledger:secret@broker/"), AWAY, "AMQPConnectionError"),
        (ConnectionResetError(), AWAY, "ConnectionResetError"),
        (None, AWAY, "closed"),
    ],
)
def test_the_end_of_a_session_is_told_by_its_cause(cause: BaseException | None, kind: str, words: str) -> None:
    assert describe(cause) == (kind, words)


def test_the_first_cause_of_an_end_is_the_one_that_is_told() -> None:
    over = Over()
    first = ChannelPreconditionFailed("timed out")
    over.because(first)
    over.because(ConnectionResetError())
    assert (over.is_set(), over.cause) == (True, first)
