"""`up` and `down`: the servers outlive the command, the data outlives the servers."""

import asyncio
import re
import stat

import asyncpg

from .clone import GIVEN_BROKER, Clone


def database_url(exports: str) -> str:
    found = re.search(r"^export LEDGER_DATABASE_URL=(\S+)$", exports, re.MULTILINE)
    assert found
    return found[1]


def ask(url: str, query: str) -> object:
    async def connect_and_ask() -> object:
        database = await asyncpg.connect(url)
        try:
            return await database.fetchval(query)
        finally:
            await database.close()

    return asyncio.run(connect_and_ask())


def test_data_stays_from_one_up_to_the_next_until_it_is_deleted(clone: Clone) -> None:
    code, exports, noted = clone.call("up", **GIVEN_BROKER)
    assert code == 0, noted
    assert exports.splitlines()[1] == f"export LEDGER_AMQP_URL={GIVEN_BROKER['LEDGER_AMQP_URL']}"
    code, same, noted = clone.call("up", **GIVEN_BROKER)
    assert (code, same) == (0, exports)
    assert "already up" in noted
    ask(database_url(exports), "CREATE TABLE kept AS SELECT 42 AS number")

    assert clone.call("down")[0] == 0
    code, exports, noted = clone.call("up", **GIVEN_BROKER)
    assert code == 0, noted
    assert ask(database_url(exports), "SELECT number FROM kept") == 42
    assert ask(database_url(exports), "SHOW fsync") == "on"

    code, _, noted = clone.call("down", "--delete")
    assert code == 0
    assert "deleted" in noted
    assert not (clone.folder / ".local" / "up").exists()


def test_the_file_that_remembers_the_passwords_is_closed_to_others(clone: Clone) -> None:
    clone.call("up", **GIVEN_BROKER)

    mode = (clone.folder / ".local" / "up" / "instance.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    clone.call("down", "--delete")


def test_down_without_up_is_no_error(clone: Clone) -> None:
    code, _, noted = clone.call("down")

    assert code == 0
    assert "nothing is up" in noted
