"""Lost: what the library raises when the connection is gone, in all its guises."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import aio_pika
import pamqp.exceptions

LOST = (
    OSError,
    asyncio.TimeoutError,
    aio_pika.exceptions.AMQPError,
    aio_pika.exceptions.ChannelInvalidStateError,
    pamqp.exceptions.PAMQPException,
)


@contextmanager
def told_as_lost() -> Iterator[None]:
    """What waits for a connection that ends, the library cancels, or rejects with a bare Exception."""
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise ConnectionResetError("the connection ended") from None  # nobody cancelled us
    except Exception as error:
        if type(error) not in {Exception, RuntimeError}:
            raise
        raise ConnectionResetError("the connection ended") from error
