"""Several connections to one database, as several workers have them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import TypeVar

import psycopg

from tests.sql.calls import Calls
from worker.database import FOR_FUNCTIONS

Answer = TypeVar("Answer")

THREADS = 8


@contextmanager
def connected(url: str) -> Iterator[Calls]:
    """A session as the worker has it; one that waits for ever fails instead."""
    options = " ".join(f"-c {name}={value}" for name, value in {**FOR_FUNCTIONS, "lock_timeout": "20s"}.items())
    with psycopg.connect(url, autocommit=True, options=options) as connection:
        yield Calls(connection)


def retrying(call: Callable[[], Answer]) -> Answer:
    """Run again what lost a race, as the worker does. A deadlock is not a race: it is raised."""
    while True:
        try:
            return call()
        except psycopg.errors.SerializationFailure:
            continue


def at_once(url: str, work: Callable[[Calls, int], Answer]) -> list[Answer]:
    """The answers of all threads, which start together, each on its own connection."""
    barrier = Barrier(THREADS)

    def run(number: int) -> Answer:
        with connected(url) as calls:
            barrier.wait()
            return work(calls, number)

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(run, range(THREADS)))


def until_waiting(calls: Calls, other: psycopg.Connection) -> None:
    """Return when the other connection waits for a lock."""
    waits = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
    while not calls.value(waits, other.info.backend_pid):
        pass
