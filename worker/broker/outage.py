"""An outage: what a session with the broker ended of, in words for an operator, said once until it is over."""

import asyncio

import structlog
from aio_pika.exceptions import ChannelClosed, ChannelNotFoundEntity

from worker.errors import TopologyDiffers

log = structlog.get_logger()

AWAY = "broker away, waiting for it"
DIFFERS = "exchange or queue differs, waiting until it is mended"
MISSING = "exchange or queue missing, waiting for it"
CANCELLED = "consumer cancelled by the broker, beginning anew"
CLOSED = "channel closed by the broker, beginning anew"
SILENT = "broker does not answer, asking anew"


class ConsumerCancelled(Exception):
    """The broker gives nothing more to our consumer: its queue was deleted, or went to another node."""


class Unanswered(Exception):
    """The broker took a question, and does not answer it."""


_OURS: dict[type[Exception], str] = {TopologyDiffers: DIFFERS, ConsumerCancelled: CANCELLED, Unanswered: SILENT}


class Over(asyncio.Event):
    """The signal that a session is over; the first to say so says why."""

    def __init__(self) -> None:
        super().__init__()
        self.cause: BaseException | None = None

    def because(self, cause: BaseException | None) -> None:
        """End the session."""
        if not self.is_set():
            self.cause = cause
            self.set()


class Outage:
    """From the first session that fails to the next that works. Each kind of cause is told once meanwhile."""

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose
        self._told: set[str] = set()

    def goes_on(self, cause: BaseException | None) -> None:
        """A session ended, or could not begin."""
        kind, words = describe(cause)
        if kind in self._told:
            return
        self._told.add(kind)
        tell = log.error if kind in {DIFFERS, MISSING, SILENT} else log.warning
        tell(kind, purpose=self._purpose, error=words)

    def ends(self) -> None:
        """A session does what it is for."""
        if self._told:
            log.info("broker is back" if AWAY in self._told else "working again", purpose=self._purpose)
            self._told.clear()


def describe(cause: BaseException | None) -> tuple[str, str]:
    """The kind of outage, and the words: the broker's own of a channel's end; a connection's may hold a URL."""
    match cause:
        case TopologyDiffers() | ConsumerCancelled() | Unanswered():
            return _OURS[type(cause)], str(cause)
        case ChannelNotFoundEntity():
            return MISSING, f"{cause}; see `ledger-worker topology apply`"
        case ChannelClosed(args=(*_, str() as words)):
            return CLOSED, words
        case None:
            return AWAY, "closed"
        case _:
            return AWAY, type(cause).__name__
