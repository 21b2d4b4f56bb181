"""Sessions: one channel after the other, for as long as somebody wants one, waiting out what fails."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from aio_pika.abc import AbstractChannel

from worker.backoff import Backoff
from worker.broker.connection import ANSWER_SECONDS, open_channel
from worker.broker.lost import LOST, told_as_lost
from worker.broker.outage import Outage, Over, Unanswered
from worker.clock import Clock
from worker.errors import TopologyDiffers

# A session that ends sooner met something that waiting a moment does not mend, such as a queue that is gone.
STEADY_SESSION = timedelta(seconds=5)

# Setting up is asking: an exchange, a queue, a consumer.
SET_UP_SECONDS = ANSWER_SECONDS
NO_LEADER = "a question about a queue; one without a leader never answers: see `rabbitmq-queues quorum_status`"
# It may be the broker's silence, or that of one queue: the broker lets a connection wait for it.
NO_CONFIRM = "no confirm comes any more; if the broker is well, a queue that events go to has no leader"

# What to do on a channel until it is over; and what to call as soon as that works, within SET_UP_SECONDS.
Session = Callable[[AbstractChannel, Over, Callable[[], None]], Awaitable[None]]


async def keep_up(url: str, clock: Clock, purpose: str, session: Session, *stops: asyncio.Event) -> None:
    """Run sessions one after the other, waiting for what is away or differs; said once each time.

    A queue that somebody replaced while the worker runs stops its own session and nothing else: ending the
    process would take the other providers with it, and whoever restarts it would only have it end again.
    """
    backoff = Backoff(clock)
    outage = Outage(purpose)
    while not any(stop.is_set() for stop in stops):
        began = clock.now()
        try:
            async with open_channel(url) as (channel, over):
                await _within_patience(session, channel, over, outage)
                cause = over.cause
        except (*LOST, TopologyDiffers, Unanswered) as error:
            cause = error
        if any(stop.is_set() for stop in stops):
            return
        if clock.now() - began > STEADY_SESSION:
            backoff = Backoff(clock)
        outage.goes_on(cause)
        await backoff.wait()


async def _within_patience(session: Session, channel: AbstractChannel, over: Over, outage: Outage) -> None:
    """Once it works, a session may last. Raises Unanswered."""

    def works() -> None:
        set_up.reschedule(None)
        outage.ends()

    set_up = asyncio.timeout(SET_UP_SECONDS)
    try:
        async with set_up:
            with told_as_lost():
                await session(channel, over, works)
    except TimeoutError:
        if set_up.expired():
            raise Unanswered(NO_LEADER) from None
        raise


async def first(*events: asyncio.Event) -> None:
    """Wait for whichever comes first."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
