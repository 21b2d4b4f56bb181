"""Migrate: bring the schema `ledger` to this version. Safe to repeat, and safe when two run at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import sql
from yoyo import get_backend, read_migrations

import sql as sql_files
from worker.errors import BadSettings, WorkerError

ROOT = Path(sql_files.__file__).parent

# One migration at a time in a database. A session lock: it ends with the connection, even after a crash, which
# the lock table of the migration tool does not.
LOCK_KEY = 0x1ED6E2

# A deadlock takes PostgreSQL a second to find.
TRIES_MAX = 20
NO_MOMENT = "migrate: workers or other migrations leave no moment for it; stop some and try again"


def migrate(owner_url: str, worker_url: str) -> list[str]:
    """Apply the migrations that are missing, then functions, views and roles; the names of what was applied.

    The user of `worker_url` becomes a member of role ledger_worker. Raises BadSettings or WorkerError.
    """
    worker = _user(worker_url, "LEDGER_DATABASE_URL")
    _user(owner_url, "LEDGER_DATABASE_OWNER_URL")  # PostgreSQL's own complaint would quote the password
    try:
        with _connect_to_primary(owner_url) as connection:
            with _locked(connection):
                connection.execute("CREATE SCHEMA IF NOT EXISTS ledger")
                applied = _apply_migrations(_url_of_host(owner_url, connection.info))
                _apply_code(connection, worker)
            return applied
    except psycopg.errors.DeadlockDetected:  # with workers, over tables that a migration changes: it is not done
        raise WorkerError(NO_MOMENT) from None
    except (psycopg.ProgrammingError, psycopg.InternalError) as error:
        raise WorkerError(f"migrate: {_first_line(error)}") from None
    except psycopg.OperationalError as error:
        raise WorkerError(f"migrate: the database cannot be reached: {type(error).__name__}") from None


def _connect_to_primary(url: str) -> psycopg.Connection:
    """Of several hosts the one that takes writes, unless the URL says otherwise."""
    wanted = psycopg.conninfo.conninfo_to_dict(url).get("target_session_attrs", "read-write")
    conninfo = psycopg.conninfo.make_conninfo(url, connect_timeout=10, target_session_attrs=wanted)
    return psycopg.connect(conninfo, autocommit=True)


def _url_of_host(url: str, connected: psycopg.ConnectionInfo) -> str:
    """The URL with that host alone: the migration tool cannot read one with several."""
    parts = urlsplit(url)
    credentials, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return url
    host = f"[{connected.host}]" if ":" in connected.host else connected.host
    return parts._replace(netloc=f"{credentials}{at}{host}:{connected.port}").geturl()


@contextmanager
def _locked(connection: psycopg.Connection) -> Iterator[None]:
    connection.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
    try:
        yield
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK_KEY,))


def _apply_migrations(owner_url: str) -> list[str]:
    backend = get_backend(_migration_url(owner_url))
    try:
        missing = backend.to_apply(read_migrations(str(ROOT / "migrations")))
        for migration in missing:
            # Together: the tool by itself would write down only afterwards that it is applied. Killed in between, it
            # would apply it again, and fail for ever on what is there already.
            with backend.transaction():
                migration.process_steps(backend, "apply")
                backend.mark_one(migration)
        return [migration.id for migration in missing]
    finally:
        backend.connection.close()


def _apply_code(connection: psycopg.Connection, worker: str | None) -> None:
    """Functions, views and grants are the same after every migration, so they are simply said again."""
    files = [
        *sorted((ROOT / "functions").glob("*.sql")),
        *sorted((ROOT / "views").glob("*.sql")),
        ROOT / "roles.sql",
    ]
    for _ in range(TRIES_MAX):
        try:
            return _say_again(connection, files, worker)
        except (psycopg.errors.DeadlockDetected, psycopg.errors.UniqueViolation, psycopg.errors.InternalError_):
            # Triggers lock their tables, which workers use in another order; the role belongs to all databases, and
            # another one's migration may grant it at this moment. Nothing was done.
            continue
    raise WorkerError(NO_MOMENT)


def _say_again(connection: psycopg.Connection, files: list[Path], worker: str | None) -> None:
    with connection.transaction():
        for file in files:
            connection.execute(file.read_bytes())
        for user in {worker, connection.info.user} - {None}:
            connection.execute(sql.SQL("GRANT ledger_worker TO {}").format(sql.Identifier(str(user))))


def _migration_url(url: str) -> str:
    """The URL as the migration tool wants it: its driver, and its own tables in our schema."""
    parts = urlsplit(url)
    query = urlencode([*parse_qsl(parts.query), ("schema", "ledger")])
    return urlunsplit(("postgresql+psycopg", parts.netloc, parts.path, query, ""))


def _user(url: str, variable: str) -> str | None:
    try:
        return psycopg.conninfo.conninfo_to_dict(url).get("user")  # type: ignore[return-value]
    except psycopg.ProgrammingError:
        raise BadSettings(f"{variable}: cannot be read as a PostgreSQL URL") from None


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]
