"""Dead letters on real servers: looked at where they lie, and replayed; none is lost, whatever is killed when."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aio_pika
import psycopg
import pytest
from aio_pika.abc import AbstractChannel

from tests.e2e.client import connected, transfer
from tests.e2e.stage import APP_ID, Stage
from worker.dead import LOOKS_MAX

QUEUE = "ledger.dead.ccpayment"
COMMANDS = "ledger.commands.ccpayment"
GOOD = transfer("ord-1", APP_ID, "alice1", "1")
BAD = {**GOOD, "orderId": "ord-2", "amount": 5}


@asynccontextmanager
async def broker(stage: Stage) -> AsyncIterator[AbstractChannel]:
    """A channel of the test's own, once the queues are there."""
    assert (await stage.run("topology", "apply")).code == 0
    async with await aio_pika.connect(stage.amqp_url) as connection:
        yield await connection.channel(on_return_raises=True)


async def bury(channel: AbstractChannel, body: object, reason: str | None = "amount: why", **properties: Any) -> None:
    """A dead letter, as the worker leaves it."""
    exchange = await channel.get_exchange("ledger.dead")
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {} if reason is None else {"x-ledger-reason": reason}
    await exchange.publish(
        aio_pika.Message(encoded, headers=headers, delivery_mode=2, **properties), "ccpayment.transfer"
    )


async def waiting(channel: AbstractChannel, queue: str = QUEUE) -> int:
    """How many messages wait in a queue."""
    declared = await channel.declare_queue(queue, passive=True)
    return declared.declaration_result.message_count or 0


async def until_waiting(channel: AbstractChannel, count: int, queue: str = QUEUE) -> None:
    """Those of a connection that was cut come back a moment later."""
    async with asyncio.timeout(30):
        while True:
            if await waiting(channel, queue) == count:
                return
            await asyncio.sleep(0.05)


async def rows(stage: Stage, *arguments: str, code: int = 0, stdin: bytes = b"") -> list[dict[str, Any]]:
    finished = await stage.run("dead", *arguments, "--json", stdin=stdin)
    assert finished.code == code, finished.err
    return [json.loads(line) for line in finished.out.splitlines()]


# ---------------------------------------------------------------- looking


async def test_letters_are_listed_by_filter_and_stay_where_they_are(desk: Stage) -> None:
    async with broker(desk) as channel:
        await bury(channel, BAD, message_id="m-1")
        await bury(channel, {**BAD, "orderId": "ord-3"}, "remark: is long")
        await bury(channel, b"\xffhello\x1b[31m", None)
        listed = await rows(desk, "list")
        assert [row["order_id"] for row in listed] == ["ord-2", "ord-3", None]
        assert [row["reason"] for row in listed] == ["amount: why", "remark: is long", None]
        assert (listed[0]["message_id"], listed[0]["routing_key"]) == ("m-1", "ccpayment.transfer")
        assert await rows(desk, "list") == listed
        assert [row["order_id"] for row in await rows(desk, "list", "--reason", "REMARK")] == ["ord-3"]
        assert [row["letter"] for row in await rows(desk, "list", "--order-id", "ord-2")] == [listed[0]["letter"]]
        part = await desk.run("dead", "list", "--limit", "2", "--json")
        assert (len(part.out.splitlines()), "more dead letters" in part.err) == (2, True), part.err
        for_people = await desk.run("dead", "list", "--provider", "ccpayment")
        assert (for_people.code, "\x1b" in for_people.out) == (0, False)
        await until_waiting(channel, 3)


async def test_one_letter_is_shown_whole_and_its_body_byte_for_byte(desk: Stage) -> None:
    body = b'{"orderId":"ord-2",   "remark":"\xc3\xa9"}'
    async with broker(desk) as channel:
        await bury(channel, body, message_id="m-1", correlation_id="c-1")
        [row] = await rows(desk, "list")
        for name in ("m-1", row["letter"]):
            [shown] = await rows(desk, "show", name)
            assert json.loads(shown["body"])["remark"] == "é"
            assert (shown["correlation_id"], shown["headers"]["x-ledger-reason"]) == ("c-1", "amount: why")
        assert (await desk.run("dead", "show", "m-1", "--raw")).out.encode() == body
        for_people = await desk.run("dead", "show", "m-1")
        assert (for_people.code, '"remark": "\\u00e9"' in for_people.out) == (0, True)
        assert (await desk.run("dead", "show", "m-2")).code == 1
        await until_waiting(channel, 1)


