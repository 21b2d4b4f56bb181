"""A pool of connections to PostgreSQL, acting as role ledger_worker, that outlives the database going away."""

import asyncio
from typing import Any

import asyncpg
import structlog

from worker.backoff import Backoff
from worker.clock import Clock
from worker.errors import BadSettings, SchemaMissing

log = structlog.get_logger()

WORKER_ROLE = "ledger_worker"

# One batch in flight per SQL function, and a few for looking around.
CONNECTIONS_MAX = 8

_AWAY = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby, while the primary changes
)
# Nothing was done: another transaction was in the way.
_AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


class Database:
    """Runs statements, each its own transaction. Only statements that may safely run twice."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._is_away = False

    @classmethod
    async def open(cls, url: str, clock: Clock) -> "Database":
        """A pool that connects when it is first used. Raises BadSettings for a URL that cannot be read."""
        try:
            pool = asyncpg.create_pool(
                url,
                min_size=0,
                max_size=CONNECTIONS_MAX,
                timeout=10,
                server_settings={"role": WORKER_ROLE, "application_name": "ledger-worker"},
                reset=_keep_session,
            )
            await pool
        except (ValueError, asyncpg.ClientConfigurationError):
            raise BadSettings("LEDGER_DATABASE_URL: cannot be read as a PostgreSQL URL") from None
        return cls(pool, clock)

    async def close(self) -> None:
        """Close every connection, without waiting for a database that does not answer."""
        try:
            await asyncio.wait_for(self._pool.close(), timeout=5)
        except (TimeoutError, OSError):
            self._pool.terminate()

    async def fetch(self, query: str, *arguments: object) -> list[Any]:
        """The rows. Waits while the database is away, and says so once. Raises SchemaMissing."""
        backoff = Backoff(self._clock)
        while True:
            connection: Any = None
            try:
                async with self._pool.acquire() as connection:
                    rows: list[Any] = await connection.fetch(query, *arguments)
                self._came_back()
                return rows
            except _AGAIN:
                pass
            except asyncpg.InterfaceError as error:
                # Also raised for a connection that was lost between two uses.
                if connection is not None and not connection.is_closed():
                    raise
                self._went_away(error)
            except (asyncpg.UndefinedFunctionError, asyncpg.InvalidSchemaNameError) as error:
                raise SchemaMissing(_MIGRATE) from error
            except (asyncpg.InvalidParameterValueError, asyncpg.UndefinedObjectError) as error:
                if WORKER_ROLE in str(error):
                    raise SchemaMissing(_MIGRATE) from error
                raise
            except _AWAY as error:
                self._went_away(error)
            await backoff.wait()

    def _went_away(self, error: BaseException) -> None:
        if not self._is_away:
            self._is_away = True
            log.warning("database away, waiting for it", error=type(error).__name__)

    def _came_back(self) -> None:
        if self._is_away:
            self._is_away = False
            log.info("database is back")


async def _keep_session(_connection: object) -> None:
    """No reset between uses: it would cost a round trip each, and no statement here leaves anything behind."""


_MIGRATE = "the database has no schema `ledger` of this version: run `ledger-worker migrate`"
