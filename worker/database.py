"""A pool of connections to PostgreSQL, acting as role ledger_worker, that outlives the database going away."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import structlog

from worker.backoff import Backoff
from worker.clock import Clock
from worker.database_hosts import CONNECT_SECONDS, connect_to_primary, make_durable
from worker.errors import BadSettings, DatabaseAway, SchemaMissing

log = structlog.get_logger()

WORKER_ROLE = "ledger_worker"

# One batch in flight per SQL function, and a few for looking around.
CONNECTIONS_MAX = 8

# A batch takes milliseconds. A network that swallows packets would otherwise hold the worker for the quarter of
# an hour that the kernel goes on trying.
ANSWER_SECONDS = 30

# Of a long reading, fetched at once.
STREAM_ROWS = 1000

# For sessions that call the ledger's functions and nothing else. Their statements look up some rows by index, always
# the same way; planning them anew each time cost more than running them, and plans made while the tables were
# empty would scan them whole until the next ANALYZE.
FOR_FUNCTIONS = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "jit": "off"}

_AWAY = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # starting, shutting down, or the statement was cancelled
    asyncpg.InsufficientResourcesError,  # no connections, memory or disk left
    asyncpg.TargetServerAttributeNotMatched,  # only standbys answer
    asyncpg.ReadOnlySQLTransactionError,  # a standby, while the primary changes
)
# Nothing was done: another transaction was in the way.
_AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError)
# The URL names a user or a database that PostgreSQL does not let in: waiting would not help.
_REFUSED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)


class Database:
    """Runs statements, each its own transaction. Only statements that may safely run twice."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, quiet: bool = False) -> None:
        self._pool = pool
        self._clock = clock
        self._quiet = quiet
        self._is_away = False

    @classmethod
    async def open(
        cls, url: str, clock: Clock, planner: Mapping[str, str] | None = None, *, quiet: bool = False
    ) -> "Database":
        """A pool that connects when it is first used. Raises BadSettings for a URL that cannot be read.

        `planner` are PostgreSQL settings of its sessions, such as FOR_FUNCTIONS. Quiet: a command line waits only
        for a while, and its one line of error says then what the log would have said.
        """
        try:
            pool = asyncpg.create_pool(
                url,
                min_size=0,
                max_size=CONNECTIONS_MAX,
                timeout=CONNECT_SECONDS,
                server_settings={"role": WORKER_ROLE, "application_name": "ledger-worker", **(planner or {})},
                reset=_keep_session,
                # People may read from a standby; whoever writes needs the primary.
                connect=connect_to_primary if planner else None,
                init=make_durable if planner else None,
            )
            await pool
        except (ValueError, asyncpg.ClientConfigurationError):
            raise BadSettings("LEDGER_DATABASE_URL: cannot be read as a PostgreSQL URL") from None
        return cls(pool, clock, quiet)

    async def close(self) -> None:
        """Close every connection, without waiting for a database that does not answer."""
        try:
            async with asyncio.timeout(5):
                await self._pool.close()
        except (TimeoutError, OSError):
            self._pool.terminate()

    async def fetch(self, query: str, *arguments: object) -> list[Any]:
        """The rows. Waits while the database is away, and says so once. Raises SchemaMissing or BadSettings."""
        return await self.fetch_anew(query, lambda: arguments)

    async def fetch_anew(self, query: str, arguments: Callable[[], Sequence[object]]) -> list[Any]:
        """As fetch, with arguments that are made anew for each try: they tell the time, and the wait may be long."""
        backoff = Backoff(self._clock)
        while True:
            try:
                async with self._connection() as connection:
                    rows = await _ask(connection, query, arguments())
                self._came_back()
                return rows
            except _AGAIN:
                pass
            except _REFUSED as error:
                raise BadSettings(f"LEDGER_DATABASE_URL: PostgreSQL says: {error}") from None
            except (
                asyncpg.UndefinedFunctionError,
                asyncpg.UndefinedTableError,
                asyncpg.InvalidSchemaNameError,
                asyncpg.InsufficientPrivilegeError,
            ) as error:
                raise SchemaMissing(_MIGRATE) from error
            except (asyncpg.InvalidParameterValueError, asyncpg.UndefinedObjectError) as error:
                if WORKER_ROLE in str(error):
                    raise SchemaMissing(_MIGRATE) from error
                raise
            except _AWAY as error:
                self._went_away(error)
                if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
                    await self._pool.expire_connections()  # the primary is elsewhere now
            await backoff.wait()

    async def stream(self, query: str, *arguments: object) -> AsyncGenerator[Any, None]:
        """The rows of one snapshot, some at a time, for reading more than memory holds.

        For people's reading: nothing is tried again. Raises DatabaseAway, SchemaMissing or BadSettings.
        """
        try:
            async with self._connection() as connection, connection.transaction(readonly=True):
                async for row in connection.cursor(query, *arguments, prefetch=STREAM_ROWS, timeout=ANSWER_SECONDS):
                    yield row
        except _REFUSED as error:
            raise BadSettings(f"LEDGER_DATABASE_URL: PostgreSQL says: {error}") from None
        except (
            asyncpg.UndefinedTableError,
            asyncpg.InvalidSchemaNameError,
            asyncpg.InsufficientPrivilegeError,
        ) as error:
            raise SchemaMissing(_MIGRATE) from error
        except (*_AWAY, asyncpg.InternalClientError) as error:
            raise DatabaseAway("the database cannot be reached, or went away while it was read") from error

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        try:
            connection = await self._pool.acquire(timeout=ANSWER_SECONDS)
        except asyncpg.ClientConfigurationError:
            raise BadSettings("LEDGER_DATABASE_URL: cannot be read as a PostgreSQL URL") from None
        except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            raise ConnectionResetError("the connection was lost while it was made") from error
        try:
            yield connection
        finally:
            # Raised for one that is lost in this very moment; the pool has it back then, and the answer counts.
            with suppress(asyncpg.InternalClientError):
                await self._pool.release(connection, timeout=ANSWER_SECONDS)

    def _went_away(self, error: BaseException) -> None:
        if not self._is_away:
            self._is_away = True
            if not self._quiet:
                log.warning("database away, waiting for it", error=type(error).__name__)

    def _came_back(self) -> None:
        if self._is_away:
            self._is_away = False
            if not self._quiet:
                log.info("database is back")


