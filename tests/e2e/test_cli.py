"""The command line on real servers: what it does, what it prints, how it exits."""

import asyncio
import json
from decimal import Decimal
from itertools import count

import psycopg

from tests.e2e.client import connected, transfer
from tests.e2e.program import Finished, on_port
from tests.e2e.proxy import proxied
from tests.e2e.stage import APP_ID, Stage

FIELDS = ("orderId=ord-1", "fromUserId=alice1", "toUserId=bob123", "coinId=1280", "amount=1")

# ---------------------------------------------------------------- with a database


async def adjust(desk: Stage, order_id: str, amount: str, **changes: str) -> Finished:
    options = {"account": "user:alice1", "provider": "ccpayment", "coin": "1280", "reason": "opening", **changes}
    pairs = [part for name, value in options.items() for part in (f"--{name}", value)]
    return await desk.run("adjust", "--order-id", order_id, "--amount", amount, *pairs)


async def test_an_adjustment_is_posted_once_against_custody(desk: Stage) -> None:
    assert (await adjust(desk, "adj-1", "5.50")).code == 0
    again = await adjust(desk, "adj-1", "5.5")
    assert (again.code, again.err) == (0, "")
    assert sorted(await desk.lines("adj-1")) == [
        ("custody", Decimal("-5.5"), "adjust"),
        ("user:alice1", Decimal("5.5"), "adjust"),
    ]
    assert (await adjust(desk, "adj-2", "-1.5")).code == 0
    assert await desk.balance("user:alice1") == (4, 0, 4)
    assert await desk.balance("custody") == (-4, 0, -4)
    assert (await desk.run("audit")).code == 0


ADJUSTMENTS = {
    "overdraws": ("adj-2", "-6", {}, "--amount"),
    "other amount": ("adj-1", "6", {}, "--order-id"),
    "other reason": ("adj-1", "5", {"reason": "another"}, "--order-id"),
    "nothing": ("adj-2", "0", {}, "--amount"),
    "minus nothing": ("adj-2", "-0.0", {}, "--amount"),
    "two signs": ("adj-2", "--5", {}, "--amount"),
    "a plus": ("adj-2", "+5", {}, "--amount"),
    "custody itself": ("adj-2", "5", {"account": "custody"}, "--account"),
    "a user that is none": ("adj-2", "5", {"account": "user:sys-1"}, "--account"),
    "an id that is none": ("a b", "5", {}, "--order-id"),
    "no reason": ("adj-2", "5", {"reason": " "}, "--reason"),
    "more digits than an amount has": ("adj-2", "9" * 39, {}, "--amount"),
}


async def test_adjustments_that_cannot_be_are_refused_and_change_nothing(desk: Stage) -> None:
    await adjust(desk, "adj-1", "5")
    tries = (adjust(desk, order_id, amount, **changes) for order_id, amount, changes, _ in ADJUSTMENTS.values())
    for case, finished in zip(ADJUSTMENTS, await asyncio.gather(*tries), strict=True):
        field = ADJUSTMENTS[case][-1]
        assert (finished.code, len(finished.err.splitlines())) == (2, 1), f"{case}: {finished.err}"
        assert field in finished.err, case
    assert await desk.balance("user:alice1") == (5, 0, 5)


async def test_what_is_not_there_is_a_finding(desk: Stage) -> None:
    for arguments in (("orders", "show", "ord-1"), ("accounts", "show", "user:alice1")):
        finished = await desk.run(*arguments)
        assert (finished.code, len(finished.err.splitlines())) == (1, 1)
        assert arguments[-1] in finished.err


async def test_answers_for_machines_are_json_lines_with_decimals_as_text(desk: Stage) -> None:
    await adjust(desk, "adj-1", "0.00000001")
    for arguments in (("orders", "list"), ("accounts", "list"), ("entries",)):
        rows = [json.loads(line) for line in (await desk.run(*arguments, "--json")).out.splitlines()]
        assert rows
        for row in rows:
            for name in {"amount", "posted", "held", "available", "balance_after"} & row.keys():
                assert isinstance(row[name], str)
                assert "E" not in row[name]
    shown = json.loads((await desk.run("orders", "show", "adj-1", "--json")).out)
    assert {line["amount"] for line in shown["entries"]} == {"0.00000001", "-0.00000001"}
    account = json.loads((await desk.run("accounts", "show", "user:alice1", "--json")).out)
    assert account["balances"][0]["posted"] == "0.00000001"
    assert (await desk.run("audit", "--json")).out == ""


async def test_help_for_whoever_names_no_command_is_an_error_all_the_same(desk: Stage) -> None:
    for arguments in ((), ("orders",)):
        finished = await desk.run(*arguments)
        assert (finished.code, finished.err) == (2, "ledger-worker: a command is missing\n")
        assert "Usage" in finished.out


async def test_a_file_with_another_type_than_was_named_is_refused(desk: Stage) -> None:
    pairs = dict(pair.split("=") for pair in FIELDS)
    body = json.dumps({**pairs, "coinId": 1280, "type": "transfer"}).encode()
    refused = await desk.run("publish", "swap", "--file", "-", stdin=body)
    assert (refused.code, refused.err) == (2, "ledger-worker: --file: type: must be swap\n")


