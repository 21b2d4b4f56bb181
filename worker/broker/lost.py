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
    """As `as_lost`, of what is done in here."""
    try:
        yield
    except BaseException as error:
        if (told := as_lost(error)) is not error:
            raise told from error
        raise


def as_lost(error: BaseException) -> BaseException:
    """What waits for a connection that ends, the library cancels, or rejects with a bare Exception."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        is_told = task is not None and task.cancelling()
        return error if is_told else ConnectionResetError("the connection ended")  # nobody cancelled us
    return ConnectionResetError("the connection ended") if type(error) in {Exception, RuntimeError} else error