async def test_a_letter_that_the_broker_gave_up_has_its_history(desk: Stage) -> None:
    async with broker(desk) as channel:
        commands = await channel.get_exchange("ledger.commands")
        await commands.publish(aio_pika.Message(json.dumps(GOOD).encode()), "ccpayment.transfer")
        message = await (await channel.get_queue(COMMANDS)).get()
        await message.reject(requeue=False)
        await until_waiting(channel, 1)
        [row] = await rows(desk, "list", "--reason", "rejected")
        assert row["reason"] == f"rejected in {COMMANDS}"
        assert row["since"] is not None
        [shown] = await rows(desk, "show", row["letter"])
        assert (shown["history"][0]["count"], shown["history"][0]["queue"]) == ("1", COMMANDS)


async def test_letters_outlive_being_looked_at_more_often_than_a_broker_may_allow(desk: Stage) -> None:
    async with broker(desk) as channel:
        await bury(channel, BAD, message_id="m-1", correlation_id="c-1", timestamp=datetime(2026, 1, 2, tzinfo=UTC))
        await bury(channel, b"hello", None)
        first = await rows(desk, "list")
        for _ in range(LOOKS_MAX + 2):
            async with await aio_pika.connect(desk.amqp_url) as connection:
                queue = await (await connection.channel()).get_queue(QUEUE)
                while await queue.get(fail=False):
                    pass
            await until_waiting(channel, 2)
        listed = await rows(desk, "list")
        for row in (*first, *listed):
            del row["age"]  # what it is reckoned from stays
        assert sorted(map(str, listed)) == sorted(map(str, first))
        await until_waiting(channel, 2)
        queue = await channel.get_queue(QUEUE)
        letters = [await queue.get(), await queue.get()]
        assert {letter.headers.get("x-delivery-count") for letter in letters} <= {None, 0, 1, 2}
        assert ("m-1", "c-1", "amount: why") in {
            (letter.message_id, letter.correlation_id, letter.headers.get("x-ledger-reason")) for letter in letters
        }


async def test_without_letters_or_queues_it_says_so(desk: Stage) -> None:
    missing = await desk.run("dead", "list")
    assert (missing.code, "topology apply" in missing.err) == (1, True)
    async with broker(desk):
        assert "no dead letters" in (await desk.run("dead", "list")).out
        assert "nothing was replayed" in (await desk.run("dead", "list", "--replayed")).out
        assert (await desk.run("dead", "replay", "m-1")).code == 1
    for arguments in (("replay",), ("list", "--provider", "paypal"), ("replay", "m-1", "--by", " ")):
        assert (await desk.run("dead", *arguments)).code == 2, arguments


# ---------------------------------------------------------------- replaying


async def test_an_edited_letter_is_carried_out_once_and_that_is_recorded(stage: Stage) -> None:
    async with connected(stage.amqp_url) as client, stage.worker():
        await stage.fund_merchant()
        began = datetime.now(UTC).replace(microsecond=0)  # AMQP has whole seconds
        await client.publish(
            BAD,
            message_id="m-1",
            correlation_id="c-1",
            headers={"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"},
        )
        await client.tap.delivery("ord-2")
        await until_waiting(client.channel, 1)
        [listed] = await rows(stage, "list")
        assert began <= datetime.fromisoformat(listed["since"]) <= datetime.now(UTC)
        kept = await stage.run("dead", "replay", "m-1", "--json")
        assert (kept.code, json.loads(kept.out)["outcome"].startswith("kept: amount")) == (1, True)
        wrong = await stage.run(
            "dead", "replay", "m-1", "--edit", "-", stdin=json.dumps({**BAD, "amount": "0"}).encode()
        )
        assert (wrong.code, "--edit: amount" in wrong.err) == (2, True)
        right = json.dumps({**BAD, "amount": "5"}).encode()
        [tried] = await rows(stage, "replay", "m-1", "--edit", "-", "--dry-run", stdin=right)
        assert tried["outcome"] == "would be replayed"
        assert await waiting(client.channel) == 1
        [done] = await rows(stage, "replay", "m-1", "--edit", "-", "--by", "ada", stdin=right)
        assert done["outcome"] == "replayed"
        event = await client.tap.end_of("ord-2")
        assert event["data"]["result"] == "succeeded"
        assert client.tap.message_of(event).correlation_id == "c-1"
        await until_waiting(client.channel, 0)
    [record] = await stage.query("SELECT * FROM ledger.letter_replay")
    assert (record["replayed_by"], record["edited"], record["outcome"]) == ("ada", True, "published")
    assert (record["order_id"], record["message_id"], record["routing_key"]) == ("ord-2", "m-1", "ccpayment.transfer")
    assert (json.loads(record["dead_body"]), record["edited_body"]) == (BAD, right)
    [listed] = await rows(stage, "list", "--replayed")
    assert (listed["replayed_by"], listed["edited"], listed["reason"]) == ("ada", True, record["reason"])


