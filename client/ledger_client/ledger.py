"""What a service sees of the ledger, whether it is the real one or its double."""

from typing import Protocol

from ledger_client.commands import Command
from ledger_client.event import Event
from ledger_client.seen import SeenEvents
from ledger_client.stream import EventStream

# A broker in a resource alarm stops reading from publishers without closing the connection.
PUBLISH_SECONDS = 30.0
EXECUTE_SECONDS = 60.0
PREFETCH = 50


class Ledger(Protocol):
    """Let services take this, so that their tests can hand them a `FakeLedger`."""

    async def publish(
        self,
        command: Command,
        *,
        message_id: str | None = None,
        correlation_id: str | None = None,
        traceparent: str | None = None,
        timeout: float = PUBLISH_SECONDS,
    ) -> None:
        """Return when the command has arrived. Its result is an event.

        Raises InvalidCommand before anything is sent; Unroutable, Nacked; NotConnected after `timeout` seconds.
        Events carry the correlation id, or the orderId when there is none, and the W3C trace context `traceparent`.
        """
        ...

    async def execute(
        self,
        command: Command,
        *,
        timeout: float = EXECUTE_SECONDS,
        message_id: str | None = None,
        correlation_id: str | None = None,
        traceparent: str | None = None,
    ) -> Event:
        """Publish the command and wait for the event that ends its order: succeeded, failed or rejected.

        The rejection of this very message (`order_id_conflict`) ends the waiting too. A command that was published
        before tells its stored result. Under the orderId of another command the end of that one's order may come
        before the refusal, and is returned: never use an orderId twice. Raises what `publish` raises, and
        StillRunning after `timeout` seconds.
        """
        ...

    def events(
        self, *patterns: str, queue: str = "events", prefetch: int = PREFETCH, seen: SeenEvents | None = None
    ) -> EventStream:
        """The events whose kind (`<type>.<result>`) matches a pattern: `*` is one word, `#` any; all without one.

        They wait in the durable queue `<service>.<queue>`, also while the service is away, from the first time that
        it was opened. Processes of a service share its queue; each other service has its own. Bindings stay: a queue
        with fewer patterns needs another name.
        """
        ...
