"""A message that carries an event and waits to hear what became of it; no AMQP in it."""

from collections.abc import Callable
from typing import Protocol


class Delivery(Protocol):
    """One delivery. None of its answers raises when the connection is gone: the broker delivers it again."""

    body: bytes
    correlation_id: str | None
    times_returned: int  # how often it was given back before, where the broker counts

    @property
    def is_over(self) -> bool:
        """Its connection is gone, so that no answer reaches the broker."""
        ...

    async def ack(self) -> None:
        """Done."""
        ...

    async def requeue(self) -> None:
        """To be delivered again."""
        ...

    async def bury(self) -> None:
        """Never again: to the dead letters."""
        ...


class Source(Protocol):
    """Where deliveries come from."""

    async def run(self, put: Callable[[Delivery], None], ready: Callable[[], None]) -> None:
        """Hand deliveries to `put` until cancelled; through reconnects. `ready` each time they can come."""
        ...
