"""Connecting to PostgreSQL: to whichever host is the primary, for commits that are durable when they are told."""

from typing import Any
from urllib.parse import urlsplit

import asyncpg
import structlog
from asyncpg.connect_utils import SessionAttribute

log = structlog.get_logger()

# For each host of the URL. The library's own timeout is for all of them together: a first host that is silent, as a
# machine without power is, would use it up, and the standby that has taken over would never be asked.
CONNECT_SECONDS = 10

# The next host may be better.
_ELSEWHERE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # starting, or shutting down
    asyncpg.InsufficientResourcesError,
    asyncpg.TargetServerAttributeNotMatched,  # a standby
)


async def connect_to_primary(dsn: str | None = None, **options: Any) -> Any:
    """To the first host that is the primary: decisions about money are never read from a standby, which may lag."""
    assert dsn is not None, "the pool has its URL"
    options |= {"timeout": CONNECT_SECONDS, "target_session_attrs": SessionAttribute.primary}
    *first_hosts, last_host = each_host(dsn)
    for host in first_hosts:
        try:
            return await asyncpg.connect(host, **options)
        except _ELSEWHERE:
            continue
    return await asyncpg.connect(last_host, **options)


def each_host(url: str) -> list[str]:
    """A URL for each host of `postgresql://user:password@h1:5432,h2:5432/name`, in this order."""
    parts = urlsplit(url)
    credentials, at, hosts = parts.netloc.rpartition("@")
    return [parts._replace(netloc=f"{credentials}{at}{host}").geturl() for host in hosts.split(",")]


async def make_durable(connection: Any) -> None:
    """Have the session wait for its commits: what is told as committed is acked, sent to a provider, published.

    With `synchronous_commit = off` PostgreSQL answers before the commit is on its own disk, and a crash forgets it.
    Any other value is left as it is: how many standbys to wait for is the operator's choice.
    """
    was_off = await connection.fetchval(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    if was_off is not None:
        log.warning("synchronous_commit is off for this user or database; the worker turns it on for itself")