async def _ask(connection: Any, query: str, arguments: Sequence[object]) -> list[Any]:
    """The rows, or ConnectionResetError when the connection is lost or says nothing for too long.

    A connection that is given up is cut, never sent a cancel: that could end a COMMIT's wait for the standby and
    leave the row on this server alone.
    """
    asking = asyncio.ensure_future(connection.fetch(query, *arguments))
    asking.add_done_callback(lambda task: task.cancelled() or task.exception())  # told, should nobody ask
    try:
        await asyncio.wait({asking}, timeout=ANSWER_SECONDS)
    finally:
        if not asking.done():
            connection.terminate()
    if not asking.done():
        raise ConnectionResetError("the database did not answer")
    try:
        rows: list[Any] = asking.result()
    except asyncpg.InternalClientError as error:
        # A server that dies says so to sessions that have not asked, and closes them a moment later: in between the
        # library takes no question. Nothing was sent.
        connection.terminate()
        raise ConnectionResetError("the connection was told to end before it was used") from error
    except asyncpg.InterfaceError as error:
        # Our own mistake, or a connection that was lost between taking and using it: then the pool has it back.
        if _is_lost(connection):
            raise ConnectionResetError("the connection was lost before it was used") from error
        raise
    return rows


def _is_lost(connection: Any) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


async def _keep_session(_connection: object) -> None:
    """No reset between uses: it would cost a round trip each, and no statement here leaves anything behind."""


_MIGRATE = "the database has no schema `ledger` of this version: run `ledger-worker migrate`"