async def test_a_filter_replays_what_can_be_and_keeps_the_rest(desk: Stage) -> None:
    async with broker(desk) as channel:
        await bury(channel, GOOD)
        await bury(channel, BAD)
        await bury(channel, {**GOOD, "orderId": "ord-4"}, "another reason")
        done = await rows(desk, "replay", "--reason", "amount", "--by", "ada", code=1)
        assert [row["outcome"].partition(":")[0] for row in done] == ["replayed", "kept"]
        await until_waiting(channel, 2)
        message = await (await channel.get_queue(COMMANDS)).get()
        assert (json.loads(message.body), message.routing_key) == (GOOD, "ccpayment.transfer")
        assert set(message.headers) - {"x-delivery-count"} == {"x-ledger-replay"}
        edit = await desk.run(
            "dead", "replay", "--provider", "ccpayment", "--edit", "-", stdin=json.dumps(GOOD).encode()
        )
        assert (edit.code, "--edit: 2 dead letters match" in edit.err) == (2, True)
        await until_waiting(channel, 2)


async def test_a_replay_that_no_queue_takes_leaves_the_letter(desk: Stage) -> None:
    async with broker(desk) as channel:
        await bury(channel, GOOD)
        await channel.queue_delete(COMMANDS)
        failed = await desk.run("dead", "replay", "--order-id", "ord-1", "--by", "ada")
        assert (failed.code, len(failed.err.splitlines())) == (1, 1), failed.err
        await until_waiting(channel, 1)
        [record] = await desk.query("SELECT * FROM ledger.letter_replay")
        assert record["outcome"] == "refused"


async def test_nothing_is_published_that_could_not_be_written_down(desk: Stage, empty_database_url: str) -> None:
    async with broker(desk) as channel:
        await bury(channel, GOOD)
        failed = await desk.having(LEDGER_DATABASE_URL=empty_database_url).run(
            "dead", "replay", "--order-id", "ord-1"
        )
        assert (failed.code, "migrate" in failed.err) == (1, True)
        await until_waiting(channel, 1)
        assert await waiting(channel, COMMANDS) == 0


@pytest.mark.parametrize(("table", "published"), [("replayed_letter", 0), ("replayed_letter_end", 1)])
async def test_killed_before_or_after_it_is_published_the_letter_is_still_there(
    desk: Stage, table: str, published: int
) -> None:
    async with broker(desk) as channel:
        await bury(channel, GOOD)
        with psycopg.connect(desk.database_url) as owner:
            owner.execute(f"LOCK TABLE ledger.{table} IN EXCLUSIVE MODE".encode())
            async with desk.program("dead", "replay", "--order-id", "ord-1", "--by", "ada") as replay:
                await until_waiting(channel, 0)
                await until_waiting(channel, published, COMMANDS)
                await desk.until(
                    "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
                    " WHERE NOT l.granted AND d.datname = current_database() AND l.relation = "
                    f"(SELECT oid FROM pg_class WHERE relname = '{table}')) AS it"
                )
                await replay.kill()
            await until_waiting(channel, 1)
            assert await waiting(channel, COMMANDS) == published
        [again] = await rows(desk, "replay", "--order-id", "ord-1", "--by", "ada")
        assert again["outcome"] == "replayed"
        await until_waiting(channel, 0)
        await until_waiting(channel, published + 1, COMMANDS)
        done = await desk.query("SELECT outcome FROM ledger.letter_replay ORDER BY at")
        assert [row["outcome"] for row in done][-1] == "published"


def test_a_replay_cannot_be_rewritten(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as owner:
        for table in ("replayed_letter", "replayed_letter_end"):
            for statement in (
                "DELETE FROM ledger.{}",
                "TRUNCATE ledger.{} CASCADE",
                "UPDATE ledger.{} SET at = now()",
            ):
                with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                    owner.execute(statement.format(table).encode())