async def test_what_was_done_is_told_to_machines_too(desk: Stage) -> None:
    options = ("--account", "user:alice1", "--provider", "ccpayment", "--coin", "1280", "--reason", "opening")
    for outcome in ("adjusted", "duplicate"):
        finished = await desk.run("adjust", "--order-id", "adj-1", "--amount", "5.50", *options, "--json")
        told = json.loads(finished.out)
        assert (finished.code, told["order_id"], told["amount"], told["outcome"]) == (0, "adj-1", "5.5", outcome)
    assert json.loads((await desk.run("migrate", "--json")).out) == {"applied": []}
    assert json.loads((await desk.run("rescan", "--json")).out) == {"provider": "ccpayment", "result": "nothing due"}
    check = await desk.run("topology", "check", "--json")
    assert check.code == 1
    assert {"problem": "exchange ledger.events is missing"} in [json.loads(line) for line in check.out.splitlines()]


async def test_the_audit_prints_what_is_broken_and_exits_1(desk: Stage) -> None:
    await adjust(desk, "adj-1", "5")
    with psycopg.connect(desk.database_url) as owner:
        owner.execute("ALTER TABLE ledger.entry DISABLE TRIGGER append_only")
        owner.execute("UPDATE ledger.entry SET amount = amount + 1 WHERE amount > 0")
        owner.execute("ALTER TABLE ledger.entry ENABLE TRIGGER append_only")
    audit = await desk.run("audit", "--json")
    assert audit.code == 1
    broken = {json.loads(line)["invariant"] for line in audit.out.splitlines()}
    assert {"journal sums to zero", "balance is the sum of its entries", "entries are a chain"} <= broken
    assert len(audit.err.splitlines()) == 1
    for_people = await desk.run("audit")
    assert for_people.code == 1
    assert "journal sums to zero" in " ".join(for_people.out.split())


# ---------------------------------------------------------------- without a schema


async def test_nothing_works_before_migrate_and_everything_says_so(desk: Stage, empty_database_url: str) -> None:
    empty = desk.having(LEDGER_DATABASE_URL=empty_database_url)
    for arguments in (("run",), ("run", "--role", "consume"), ("run", "--role", "relay"), ("audit",), ("entries",)):
        finished = await empty.run(*arguments)
        assert finished.code == 1, arguments
        assert "ledger-worker migrate" in finished.err.splitlines()[-1], arguments
    assert (await empty.run("migrate")).code == 0
    assert (await empty.run("migrate")).code == 0
    assert (await empty.run("audit")).code == 0


# ---------------------------------------------------------------- with a broker


async def test_a_published_command_arrives_and_its_end_is_waited_for(stage: Stage) -> None:
    async with stage.worker():
        await stage.fund_merchant()
        pairs = ("orderId=ord-1", f"fromUserId={APP_ID}", "toUserId=alice1", "coinId=1280", "amount=1.50")
        waited = await stage.run("publish", "transfer", *pairs, "--wait", "--json")
        assert waited.code == 0
        assert json.loads(waited.out)["data"]["result"] == "succeeded"
        body = json.dumps(dict(pair.split("=") for pair in pairs) | {"coinId": 1280, "orderId": "ord-2"}).encode()
        told = await stage.run("publish", "transfer", "--file", "-", "--wait", stdin=body)
        assert (told.code, "succeeded" in told.out) == (0, True)
        path = stage.folder / "command.json"
        path.write_bytes(body)
        refused = await stage.run(
            "publish", "transfer", "--file", str(path), "orderId=ord-3", "amount=9999999", "--wait"
        )
        assert "insufficient_funds" in refused.out


async def test_waiting_for_an_end_that_does_not_come_is_a_finding(desk: Stage) -> None:
    await desk.run("topology", "apply")
    finished = await desk.run("publish", "transfer", *FIELDS, "--wait", "--timeout", "0.5")
    assert (finished.code, finished.out) == (1, "")
    assert "ord-1" in finished.err


async def test_events_are_printed_as_they_come(stage: Stage) -> None:
    async with (
        connected(stage.amqp_url) as client,
        stage.worker(),
        stage.program("events", "--count", "2", "--json") as listener,
    ):
        for number in count(1):  # the first that it prints tells that its queue is bound
            await client.ask(transfer(f"ord-{number}", "alice1", "bob123", "1"))
            if listener.lines:
                break
        await client.ask(transfer("ord-last", "alice1", "bob123", "1"))
        assert await listener.ends() == 0
        assert [json.loads(line)["data"]["result"] for line in listener.lines] == ["rejected"] * 2


async def test_a_listener_whose_connection_ends_says_so_and_exits_1(desk: Stage) -> None:
    await desk.run("topology", "apply")
    async with proxied(desk.amqp_url) as broker:
        through = desk.having(LEDGER_AMQP_URL=on_port(desk.amqp_url, broker.port))
        async with through.program("events") as listener:
            await broker.until_somebody_comes()
            while not listener.lines:
                broker.cut()
                await asyncio.sleep(0.05)
            assert await listener.ends() == 1
            assert len(listener.lines) == 1
