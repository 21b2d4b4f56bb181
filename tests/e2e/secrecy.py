"""The canary: no secret in any row, in any dead letter, in any event."""

import asyncpg

from tests.e2e.client import Client
from tests.e2e.program import secrets_of
from tests.e2e.stage import Stage


async def check_secrecy(stage: Stage, client: Client) -> None:
    """Look through everything that is kept. What programs say is looked through whenever one ends."""
    secrets = [secret.encode() for secret in secrets_of(stage.settings)]
    assert secrets, "there is something to look for"
    await client.publish(b"hello", "ccpayment.transfer")  # one dead letter at least
    letter = await client.dead_letter()
    kept = [letter.body + repr(letter.headers).encode(), *(message.body for message in client.tap.messages)]
    kept += await _rows(stage)
    for secret in secrets:
        assert not any(secret in text for text in kept)


async def _rows(stage: Stage) -> list[bytes]:
    """Every row of every table as text; the bytes of what was sent also as they are."""
    connection = await asyncpg.connect(stage.database_url)
    try:
        tables = await connection.fetch(
            "SELECT oid::regclass::text AS name FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'ledger'::regnamespace"
        )
        rows = [
            row["text"].encode()
            for table in tables
            for row in await connection.fetch(f"SELECT t::text AS text FROM {table['name']} t")
        ]
        return rows + [row["body"] for row in await connection.fetch("SELECT body FROM ledger.attempt")]
    finally:
        await connection.close()
